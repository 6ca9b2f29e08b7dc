"""Sources on the network become files for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foreshore.errors import ForeshoreError
from foreshore.http import Door

if TYPE_CHECKING:
    from foreshore.workspace import Workspace


@contextmanager
def fetched(
    workspace: Workspace,
    sources: Sequence[str | Path],
    door: Door | None,
    failed: list[tuple[str, str]],
    say: Callable[[str], None],
) -> Iterator[list[tuple[str, Path]]]:
    """Yield (name, path) of every source; web addresses are downloaded into the workspace's scratch space.

    What cannot be had is added to `failed`. The downloads are removed at the end.
    """
    with tempfile.TemporaryDirectory(dir=workspace.temporary_dir, prefix="intel-") as folder:
        found: list[tuple[str, Path]] = []
        for number, source in enumerate(sources):
            text = str(source)
            try:
                if text.lower().startswith(("http://", "https://")):
                    say(f"asking {text}")
                    path = Path(folder) / f"{number}-{text.split('?')[0].rstrip('/').rsplit('/', 1)[-1][:80]}"
                    with path.open("wb") as target:
                        (door or Door()).get(text, target=target)
                else:
                    path = Path(source)
                    if not path.exists():
                        raise ForeshoreError("there is no such file or folder", where=text)
                found.append((text, path))
            except ForeshoreError as error:
                failed.append((text, error.sentence()))
        yield found
