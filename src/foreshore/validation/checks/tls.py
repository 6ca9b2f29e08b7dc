"""Does a server still take an old TLS version or a weak cipher, and is its certificate sound?"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from foreshore.validation import certificate, hello
from foreshore.validation.guard import Guard
from foreshore.validation.hello import Answer
from foreshore.validation.hypothesis import Hypothesis, Plan, Verdict, ask_of

# What is offered for a claim, one hello each: version and suites. Any acceptance confirms.
_WEAK = tuple(suite for name in ("rc4", "des", "export", "null", "anonymous") for suite in hello.SUITES[name])
_OFFERS: dict[str, tuple[tuple[int, tuple[int, ...]], ...]] = {
    "sslv3": ((hello.SSL3, hello.OLD),),
    "tls1.0": ((hello.TLS10, hello.OLD),),
    "tls1.1": ((hello.TLS11, hello.OLD),),
    "tls1.0-1.1": ((hello.TLS11, hello.OLD), (hello.TLS10, hello.OLD)),
    "weak_cipher": ((hello.TLS12, _WEAK),),
    **{name: ((hello.TLS12, suites),) for name, suites in hello.SUITES.items()},
}
_CERTIFICATE = ("expired", "self_signed", "small_key", "weak_signature", "wrong_name")
CLAIMS = (*_OFFERS, *_CERTIFICATE, "untrusted")
_SAID = {
    "sslv3": "SSL 3.0", "tls1.0": "TLS 1.0", "tls1.1": "TLS 1.1", "tls1.0-1.1": "TLS 1.0 or 1.1", "rc4": "RC4",
    "3des": "triple DES", "des": "DES", "export": "export ciphers", "null": "ciphers without encryption",
    "anonymous": "ciphers without authentication", "weak_cipher": "weak ciphers",
}  # fmt: skip


@dataclass(frozen=True)
class Tls:
    """Begins TLS handshakes: tells which versions and weak ciphers a server takes, and judges its certificate.

    A declined offer refutes only where the same server takes an up-to-date one; so a dead port or
    something else than TLS stays inconclusive.
    """

    name: str = "tls"

    def plan(self, hypothesis: Hypothesis) -> Plan:
        """Return one connection for each hello, and one to see that the server speaks TLS at all."""
        count = len(_OFFERS.get(hypothesis.claim, (None,))) + 1
        return Plan(ask_of(hypothesis, self.name), hypothesis.claim, hypothesis.names, count)

    def run(self, plan: Plan, guard: Guard) -> Verdict:
        """Ask. Raises Refused where the guard refuses."""
        try:
            if plan.claim in _OFFERS:
                return _offered(plan, guard)
            return _trust(plan, guard) if plan.claim == "untrusted" else _certificate(plan, guard)
        except TimeoutError:
            return Verdict("inconclusive", f"no answer on port {plan.ask.port}")
        except ssl.SSLError as error:
            return Verdict("inconclusive", f"no handshake: {_reason(error)}")
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            return Verdict("inconclusive", f"no connection to port {plan.ask.port}: {why}")


def _offered(plan: Plan, guard: Guard) -> Verdict:
    what = _SAID[plan.claim]
    answers = []
    for version, suites in _OFFERS[plan.claim]:
        answer = _ask(plan, guard, version, suites)
        answers.append(answer)
        if answer.suite in suites and _accepted(answer, version):
            taken = hello.VERSIONS.get(answer.version, hex(answer.version))
            return Verdict("confirmed", f"the server takes {what} ({taken}, suite 0x{answer.suite:04X})")
    odd = next((one for one in answers if not (_declined(one) or one.suite)), None)
    if odd is not None:
        return Verdict("inconclusive", f"offered only {what}, {odd.said}")
    control = _ask(plan, guard, hello.TLS13, (*hello.NEW, *hello.OLD))
    if control.kind != "hello":
        return Verdict("inconclusive", f"the server declines {what}, but also an up-to-date offer: {control.said}")
    taken = hello.VERSIONS.get(control.version, hex(control.version))
    return Verdict("refuted", f"offered only {what}, {answers[0].said}; it takes {taken}")


def _accepted(answer: Answer, version: int) -> bool:
    """An old version has to be taken as such; for a weak cipher any version will do."""
    return answer.kind == "hello" and (answer.version == version or hello.TLS12 == version >= answer.version)


def _declined(answer: Answer) -> bool:
    return answer.kind == "closed" or (answer.kind == "alert" and answer.alert in hello.DECLINING)


def _ask(plan: Plan, guard: Guard, version: int, suites: tuple[int, ...]) -> Answer:
    with guard.open(plan.ask) as line:
        line.send(hello.client_hello(version, suites, _name(plan)))
        try:
            return hello.read_answer(line.receive)
        except ConnectionResetError:
            return Answer("closed")


def _name(plan: Plan) -> str:
    return next((name for name in plan.names if "." in name and name.isascii() and len(name) < 254), "")


def _certificate(plan: Plan, guard: Guard) -> Verdict:
    with guard.open(plan.ask) as line:
        der = certificate.fetch(line, _name(plan))
    holds, why = certificate.judge(plan.claim, der, plan.names, guard.now())
    return Verdict("inconclusive" if holds is None else "confirmed" if holds else "refuted", why)


def _trust(plan: Plan, guard: Guard) -> Verdict:
    try:
        with guard.open(plan.ask) as line:
            certificate.fetch(line, _name(plan), trusted=True)
    except ssl.SSLCertVerificationError as error:
        return Verdict("confirmed", f"the chain leads to no root that this machine trusts: {_reason(error)}")
    return Verdict("refuted", "the chain leads to a root that this machine trusts")


def _reason(error: Any) -> str:
    return str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error).lower().replace("_", " ")


PLUGIN = Tls()
