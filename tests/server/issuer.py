"""A small OpenID Connect issuer for tests: signs in whomever the test says, with real signatures."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """What it says about who signs in next, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any] | str]:
        """Return the answer to one request: JSON, or where to go."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(parts.path)
        if parts.path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks", "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }  # fmt: skip
        if parts.path == "/authorize":
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            return 302, f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        if parts.path == "/token":
            asked = self.codes.pop(form["code"])
            assert asked["code_challenge_method"] == "S256"
            claims = {"iss": self.url, "aud": form["client_id"], "iat": int(time.time()), "exp": int(time.time()) + 300}
            signed = jwt.encode({**claims, **self.claims}, KEY, "RS256", headers={"kid": "one"})
            return 200, {"access_token": "not-a-real-secret", "token_type": "Bearer", "id_token": signed}
        if parts.path == "/userinfo":
            return 200, self.claims
        if parts.path == "/jwks":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            return 200, {"keys": [{**key, "kid": "one", "use": "sig", "alg": "RS256"}]}
        return 404, {}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Run an issuer until the block ends."""
    held: list[Issuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*held[0].answer(self.path, {}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._say(*held[0].answer(self.path, {name: values[0] for name, values in parse_qs(body).items()}))

        def _say(self, status: int, said: dict[str, Any] | str) -> None:
            self.send_response(status)
            if isinstance(said, str):
                self.send_header("Location", said)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"" if isinstance(said, str) else json.dumps(said).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.append(Issuer(f"http://localhost:{server.server_address[1]}"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield held[0]
    finally:
        server.shutdown()
        server.server_close()
