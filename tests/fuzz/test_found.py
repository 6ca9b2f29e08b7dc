"""What the hunt ever found stays answered; and a bounded hunt, the same in every run, over all readers."""

from __future__ import annotations

from random import Random

import pytest
from tests.fuzz import attempts, mutations

FOUND = sorted(attempts.FOUND.glob("*.bin"))
TRIES = 300


@pytest.mark.parametrize("name", [one.name for one in FOUND])
def test_what_was_found_gives_records_or_a_clear_refusal(name: str) -> None:
    with attempts.bounded():
        attempts.attempt(attempts.reader_of(name.rpartition("-")[0]), (attempts.FOUND / name).read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", attempts.names())
def test_changed_samples_give_records_or_a_clear_refusal(name: str) -> None:
    reader, samples, random = attempts.reader_of(name), attempts.samples(name), Random(f"steady {name}")
    for _ in range(TRIES):
        data = mutations.mutate(random.choice(samples), random)
        try:
            with attempts.bounded():
                attempts.attempt(reader, data)
        except (Exception, attempts.TooSlow) as error:
            error.add_note(f"`python -m tests.fuzz.fuzz_readers {name}` keeps such bytes in tests/fuzz/found")
            raise


def test_the_changes_are_the_same_for_the_same_seed_and_keep_most_documents_whole() -> None:
    """Changes that broke every document would only ever test the decoder."""
    sample = next(iter(attempts.samples("trivy")))
    changed = [mutations.mutate(sample, Random(number)) for number in range(200)]
    assert changed == [mutations.mutate(sample, Random(number)) for number in range(200)]
    assert len(set(changed)) > 150
    reader = attempts.reader_of("trivy")
    assert sum(isinstance(attempts.attempt(reader, one), list) for one in changed) > 50
