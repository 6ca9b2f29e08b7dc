"""`python -m foreshore`: the same as the command `foreshore`."""

from __future__ import annotations

from foreshore.cli.main import main

if __name__ == "__main__":
    main()
