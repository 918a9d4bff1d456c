"""What was kept out of imports, to look at: ``quarantine/imports/<file>/``, closed to others like the whole quarantine.

One folder per file name, replaced by each look at the file: ``kept.json`` says why, ``records.parquet`` holds the
lines, and a stopped file lies there whole. It goes when a later content of the file passes, and in time with
``pulse prune``.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from pulse.core import memory_database
from pulse.core.errors import StorageError
from pulse.core.files import fsync_folder, read_json, storage_error, write_json
from pulse.core.home import Home, path_value
from pulse.imports import gate
from pulse.imports.gate import FileVerdict
from pulse.lake import quality


@dataclass(frozen=True)
class KeptFile:
    """A stopped file, or the lines that were kept out of one that passed.

    Attributes:
        reasons: message by rule for a stopped file; empty for mere lines.
        records_n: lines kept out.
    """

    file_name: str
    load_id: str
    is_stopped: bool
    reasons: Mapping[str, str]
    records_n: int
    kept_at: datetime


def keep(home: Home, verdict: FileVerdict, database: Path, *, run_id: str, recorded_at: datetime) -> None:
    """Keep what the verdict keeps out, or forget what was kept of the file before. Can be repeated.

    Side effects: ``quarantine/imports/<file>``, ``quality.quarantined_rows``.
    """
    given = verdict.given
    folder = _folder(home, given.name)
    draft = folder.with_name(f".{path_value(given.name)}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        if not verdict.stopped_by and not verdict.kept_out_n:
            return
        draft.mkdir(parents=True)
        gate.write_kept_out(database, draft / "records.parquet")
        if verdict.stopped_by and given.copy is not None:
            shutil.copyfile(given.copy, draft / "file.csv")
        reasons = {result.rule: result.message for result in verdict.stopped_by}
        facts = {
            "file_name": given.name, "load_id": given.load_id, "is_stopped": bool(reasons), "reasons": reasons,
            "records_n": verdict.kept_out_n, "kept_at": recorded_at.isoformat(),
        }  # fmt: skip
        write_json(draft / "kept.json", facts)
        draft.rename(folder)
        fsync_folder(folder.parent)
    except OSError as error:
        raise storage_error(folder, error) from error
    _note_records(home, verdict, folder, run_id, recorded_at)


def _note_records(home: Home, verdict: FileVerdict, folder: Path, run_id: str, recorded_at: datetime) -> None:
    """Every line kept out, one row per broken rule, without any text of it."""
    with memory_database.cursor() as connection:
        notes = connection.execute(
            """
            select $run_id as run_id, $load_id as load_id, $entry_id as entry_id, cast(null as varchar) as community,
                result_date as day, if(is_readable, fault, 'line_is_readable') as rule,
                if(is_readable, 'the rule does not hold', fault) as reason, cast(null as varchar) as contribution_id,
                $file_name as file, line_number, $recorded_at as recorded_at
            from (select *, unnest(broken) as fault from read_parquet($records))
            """,
            {
                "run_id": run_id,
                "load_id": verdict.given.load_id,
                "entry_id": gate.entry_id(verdict.given.name),
                "file_name": verdict.given.name,
                "recorded_at": recorded_at,
                "records": str(folder / "records.parquet"),
            },
        ).to_arrow_table()
    stem = f"{run_id}-{verdict.given.load_id}"
    quality.append_table(home, quality.QUARANTINED_ROWS, pa.table(notes), stem=stem)


def kept_files(home: Home) -> list[KeptFile]:
    """What is kept, by file name."""
    found = []
    for folder in sorted((home.quarantine / "imports").glob("[!.]*")):
        facts = read_json(folder / "kept.json")
        found.append(KeptFile(**facts | {"kept_at": datetime.fromisoformat(facts["kept_at"])}))
    return found


def kept_lines(home: Home, file_name: str, *, limit: int) -> list[tuple[int, str, str]]:
    """Lines kept out of a file: number, what each broke, and its text.

    Hostile text as it was written: make it printable before it is shown.

    Raises:
        StorageError: nothing is kept of that file.
    """
    if file_name not in {kept.file_name for kept in kept_files(home)}:
        raise StorageError(
            "quarantine", value=f"nothing is kept of the file {file_name}", next_step="`pulse status` names the files"
        )
    with memory_database.cursor() as connection:
        rows = connection.execute(
            "select line_number, array_to_string(broken, ', '), line from read_parquet(?) order by line_number limit ?",
            [str(_folder(home, file_name) / "records.parquet"), limit],
        ).fetchall()
    return [(number, broken, bytes(line).decode("utf-8", "backslashreplace")) for number, broken, line in rows]


def forget(home: Home, file_name: str) -> None:
    """Remove what is kept of a file."""
    shutil.rmtree(_folder(home, file_name), ignore_errors=True)


def _folder(home: Home, file_name: str) -> Path:
    return home.quarantine / "imports" / path_value(file_name)
