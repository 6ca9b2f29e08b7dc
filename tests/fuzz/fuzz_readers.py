"""Look for bytes that a reader answers with anything but records or a clear refusal.

`python -m tests.fuzz.fuzz_readers [READER…] [--seconds N] [--jobs N]`: every reader for N seconds in a process
of its own, guided by coverage where the package `atheris` is there. What is found is written to
`tests/fuzz/found/READER-HASH.bin`, once for each line of ours that failed; `test_found.py` tries it for ever.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.fuzz.mutations import mutate

ROOT = Path(__file__).parents[2]
LARGEST = 64 * 1024
MARK = "fuzzed: "


class Hunt:
    """One reader under attack: counts attempts and keeps the first, then shorter, inputs of each mistake."""

    def __init__(self, name: str) -> None:
        from tests.fuzz import attempts

        self.name = name
        self.count = 0
        self.mistakes: dict[str, bytes] = {}
        self._attempts = attempts
        self._reader = attempts.reader_of(name)
        self.samples = attempts.samples(name)

    def try_bytes(self, data: bytes) -> None:
        """Attempt `data`; a mistake is noted, and the hunt goes on."""
        self.count += 1
        try:
            with self._attempts.bounded():
                self._attempts.attempt(self._reader, data)
        except (Exception, self._attempts.TooSlow) as error:
            place = self._attempts.place_of(error)
            if place not in self.mistakes or len(data) < len(self.mistakes[place]):
                self.mistakes[place] = data

    def tell(self) -> None:
        """Write what was found to files, and say so."""
        for place, data in sorted(self.mistakes.items()):
            file = self._attempts.FOUND / f"{self.name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)
            print(f"{MARK}{self.name}: {file.name}: {place}", flush=True)
        print(f"{MARK}{self.name}: {self.count} attempts, {len(self.mistakes)} mistakes", flush=True)


def blind(name: str, seconds: float) -> None:
    """Change samples at random, without guidance."""
    hunt = Hunt(name)
    random = Random(name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hunt.try_bytes(mutate(random.choice(hunt.samples), random)[:LARGEST])
    hunt.tell()


def guided(name: str, seconds: int) -> None:
    """Let coverage of our own modules decide which changes are built upon; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["foreshore.discovery"]):
        hunt = Hunt(name)
    end = time.monotonic() + seconds
    corpus = tempfile.TemporaryDirectory(prefix="foreshore-fuzz-")

    def one(data: bytes) -> None:
        hunt.try_bytes(data)
        if time.monotonic() > end:  # left to itself, the library ends the process without a word
            hunt.tell()
            corpus.cleanup()
            os._exit(0)

    def changed(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        return mutate(data, random)[:most] if random.random() < 0.8 else bytes(atheris.Mutate(data, most))

    for number, sample in enumerate(hunt.samples):
        (Path(corpus.name) / str(number)).write_bytes(sample)
    words = [name, corpus.name, f"-max_len={LARGEST}", "-timeout=0", "-rss_limit_mb=0", "-verbosity=0",
             "-len_control=0", f"-artifact_prefix={corpus.name}/"]  # fmt: skip
    atheris.Setup(words, one, custom_mutator=changed)
    atheris.Fuzz()


def in_child(name: str, seconds: int) -> str:
    """Hunt in a fresh process and return what it said."""
    command = [sys.executable, "-m", "tests.fuzz.fuzz_readers", "--child", name, "--seconds", str(seconds)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=seconds + 120, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{MARK}{name}: did not end"
    said = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    return "\n".join(said) or f"{MARK}{name}: ended ({done.returncode}) with: {done.stderr[-1500:]}"


def main() -> int:
    """Take the command line apart, hunt, and return 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="readers; all by default")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        hunt = guided if importlib.util.find_spec("atheris") else blind
        hunt(given.child, given.seconds)
        return 0
    from tests.fuzz.attempts import names

    bad = False
    with ThreadPoolExecutor(given.jobs) as pool:
        for said in pool.map(lambda name: in_child(name, given.seconds), given.names or names()):
            bad = bad or not said.endswith(" 0 mistakes")
            print(said.replace(MARK, ""), flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
