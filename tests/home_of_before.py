"""A home as the version without coverage left it: made of one that this version filled.

Held against homes that the code before coverage (git commit 31214d0) made: the same folders, the same keys of a load's
manifest and of ``warehouse/state.json``, the same columns of outcomes and raw. What is published stays that of this
version; the state's ``identity`` says otherwise, so that it is built again.
"""

import json
import shutil
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core.files import read_json, write_json
from pulse.core.home import Home
from pulse.lake import quality

MANIFEST_KEYS = frozenset(
    {
        "api_calls_n", "bad_lines_n", "community", "community_observations_n", "contract_version", "earlier_rows_n",
        "entry_id", "first_day", "incomplete_days", "is_replayable", "last_day", "load_id", "named_elsewhere",
        "partial_reason", "platform", "released_from", "rows_by_day", "sealed_at", "skipped", "source", "unknown_keys",
        "unknown_keys_sampled_n", "waived_rules",
    }
)  # fmt: skip
STATE_KEYS = frozenset({"build_id", "contribution_dates", "identity", "is_publishable", "is_published", "notes"})


def make_home_of_before(home: Home, known: Mapping[str, Collection[date]]) -> None:
    """Turn a home into one of the version before.

    Args:
        known: the days of each entry that the version before called complete: all from the first record of its files
            to the last, of whatever community and kind.
    """
    for folder in (home.raw / "coverage", home.quality / quality.CREATION_TIME_CLASHES, home.landing / "archives"):
        shutil.rmtree(folder, ignore_errors=True)
    (home.raw / "author_key.json").unlink(missing_ok=True)
    for folder in (home.landing / "loads", home.quarantine / "loads"):
        for manifest in folder.glob("*/load.json"):
            _seal_as_before(manifest, known)
    for file in quality.files(home, quality.LOAD_OUTCOMES):
        _say_as_before(file, known)
    for note in (home.warehouse / "pending").glob("*.json"):
        content = read_json(note)
        content.pop("files", None)
        write_json(note, content)
    state = home.warehouse / "state.json"
    if state.is_file():
        content = {name: value for name, value in read_json(state).items() if name in STATE_KEYS}
        write_json(state, content | {"identity": {"project": "before", "sentiment_model_id": "before"}})


def _seal_as_before(manifest: Path, known: Mapping[str, Collection[date]]) -> None:
    for file in (manifest.parent / "coverage.parquet", *manifest.parent.glob("unplaced-*.parquet")):
        file.unlink(missing_ok=True)
    content: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    first, last = (date.fromisoformat(content[name]) for name in ("first_day", "last_day"))
    window = [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]
    content["incomplete_days"] = [day.isoformat() for day in window if day not in known.get(content["entry_id"], ())]
    write_json(manifest, {name: content[name] for name in sorted(MANIFEST_KEYS)})


def _say_as_before(file: Path, known: Mapping[str, Collection[date]]) -> None:
    table = pq.read_table(file)
    rows = table.to_pylist()
    for row in rows:
        if row["outcome"] in ("arrived", "empty", "partial", "never_seen"):
            is_known = row["day"] in known.get(row["entry_id"], ())
            row["outcome"] = ("arrived" if row["contributions_n"] else "empty") if is_known else "partial"
            row["reason"] = None if is_known else "the source could not prove that it listed the whole day"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
