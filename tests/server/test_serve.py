"""The front door of the service: first run, sign-in, health, and nothing to see without an account."""

from __future__ import annotations

from tests.served import Service, post


def test_health_and_readiness_answer_without_an_account(service: Service) -> None:
    with service.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json()["checks"] == {"database": "ok", "cycle": "ok"}
        assert "foreshore_requests_total" in client.get("/metrics").text


def test_nothing_is_shown_without_an_account(service: Service) -> None:
    with service.client() as client:
        for path in ("/", "/exposures/", "/assets/", "/settings/"):
            answer = client.get(path)
            assert "/accounts/login/" in str(answer.url)


def test_the_first_run_link_works_once(service: Service) -> None:
    assert service.link
    with service.client() as client:
        assert client.get(service.link).status_code == 404


def test_a_wrong_password_does_not_let_in_and_locks_after_five(service: Service) -> None:
    with service.client() as client:
        for _ in range(6):
            answer = post(client, "/accounts/login/", {"login": "nobody@example.com", "password": "wrong-password-1"})
        assert answer.status_code in (200, 429)
        assert "Too many" in answer.text


def test_security_headers(service: Service) -> None:
    with service.client() as client:
        answer = client.get("/accounts/login/")
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
