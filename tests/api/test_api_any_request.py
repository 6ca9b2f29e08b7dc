"""Any request that the description allows, and many that it does not: never a failure of the service."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
from tests.api.conftest import Api
from tests.served import Service

EXAMPLES = int(os.environ.get("FORESHORE_API_EXAMPLES", "6"))
# Not asked at random: these end what the other tests stand on, or put long work into the queue by the dozen.
_LEFT_OUT = ("/people/{person}", "/tokens/{token}")
_HEAVY = ("/cycles", "/what-if", "/plan", "/cycles/diff", "/intelligence/update", "/reports")


@pytest.fixture(scope="module")
def description(service: Service) -> Any:
    schemathesis = pytest.importorskip("schemathesis")
    found = httpx.get(f"{service.url}/api/v1/openapi.json").json()
    return schemathesis.openapi.from_dict(found)


def test_no_request_makes_the_service_fail(description: Any, service: Service, api: Api) -> None:
    from hypothesis import HealthCheck, given, settings
    from schemathesis import checks

    client, failures = api("random@example.com"), []
    asked = 0
    for result in description.get_all_operations():
        operation = result.ok()
        if operation.path in _LEFT_OUT or (operation.method == "post" and operation.path in _HEAVY):
            continue
        asked += 1

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(base_url=f"{service.url}/api/v1", headers=dict(client.headers), timeout=60)
            case.validate_response(answer, checks=[checks.not_a_server_error], headers=dict(client.headers))
            if answer.status_code >= 400 and answer.status_code not in (404, 405):
                assert answer.headers["content-type"][0] == "application/problem+json", (case.path, answer.status_code)

        try:
            ask()
        except Exception as error:
            failures.append(f"{operation.method} {operation.path}: {str(error)[:1500]}")
    assert asked > 60
    assert not failures, "\n\n".join(failures[:10])
