"""``make bench``: measure everything and print a report in Markdown; ``--quick`` takes the small sizes only."""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from benchmarks import archive, gate, incremental, reddit_api

_NAMES = ("archive", "gate", "incremental", "reddit_api")


def main() -> None:
    """Run the chosen measurements; made-up data is kept in ``--data`` if given, else removed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"{', '.join(_NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--data", type=Path, help="folder to keep made-up archives in")
    options = parser.parse_args()
    print(f"# Benchmarks\n\nPython {platform.python_version()}, {os.cpu_count()} cores. Imports and set-up excluded.\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.names or _NAMES:
            print("\n".join(_lines(name, folder, is_quick=options.quick)), end="\n\n", flush=True)


def _lines(name: str, folder: Path, *, is_quick: bool) -> list[str]:
    if name == "archive":
        return archive.run(folder, {"25 MB": 25_000_000} if is_quick else archive.SIZES)
    if name == "gate":
        return gate.run(folder, 50_000 if is_quick else 1_000_000)
    if name == "incremental":
        return incremental.run(folder, (100_000, 200_000) if is_quick else (1_000_000, 10_000_000))
    if name == "reddit_api":
        if is_quick:
            return reddit_api.run(folder, busy_comments_n=1_200, pages_n=20, repeat=1)
        return reddit_api.run(folder, busy_comments_n=8_000, pages_n=100, repeat=3)
    raise SystemExit(f"unknown benchmark: {name}; choose of {', '.join(_NAMES)}")


if __name__ == "__main__":
    main()
