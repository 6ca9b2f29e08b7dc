"""Every feed in every form found among the mirrors, with known counts; and forms as published upstream."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import plugins
from foreshore.errors import BadFeed
from foreshore.intel.body import bodies
from foreshore.intel.rows import SCHEMA, moment

FEEDS = plugins.load("foreshore.intel.feeds")


def read(path: Path, wanted: frozenset[str] | None = None) -> tuple[str, list[dict[str, Any]]]:
    """The feed that recognises the file, alone, and all it yields."""
    (body,) = bodies(path)
    (name,) = [name for name, feed in FEEDS.items() if feed.sniff(body.head)]
    rows = []
    for table in FEEDS[name].parse(body, wanted):
        assert table.schema == SCHEMA
        rows += table.to_pylist()
    return name, rows


def written(folder: Path, name: str, content: object) -> Path:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("file", "feed", "counts", "newest"),
    [
        (
            "kev/known_exploited_vulnerabilities.json",
            "kev",
            {"kev": 1404, "ransomware": 293},
            "2025-08-25T17:04:19.979600",
        ),
        (
            "kev/known_exploited_vulnerabilities.asof-2023-09-30.json.gz",
            "kev",
            {"kev": 1012},
            "2023-09-28T09:51:49.860300",
        ),
        (
            "kev/known_exploited_vulnerabilities.asof-2024-10-24.json.gz",
            "kev",
            {"kev": 1202, "ransomware": 239},
            "2024-10-24T21:07:44.115900",
        ),
        ("kev/kev_timeline.csv", "kev", {"kev": 1416, "ransomware": 293}, "2025-08-29T00:00:00"),
        ("epss/epss_scores-2024-03-30.csv.gz", "epss", {"epss": 240466}, "2024-03-30T00:00:00"),
        ("epss/epss_scores-2025-08-17.csv.gz", "epss", {"epss": 289921}, "2025-08-17T00:00:00"),
        ("epss/epss_weekly_panel.csv.gz", "epss", {"epss": 314737}, "2025-08-31T00:00:00"),
        (
            "cve/cve-original-sample.jsonl.gz",
            "cve5",
            {"ssvc_exploitation": 2111, "rejected": 4},
            "2024-10-24T20:44:59.608000",
        ),
        ("cve/nvd-1.1-subset.jsonl.gz", "nvd", {"published": 7369, "rejected": 26}, "2025-05-15T01:00:00"),
        ("exploits/exploitdb_cve_map_2022-11.csv", "exploitdb", {"exploit_poc": 5159}, "2022-10-07T00:00:00"),
        (
            "exploits/metasploit_cve_timeline.csv",
            "metasploit",
            {"exploit_weaponized": 2562, "exploit_poc": 429},
            "2025-08-25T00:00:00",
        ),
        ("exploits/poc_index.csv.gz", "poc_index", {"exploit_poc": 113639}, "2025-08-31T00:00:00"),
    ],
)
def test_mirrors_have_their_known_counts(
    shared_data: Path, file: str, feed: str, counts: dict[str, int], newest: str
) -> None:
    name, rows = read(shared_data / "intel" / file)
    found = Counter(row["kind"] for row in rows)
    assert name == feed
    assert {kind: found[kind] for kind in counts} == counts
    marks = [row["observed_at"] for row in rows if row["weakness"] == "*"]
    assert max(marks) == datetime.fromisoformat(newest)


@pytest.mark.corpus
@pytest.mark.slow
def test_the_large_mirror_of_records_equals_its_flat_index(shared_data: Path) -> None:
    folder = shared_data / "intel" / "cve"
    _, rows = read(folder / "vulnrichment-2024-10-24.trimmed.jsonl.gz")
    points: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["kind"].startswith("ssvc_") and row["source"] == "cisa-adp":
            points.setdefault(row["weakness"], {})[row["kind"]] = row["text"]
    with gzip.open(folder / "cve_index.tsv.gz", "rt", encoding="utf-8") as lines:
        heading = next(lines).rstrip("\n").split("\t")
        index = [dict(zip(heading, line.rstrip("\n").split("\t"), strict=True)) for line in lines]
    assert len(index) == 44130
    words = {"poc": "public poc"}
    for entry in index:
        if entry["state"] != "PUBLISHED" or not entry["ssvcExploitation"]:
            continue
        own = points[entry["cveId"]]
        exploitation = entry["ssvcExploitation"].lower()
        assert own["ssvc_exploitation"] == words.get(exploitation, exploitation)
        assert own["ssvc_automatable"] == entry["ssvcAutomatable"].lower()
        assert own["ssvc_impact"] == entry["ssvcTechnicalImpact"].lower()


@pytest.mark.corpus
def test_only_wanted_weaknesses_are_taken(shared_data: Path) -> None:
    wanted = frozenset({"CVE-2021-44228", "CVE-2099-0001"})
    for file in (
        "kev/known_exploited_vulnerabilities.json",
        "epss/epss_scores-2025-08-17.csv.gz",
        "exploits/poc_index.csv.gz",
        "exploits/metasploit_cve_timeline.csv",
    ):
        _, rows = read(shared_data / "intel" / file, wanted)
        # Of the catalogue, vendors and products of all entries are kept, under a name of their own.
        names = {row["weakness"] for row in rows if not row["weakness"].startswith("kev:")}
        assert names == {"CVE-2021-44228", "*"}, file


def test_kev_flags_and_dates(tmp_path: Path) -> None:
    entry = {"cveID": "CVE-2099-0001", "dateAdded": "2025-02-03", "knownRansomwareCampaignUse": "Known"}
    other = {"cveID": "CVE-2099-0002", "dateAdded": "2025-02-04", "knownRansomwareCampaignUse": "Unknown"}
    catalogue = {
        "catalogVersion": "1",
        "dateReleased": "2025-03-01T12:00:00.000Z",
        "count": 2,
        "vulnerabilities": [entry, other],
    }
    _, rows = read(written(tmp_path, "kev.json", catalogue))
    assert [(row["weakness"], row["kind"], row["observed_at"]) for row in rows] == [
        ("CVE-2099-0001", "kev", datetime(2025, 2, 3)),
        ("CVE-2099-0001", "ransomware", datetime(2025, 3, 1, 12)),  # the flag has no date of its own
        ("CVE-2099-0002", "kev", datetime(2025, 2, 4)),
        ("*", "feed:kev", datetime(2025, 3, 1, 12)),
    ]
    table = b"cveID,vendorProject,dateAdded,knownRansomwareCampaignUse\nCVE-2099-0003,X,2025-02-05,Known\n"
    _, rows = read(written(tmp_path, "kev.csv", table))
    assert [row["kind"] for row in rows] == ["kev", "ransomware", "feed:kev"]


def test_kev_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    catalogue = {
        "catalogVersion": "1",
        "dateReleased": "2025-03-01T12:00:00Z",
        "count": 7,
        "vulnerabilities": [],
    }
    with pytest.raises(BadFeed, match="says 7 entries and has 0"):
        read(written(tmp_path, "kev.json", catalogue))


def test_epss_without_its_first_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFeed, match="does not say its date"):
        read(written(tmp_path, "epss.csv", b"cve,epss,percentile\nCVE-2099-0001,0.5,0.9\n"))


@pytest.mark.parametrize("score", [b"1.2", b"-0.1", b"", b"high"])
def test_epss_outside_its_bounds_is_refused(tmp_path: Path, score: bytes) -> None:
    first = b"#model_version:v2025.03.14,score_date:2025-08-17T00:00:00+0000\ncve,epss,percentile\n"
    with pytest.raises(BadFeed, match=r"epss\.csv"):
        read(written(tmp_path, "epss.csv", first + b"CVE-2099-0001," + score + b",0.9\n"))


RECORD = {
    "dataType": "CVE_RECORD",
    "cveMetadata": {
        "cveId": "CVE-2099-0001",
        "state": "PUBLISHED",
        "datePublished": "2025-01-02T03:04:05.000Z",
        "dateUpdated": "2025-02-01T00:00:00Z",
    },
    "containers": {
        "cna": {
            "descriptions": [{"lang": "en", "value": "A  thing\nbreaks."}],
            "problemTypes": [{"descriptions": [{"cweId": "CWE-79"}]}],
            "metrics": [
                {
                    "cvssV4_0": {
                        "vectorString": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                        "baseScore": 9.3,
                    }
                }
            ],
        },
        "adp": [
            {
                "providerMetadata": {
                    "orgId": "134c704f-9b21-4f2e-91b3-4a467353bcc0",
                    "dateUpdated": "2025-02-03T00:00:00Z",
                },
                "metrics": [
                    {
                        "other": {
                            "type": "ssvc",
                            "content": {
                                "timestamp": "2025-02-02T00:00:00Z",
                                "options": [
                                    {"Exploitation": "PoC"},
                                    {"Automatable": "Yes"},
                                    {"Technical Impact": "Total"},
                                ],
                            },
                        }
                    }
                ],
            }
        ],
    },
}


@pytest.mark.parametrize("form", ["single", "list", "lines", "lines.gz"])
def test_records_come_in_several_forms(tmp_path: Path, form: str) -> None:
    other = RECORD | {
        "cveMetadata": {"cveId": "CVE-2099-0002", "state": "REJECTED", "dateUpdated": "2025-02-01T00:00:00Z"}
    }
    lines = json.dumps(RECORD).encode() + b"\n" + json.dumps(other).encode() + b"\n"
    content: object = {
        "single": RECORD,
        "list": [RECORD, other],
        "lines": lines,
        "lines.gz": gzip.compress(lines),
    }[form]
    name, rows = read(written(tmp_path, "records", content))
    assert name == "cve5"
    found = {
        (row["kind"], row["source"]): (row["value"], row["text"], row["observed_at"])
        for row in rows
        if row["weakness"] == "CVE-2099-0001"
    }
    assert found[("ssvc_exploitation", "cisa-adp")] == (None, "public poc", datetime(2025, 2, 2))
    assert found[("ssvc_automatable", "cisa-adp")][1] == "yes"
    assert found[("ssvc_impact", "cisa-adp")][1] == "total"
    assert found[("cvss", "cna")][0] == 9.3
    assert found[("cwe", "cna")][1] == "79"
    assert found[("description", "cna")][1] == "A thing breaks."
    assert found[("published", "cve")][2] == datetime(2025, 1, 2, 3, 4, 5)
    rejected = [row for row in rows if row["kind"] == "rejected"]
    assert [row["weakness"] for row in rejected] == ([] if form == "single" else ["CVE-2099-0002"])


def test_folders_and_archives_of_records_are_one_source_each(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "records.zip", "w") as archive:
        for number in range(3):
            record = RECORD | {"cveMetadata": RECORD["cveMetadata"] | {"cveId": f"CVE-2099-000{number}"}}  # type: ignore[operator]
            archive.writestr(f"cves/2099/CVE-2099-000{number}.json", json.dumps(record))
    found = list(bodies(tmp_path / "records.zip"))
    assert [body.name for body in found] == [f"records.zip/cves/2099/CVE-2099-000{n}.json" for n in range(3)]
    assert all(FEEDS["cve5"].sniff(body.head) for body in found)
    assert len({body.digest() for body in found}) == 3


def test_nvd_answers_of_version_2(tmp_path: Path) -> None:
    cve = {
        "id": "CVE-2099-0001",
        "sourceIdentifier": "x",
        "published": "2025-01-02T03:04:05.000",
        "lastModified": "2025-02-01T00:00:00.000",
        "vulnStatus": "Analyzed",
        "descriptions": [{"lang": "en", "value": "It breaks."}],
        "weaknesses": [{"description": [{"lang": "en", "value": "CWE-787"}]}],
        "metrics": {
            "cvssMetricV31": [
                {
                    "source": "nvd@nist.gov",
                    "cvssData": {
                        "version": "3.1",
                        "baseScore": 9.8,
                        "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                    },
                }
            ]
        },
    }
    answer = {"resultsPerPage": 1, "format": "NVD_CVE", "version": "2.0", "vulnerabilities": [{"cve": cve}]}
    name, rows = read(written(tmp_path, "nvd.json", answer))
    assert name == "nvd"
    assert [(row["kind"], row["value"], row["text"]) for row in rows] == [
        ("published", None, "2025-01-02"),
        ("cvss", 9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        ("cwe", None, "787"),
        ("description", None, "It breaks."),
        ("feed:nvd", None, ""),
    ]


def test_metasploits_own_metadata(tmp_path: Path) -> None:
    modules = {
        "exploit_linux/http/thing": {
            "fullname": "exploit/linux/http/thing",
            "references": ["CVE-2099-0001", "URL-x"],
            "mod_time": "2025-03-01 10:00:00 +0000",
        },
        "auxiliary_scanner/http/thing": {
            "fullname": "auxiliary/scanner/http/thing",
            "references": ["CVE-2099-0002"],
            "mod_time": "2025-03-02 10:00:00 +0000",
        },
    }
    name, rows = read(written(tmp_path, "modules.json", modules))
    assert name == "metasploit"
    assert [(row["weakness"], row["kind"], row["text"]) for row in rows] == [
        ("CVE-2099-0001", "exploit_weaponized", "exploits/linux/http/thing"),
        ("CVE-2099-0002", "exploit_poc", "auxiliary/scanner/http/thing"),
        ("*", "feed:metasploit", ""),
    ]


def test_exploit_dbs_own_list(tmp_path: Path) -> None:
    text = (
        b"id,file,description,date_published,author,type,platform,port,date_added,date_updated,verified,codes,tags\n"
        b"7,exploits/x.py,Thing,2025-01-01,someone,remote,linux,,2025-01-02,2025-01-03,1,CVE-2099-0001;OSVDB-1,\n"
    )
    name, rows = read(written(tmp_path, "files_exploits.csv", text))
    assert name == "exploitdb"
    assert (rows[0]["weakness"], rows[0]["text"], rows[0]["observed_at"]) == (
        "CVE-2099-0001",
        "EDB-7",
        datetime(2025, 1, 2),
    )


def test_an_index_entry_that_is_only_mentioned_is_no_code(tmp_path: Path) -> None:
    text = (
        b"cve,first_seen,n_ref_asof_2024-10-24,n_github_asof_2024-10-24\n"
        b"CVE-2099-0001,2024-01-01,0,9\nCVE-2099-0002,2024-01-01,1,0\nCVE-2099-0003,2025-01-01,0,0\n"
    )
    _, rows = read(written(tmp_path, "poc.csv", text))
    assert [row["weakness"] for row in rows] == ["CVE-2099-0002", "CVE-2099-0003", "*", "*"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("kev.json", b'{"catalogVersion": "1", "vulnerabilities": [', "not valid JSON"),
        ("cve.json", b'{"dataType": "CVE_RECORD", "cveMetadata"', "not valid JSON"),
        ("cve.jsonl", b'{"dataType": "CVE_RECORD"}\n{"dataType": \n', r"cve\.jsonl:2"),
        (
            "cut.csv.gz",
            gzip.compress(
                b"#model_version:v1,score_date:2025-08-17T00:00:00+0000\ncve,epss,percentile\n"
                + b"CVE-2099-0001,0.1,0.1\n" * 200_000
            )[:3000],
            "damaged or cut off",
        ),
        (
            "own.csv",
            b"weakness,kind,value,text,source,model,observed_at\nCVE-2099-0001,epss,2,,us,,2025-01-01\n",
            r"own\.csv:2.*between 0 and 1",
        ),
        (
            "own.csv",
            b"weakness,kind,value,text,source,model,observed_at\nCVE-2099-0001,luck,1,,us,,2025-01-01\n",
            "not a kind of signal",
        ),
        (
            "own.csv",
            b"weakness,kind,value,text,source,model,observed_at\nCVE-2099-0001,kev,1,,us,,soon\n",
            "not a date",
        ),
    ],
)
def test_damaged_files_are_refused_with_a_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(BadFeed, match=words):
        read(written(tmp_path, name, content))


@given(st.binary(max_size=300))
def test_any_bytes_are_looked_at_and_at_most_one_feed_takes_them(head: bytes) -> None:
    assert sum(feed.sniff(head) for feed in FEEDS.values()) <= 1


@pytest.mark.corpus
def test_no_feed_takes_a_scanners_report(shared_data: Path) -> None:
    checked = 0
    for path in sorted((shared_data / "scans").rglob("*")):
        if path.is_file() and path.suffix != ".zip":
            (body,) = bodies(path) if path.read_bytes()[:4] != b"PK\x03\x04" else (None,)
            takers = [name for name, feed in FEEDS.items() if body is not None and feed.sniff(body.head)]
            # CSAF is read both ways: what a vendor says of its products is a report and intelligence.
            assert takers == (["csaf"] if path.parent.name == "csaf" else []), path.name
            checked += 1
    assert checked > 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-08-25T17:04:19.979Z", datetime(2025, 8, 25, 17, 4, 19, 979000)),
        ("2025-08-17T02:00:00+0200", datetime(2025, 8, 17)),
        ("2025-08-17", datetime(2025, 8, 17)),
        ("2021-08-28T07:01Z", datetime(2021, 8, 28, 7, 1)),
        ("2015.10.30", datetime(2015, 10, 30)),
        ("2025-13-45", None),
        ("", None),
        (None, None),
        (7, None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_dates_as_feeds_write_them(text: object, expected: datetime | None) -> None:
    assert moment(text) == expected
