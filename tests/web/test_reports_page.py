"""Reports written by a job, and exports that hold what one may see and nothing else."""

from __future__ import annotations

import csv
import io
import re
import time
from contextlib import closing

import pyarrow.parquet as pq
from tests.accounts import account
from tests.served import Service, post


def test_a_report_is_written_by_a_job_and_fetched(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        page = post(client, "/reports/", {"format": "md"})
        for _ in range(240):
            if found := re.search(r'href="(/reports/report-[^"]+\.md)/"', page.text):
                break
            time.sleep(0.5)
            page = client.get("/reports/")
        assert found is not None
        answer = client.get(f"{found[1]}/")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "CVE" in answer.text
        assert client.get("/reports/..%2Fscope.yaml/").status_code in (400, 404)
        assert post(client, "/reports/", {"format": "exe"}).status_code == 400


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


def test_exports_agree_and_honour_the_query(service: Service) -> None:
    with closing(service.client("admin@example.com")) as client:
        rows = _rows(client.get("/reports/export/", params={"format": "csv"}).text)
        table = pq.read_table(io.BytesIO(client.get("/reports/export/", params={"format": "parquet"}).content))
        lines = client.get("/reports/export/", params={"format": "ndjson"}).text.splitlines()
        assert len(rows) == table.num_rows == len(lines) == 8
        some = _rows(
            client.get("/reports/export/", params={"format": "csv", "where": "weakness = CVE-2021-44228"}).text
        )
        assert {one["asset_name"] for one in some} == {"web-1"}
        assert '"cyclonedx"' in client.get("/reports/export/", params={"format": "cyclonedx"}).text.lower()
        assert client.get("/reports/export/", params={"where": "wekness = 1"}).status_code == 400
        assert client.get("/reports/export/", params={"format": "exe"}).status_code == 404


def test_with_a_part_an_export_has_that_part_and_a_report_is_refused(service: Service) -> None:
    with closing(service.client(account(service, "owner", teams=("web-team",)))) as client:
        for format in ("csv", "ndjson", "ocsf", "openvex", "cyclonedx"):
            text = client.get("/reports/export/", params={"format": format}).text
            assert "db-1" not in text
            assert "CVE-2023-2454" not in text
        assert {one["asset_name"] for one in _rows(client.get("/reports/export/").text)} == {"web-1"}
        assert post(client, "/reports/", {"format": "html"}).status_code == 403
