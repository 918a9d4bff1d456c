"""``make bench``: measure everything and print a report in Markdown; ``--quick`` takes the small sizes only.

``local_executor`` starts Airflow's services, ``spark_builds`` needs Spark, and ``object_storage`` a
bucket: they are measured only where they are named.
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    archive,
    exports,
    gate,
    incremental,
    live_calls,
    many_entries,
    marts,
    object_storage,
    page,
    reddit_api,
    reddit_plan,
    runs,
    spark_builds,
)

_NAMES = (
    "archive", "exports", "gate", "incremental", "live_calls", "many_entries", "marts", "page", "reddit_api",
    "reddit_plan", "runs",
)  # fmt: skip


def main() -> None:
    """Run the chosen measurements; made-up data is kept in ``--data`` if given, else removed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"{', '.join(_NAMES)} (all by default), local_executor, object_storage, spark_builds"
    )
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
    reddit_sizes = (1_200, 20, 1) if is_quick else (8_000, 100, 3)
    measurements: dict[str, Callable[[], list[str]]] = {
        "archive": lambda: archive.run(folder, {"25 MB": 25_000_000} if is_quick else archive.SIZES),
        "exports": lambda: exports.run(folder, *((20_000, 50_000) if is_quick else (500_000, 1_000_000))),
        "gate": lambda: gate.run(folder, 50_000 if is_quick else 1_000_000),
        "incremental": lambda: incremental.run(folder, (100_000, 200_000) if is_quick else (1_000_000, 10_000_000)),
        "live_calls": lambda: live_calls.run(folder, 1_500 if is_quick else 5_000),
        "many_entries": lambda: many_entries.run(folder, 100 if is_quick else 500),
        "marts": lambda: [
            *marts.run(folder, (100_000,) if is_quick else (1_000_000,)),
            "",
            *marts.run_compacted(folder, ((30_000, 30),) if is_quick else marts.COMPACTED_SIZES),
            "",
            *marts.run_steps(folder, (30_000,) if is_quick else (1_000_000,)),
        ],
        "page": lambda: page.run(folder, *((20, 60) if is_quick else (300, 365))),
        "reddit_api": lambda: reddit_api.run(
            folder, busy_comments_n=reddit_sizes[0], pages_n=reddit_sizes[1], repeat=reddit_sizes[2]
        ),
        "reddit_plan": lambda: reddit_plan.run(folder, (10, 30) if is_quick else (30, 100, 300)),
        "runs": lambda: runs.run(folder, 20 if is_quick else 300),
        "local_executor": lambda: runs.run_local_executor(folder),
        "object_storage": lambda: object_storage.run(folder, 20_000 if is_quick else 300_000),
        "spark_builds": lambda: spark_builds.run(folder, *((20, 1_000) if is_quick else (90, 5_000))),
    }
    if name not in measurements:
        raise SystemExit(f"unknown benchmark: {name}; choose of {', '.join(measurements)}")
    return measurements[name]()


if __name__ == "__main__":
    main()
