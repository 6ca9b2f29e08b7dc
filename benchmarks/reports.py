"""Generated reports: those of the estate's generator, and plain ones of SARIF, ZAP and `more_reports`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from benchmarks import more_reports

PER_HOST = 50
NAMES = {"trivy": "report.json", "nessus": "report.nessus", "nuclei": "report.jsonl", "generic": "report.csv"}


def write(path: Path, format: str, findings: int, *, days: int = 0) -> Path:
    """Write a report of `findings` in `format` into the folder `path`; `days` later it is the same estate again."""
    from foreshore.estate.bulk import WHEN, write_bulk

    path.mkdir(parents=True, exist_ok=True)
    if format in _OWN:
        return _OWN[format](path, findings)
    file = path / f"{days}-{NAMES[format]}"
    hosts = max(1, findings // PER_HOST)
    write_bulk(file, format, findings, 7, hosts, when=WHEN + timedelta(days=days))
    return file


def _sarif(path: Path, findings: int) -> Path:
    rules = [
        {
            "id": f"demo/rule-{number}",
            "name": f"Rule{number}",
            "shortDescription": {"text": f"Input reaches a query in a way that rule {number} forbids"},
            "fullDescription": {"text": "Text from a request is put into a query without being escaped. " * 4},
            "properties": {"tags": ["security", f"external/cwe/cwe-{79 + number % 40}"], "security-severity": "7.5"},
        }
        for number in range(200)
    ]
    results = [
        {
            "ruleId": f"demo/rule-{number % 200}",
            "ruleIndex": number % 200,
            "level": "warning",
            "message": {"text": f"This value from a request reaches the query on line {number % 900 + 1}."},
            "partialFingerprints": {"primaryLocationLineHash": f"{number:016x}:1"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": f"src/part{number % 400}/file{number % 4000}.py"},
                        "region": {"startLine": number % 900 + 1, "startColumn": 5, "endColumn": 40},
                    }
                }
            ],
        }
        for number in range(findings)
    ]
    driver = {"name": "DemoScan", "version": "1.2.3", "rules": rules}
    origin = [{"repositoryUri": "https://git.example.com/shop/web", "revisionId": "0" * 40}]
    run = {"tool": {"driver": driver}, "results": results, "versionControlProvenance": origin}
    file = path / "report.sarif"
    file.write_text(json.dumps({"version": "2.1.0", "runs": [run]}))
    return file


def _zap(path: Path, findings: int) -> Path:
    """Alerts with three places each; an alert with all its places is one finding."""
    text = [
        '<?xml version="1.0"?><OWASPZAPReport version="2.14.0" generated="Mon, 6 Apr 2026 08:00:00">',
        '<site name="https://www.shop.example.com" host="www.shop.example.com" port="443" ssl="true"><alerts>',
    ]
    for alert in range(findings):
        text.append(
            f"<alertitem><pluginid>{10000 + alert}</pluginid><alertRef>{10000 + alert}</alertRef>"
            f"<alert>Header {alert} not set</alert><name>Header {alert} not set</name><riskcode>2</riskcode>"
            "<confidence>2</confidence><riskdesc>Medium (Medium)</riskdesc><confidencedesc>Medium</confidencedesc>"
            "<desc>&lt;p&gt;A header that protects visitors is missing.&lt;/p&gt;</desc><instances>"
        )
        for place in range(3):
            text.append(
                f"<instance><uri>https://www.shop.example.com/shelf/{alert}/item/{place}?page=1</uri>"
                "<method>GET</method><param>x-frame-options</param><attack></attack><evidence></evidence>"
                "<otherinfo></otherinfo></instance>"
            )
        text.append(
            "</instances><count>3</count><solution>&lt;p&gt;Set the header.&lt;/p&gt;</solution>"
            "<otherinfo></otherinfo><reference></reference><cweid>693</cweid><wascid>15</wascid>"
            "<sourceid>3</sourceid></alertitem>"
        )
    text.append("</alerts></site></OWASPZAPReport>")
    file = path / "report.xml"
    file.write_text("".join(text))
    return file


def _generic_json(path: Path, findings: int) -> Path:
    """The rows of the generic CSV as a list of JSON objects, empty cells left out."""
    import csv

    with write(path, "generic", findings).open(newline="", encoding="utf-8") as source:
        rows = [json.dumps({name: cell for name, cell in row.items() if cell}) for row in csv.DictReader(source)]
    file = path / "report.json"
    file.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    return file


_OWN = {"sarif": _sarif, "zap": _zap, "generic_json": _generic_json, **more_reports.WRITERS}
