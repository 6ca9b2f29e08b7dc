"""A backup taken while people decide and a cycle runs: each is one moment, and whole."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from tests.company import day, run
from tests.served import Service, made, serving

_TRAIL = """
import json
from foreshore import decisions
from foreshore.server.place import workspace
with decisions.open(workspace()) as opened:
    print(json.dumps({"broken": str(opened.audit_verify() or ""), "rows": len(opened.audit_entries())}))
"""


def foreshore(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own, as beside a service."""
    return subprocess.run(
        [sys.executable, "-m", "foreshore", *words], capture_output=True, text=True, timeout=240, check=False
    )


def busy(service: Service, keys: list[str], over: threading.Event, wrong: list[str]) -> None:
    """Decide about one exposure after another and take it back, until it is over."""
    turn = 0
    while not over.is_set():
        word = ("not-ours", "withdrawn")[turn % 2]
        key = keys[(turn // 2) % len(keys)]
        said = foreshore("decide", key, "--as", word, "--because", "looked at by two people",
                         "-w", str(service.workspace))  # fmt: skip
        if said.returncode:
            wrong.append(said.stderr)
        turn += 1


def test_backups_beside_decisions_and_a_cycle_are_whole(copy: Path, tmp_path: Path) -> None:
    keys = [one["id"] for one in run("exposures", "--json", "-w", str(copy)).json()]
    wrong: list[str] = []
    over = threading.Event()
    with serving(copy) as service:
        people = threading.Thread(target=busy, args=(service, keys, over, wrong))
        cycle = threading.Thread(target=foreshore, args=("cycle", "-w", str(copy)))
        people.start()
        cycle.start()
        made_files = []
        for number in range(3):
            file = tmp_path / f"backup-{number}.tar"
            said = foreshore("backup", str(file), "-w", str(copy), "--json")
            assert said.returncode == 0, said.stderr
            made_files.append(file)
            with closing(service.client("admin@example.com")) as client:
                assert client.get("/exposures/").status_code == 200, "pages go on"
        over.set()
        people.join()
        cycle.join()
    assert not wrong, wrong[0]
    sizes = []
    for number, file in enumerate(made_files):
        folder = tmp_path / f"again-{number}"
        said = foreshore("restore", str(file), str(folder))
        assert said.returncode == 0, said.stderr
        trail = json.loads(made(folder, _TRAIL))
        assert not trail["broken"], trail
        sizes.append(trail["rows"])
        rows = run("exposures", "--json", "-w", str(folder)).json()
        assert sorted(one["id"] for one in rows) == sorted(keys)
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0], "somebody decided between the first and the last"
    line = f"web-9,10.10.0.9,CVE-2021-44228,critical,{day(1)}"
    (tmp_path / "new.csv").write_text(f"asset,address,cve,severity,last_seen\n{line}\n", encoding="utf-8")
    where = ("-w", str(tmp_path / "again-2"))
    assert run("import", str(tmp_path / "new.csv"), "--source", "agents", *where).code == 0, "it goes on from there"
    assert run("cycle", *where).code == 0
