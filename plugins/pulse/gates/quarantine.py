"""Quarantine: what gate 1 kept out, to look at and to release.

- ``rows/<load_id>/``: broken rows of a load that may otherwise have passed, with the rules each broke, and the lines
  that could not be read. The rest of the load lies in its ``accepted`` folder then.
- ``rows/file-<content>/``: lines of a file that tell no community or no day, and so are no load's; once for each
  content, whatever takes loads from it.
- ``loads/<load_id>/``: a load that was stopped, whole, with ``stopped.json`` saying why.
- ``waivers/<load_id>.json``: rules that somebody waived for exactly this content. A replayable load has the same id
  whenever it is extracted again, so a rerun of a released day stays released.

The folder is closed to others (mode 0700) and the only place with original lines; ``pulse prune`` empties it in time.
"""

import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from pulse.core import memory_database
from pulse.core.clock import Clock
from pulse.core.errors import ConfigError, StorageError
from pulse.core.files import fsync_file, fsync_folder, read_json, sql_text, storage_error, write_json
from pulse.core.home import Home
from pulse.gates.rules import WAIVABLE_RULES
from pulse.lake import landing, quality
from pulse.lake.landing import Load

log = logging.getLogger(__name__)

LINE_IS_READABLE = "line_is_readable"
# As `landing.load_id_for` makes them, and no path.
_LOAD_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True)
class QuarantinedLoad:
    """A stopped load, or the kept records of one that passed.

    Attributes:
        reasons: message by rule for a stopped load; empty for mere records.
        records_n: unreadable lines and broken rows kept.
    """

    load_id: str
    entry_id: str
    window: str
    is_stopped: bool
    reasons: dict[str, str]
    records_n: int
    kept_at: datetime


# ---- keeping ---------------------------------------------------------------


def keep_records(home: Home, load: Load, rejected_file: Path, *, run_id: str, recorded_at: datetime) -> None:
    """Separate broken rows from good ones and note every record kept out. Can be repeated.

    Args:
        rejected_file: as :func:`pulse.gates.load_tables.write_rejected` left it; absent if no row is kept out.

    Side effects: ``quarantine/rows/<load_id>``, the load's ``accepted`` folder, ``quality.quarantined_rows``.
    """
    folder = home.quarantine / "rows" / load.load_id
    has_rejected, has_bad_lines = rejected_file.exists(), load.manifest.bad_lines_n > 0
    try:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(load.accepted_folder, ignore_errors=True)
        if has_rejected or has_bad_lines:
            folder.mkdir(parents=True)
            shutil.copyfile(load.bad_lines_file, folder / "bad_lines.parquet")
            write_json(folder / "kept.json", {"entry_id": load.manifest.entry_id, "kept_at": recorded_at.isoformat()})
        if has_rejected:
            with memory_database.cursor() as connection:
                _copy_rejected(connection, load, rejected_file, folder / "rows.parquet")
                _write_accepted(connection, load, rejected_file)
    except OSError as error:
        raise storage_error(folder, error) from error
    if has_rejected or has_bad_lines:
        _note_records(home, load, folder, run_id, recorded_at)


def keep_unplaced(home: Home, load: Load, *, run_id: str, recorded_at: datetime) -> None:
    """Book the lines of the files that no load can place, unless another load of that content has done so.

    Side effects: ``quarantine/rows/file-<content>``, and ``quality.quarantined_rows`` without load, entry, community
    and day.
    """
    for account in load.manifest.files:
        lines_file = load.unplaced_file(account)
        stem = f"file-{account.content}"
        if not account.unplaced_n or not lines_file.is_file() or quality.exists(home, quality.QUARANTINED_ROWS, stem):
            continue
        folder = home.quarantine / "rows" / stem
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shutil.copyfile(lines_file, folder / "bad_lines.parquet")
            write_json(folder / "kept.json", {"entry_id": None, "kept_at": recorded_at.isoformat()})
        except OSError as error:
            raise storage_error(folder, error) from error
        with memory_database.cursor() as connection:
            notes = connection.execute(
                f"""
                select $run_id as run_id, cast(null as varchar) as load_id, cast(null as varchar) as entry_id,
                    cast(null as varchar) as community, cast(null as date) as day, '{LINE_IS_READABLE}' as rule,
                    concat_ws(': ', fault, nullif(detail, '')) as reason, cast(null as varchar) as contribution_id,
                    file, line_number, $recorded_at as recorded_at
                from read_parquet({sql_text(folder / "bad_lines.parquet")})
                order by file, line_number
                """,
                {"run_id": run_id, "recorded_at": recorded_at},
            ).to_arrow_table()
        quality.append_table(home, quality.QUARANTINED_ROWS, pa.table(notes), stem=stem)


def _copy_rejected(connection: duckdb.DuckDBPyConnection, load: Load, rejected_file: Path, target: Path) -> None:
    files = ", ".join(sql_text(file) for file in load.rows_files().values())
    connection.execute(
        f"""
        copy (
            select given.* exclude (filename, file_row_number), rejected.partition_day, rejected.broken_rules
            from read_parquet([{files}], hive_partitioning = false, filename = true, file_row_number = true) as given
            join read_parquet({sql_text(rejected_file)}) as rejected
                on rejected.file_row_number = given.file_row_number
                and given.filename like '%day=' || rejected.partition_day || '.parquet'
            order by rejected.partition_day, given.file_row_number
        ) to {sql_text(target)} (format parquet, compression zstd)
        """
    )


def _write_accepted(connection: duckdb.DuckDBPyConnection, load: Load, rejected_file: Path) -> None:
    """The load's days without the rejected rows; days that lose none are linked. Appears whole or not at all."""
    draft = load.folder / ".accepted.tmp"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    days = {
        day
        for (day,) in connection.execute(
            "select distinct partition_day from read_parquet(?)", [str(rejected_file)]
        ).fetchall()
    }
    for day, file in load.rows_files().items():
        target = draft / file.name
        if day not in days:
            target.hardlink_to(file)
            continue
        connection.execute(
            f"""
            copy (
                select given.* exclude (file_row_number)
                from read_parquet({sql_text(file)}, hive_partitioning = false, file_row_number = true) as given
                anti join (
                    select file_row_number from read_parquet({sql_text(rejected_file)}) where partition_day = $day
                ) using (file_row_number)
                order by created_at, contribution_id, observed_at
            ) to {sql_text(target)} (format parquet, compression zstd)
            """,
            {"day": day},
        )
        _drop_if_empty(connection, target)
    for file in draft.iterdir():
        fsync_file(file)
    draft.rename(load.accepted_folder)
    fsync_folder(load.folder)


def _drop_if_empty(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    count = connection.execute("select count(*) from read_parquet(?)", [str(file)]).fetchone()
    if count == (0,):
        file.unlink()


def _note_records(home: Home, load: Load, folder: Path, run_id: str, recorded_at: datetime) -> None:
    with memory_database.cursor() as connection:
        notes = connection.execute(
            f"""
            select $run_id as run_id, $load_id as load_id, $entry_id as entry_id, community, day, rule, reason,
                contribution_id, file, line_number, $recorded_at as recorded_at
            from ({_record_selects(folder)})
            """,
            {
                "run_id": run_id,
                "load_id": load.load_id,
                "entry_id": load.manifest.entry_id,
                "recorded_at": recorded_at,
            },
        ).to_arrow_table()
    quality.append_table(home, quality.QUARANTINED_ROWS, pa.table(notes), stem=f"{run_id}-{load.load_id}")


def _record_selects(folder: Path) -> str:
    """Kept records, one row per broken rule, without any text of theirs."""
    lines = sql_text(folder / "bad_lines.parquet")
    selects = [
        f"""
        select community, day, '{LINE_IS_READABLE}' as rule, concat_ws(': ', fault, nullif(detail, '')) as reason,
            cast(null as varchar) as contribution_id, file, line_number
        from read_parquet({lines})
        """
    ]
    if (folder / "rows.parquet").exists():
        selects.append(
            f"""
            select community, partition_day, unnest(broken_rules) as rule, 'the rule does not hold' as reason,
                contribution_id, cast(null as varchar), cast(null as bigint)
            from read_parquet({sql_text(folder / "rows.parquet")})
            """
        )
    return " union all ".join(selects)


def keep_load(home: Home, load: Load, reasons: Mapping[str, str]) -> None:
    """Move a stopped load out of landing; an older one of the same id is replaced."""
    target = home.quarantine / "loads" / load.load_id
    try:
        write_json(load.folder / "stopped.json", dict(reasons))
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        load.folder.rename(target)
        fsync_folder(target.parent)
    except OSError as error:
        raise storage_error(target, error) from error


# ---- looking ---------------------------------------------------------------


def stopped_loads(home: Home) -> list[QuarantinedLoad]:
    """The loads that were stopped whole, oldest window first."""
    found = []
    for folder in sorted((home.quarantine / "loads").glob("*")):
        load = landing.open_load(folder)
        found.append(
            QuarantinedLoad(
                load.load_id,
                load.manifest.entry_id,
                str(load.manifest.window),
                is_stopped=True,
                reasons=read_json(folder / "stopped.json"),
                records_n=load.manifest.rows_n + load.manifest.bad_lines_n,
                kept_at=load.manifest.sealed_at,
            )
        )
    return sorted(found, key=lambda item: (item.window, item.entry_id))


def kept_records(home: Home, load_id: str, *, limit: int) -> list[tuple[str, str, str, str]]:
    """Records kept out of a load: line number or id, day, what each broke, and the original line or text.

    Lines of its files that tell no community or no day come last; their day is ``-``.

    Hostile text as people wrote it: make it printable before it is shown.

    Raises:
        StorageError: nothing is kept of that load.
    """
    kept = loads_with_records(home)
    folders = [home.quarantine / "rows" / name for name in (load_id, *_contents_of(home, load_id)) if name in kept]
    if not folders:
        raise StorageError(
            "quarantine", value=f"no records of load {load_id}", next_step="`pulse quarantine list` says what is there"
        )
    records: list[tuple[str, str, str, str]] = []
    with memory_database.cursor() as connection:
        for folder in folders:
            records += [
                (f"line {number}", str(day or "-"), fault, bytes(line).decode("utf-8", "backslashreplace"))
                for number, day, fault, line in connection.execute(
                    "select line_number, day, concat_ws(': ', fault, nullif(detail, '')), line from read_parquet(?) "
                    "order by line_number limit ?",
                    [str(folder / "bad_lines.parquet"), max(limit - len(records), 0)],
                ).fetchall()
            ]
            if (folder / "rows.parquet").exists() and len(records) < limit:
                records += connection.execute(
                    "select contribution_id, cast(partition_day as varchar), array_to_string(broken_rules, ', '), "
                    "concat_ws(' | ', title, body) from read_parquet(?) order by all limit ?",
                    [str(folder / "rows.parquet"), limit - len(records)],
                ).fetchall()
    return records


def _contents_of(home: Home, load_id: str) -> list[str]:
    """Names under which the unplaced lines of a load's files are kept."""
    load = _find_by_id(home, load_id) if _LOAD_ID.fullmatch(load_id) else None
    return [f"file-{account.content}" for account in load.manifest.files] if load is not None else []


def loads_with_records(home: Home) -> list[str]:
    """Ids of loads of which records are kept."""
    return sorted(folder.name for folder in (home.quarantine / "rows").glob("*"))


# ---- releasing -------------------------------------------------------------


def waivers_of(home: Home, load_id: str) -> frozenset[str]:
    """Rules waived for exactly this load."""
    file = home.quarantine / "waivers" / f"{load_id}.json"
    return frozenset(read_json(file)["rules"]) if file.is_file() else frozenset()


def release(
    home: Home, load_id: str, *, waive: frozenset[str], reason: str, clock: Clock, released_by: str | None = None
) -> Load:
    """Make a new load of a stopped one, with named rules waived, ready for gate 1.

    Nothing gets past the gate by this: the new load is checked again, and every rule that was not named still holds.
    A load that passed with some rows kept out can be released too, from landing; its waived rows go in then.

    Args:
        released_by: who asked for it, kept with the waiver; None where that is whoever ran a command here.

    Raises:
        ConfigError: a rule that does not exist or cannot be waived, or none.
        StorageError: no such load, in quarantine or in landing.
    """
    unknown = sorted(waive - WAIVABLE_RULES)
    if unknown or not waive:
        raise ConfigError(
            "rules to waive",
            value=", ".join(unknown) or "none named",
            limit="names of gate 1's rules that can be waived",
            next_step="`pulse quarantine show LOAD_ID` names the rules that stopped it",
        )
    given = _find(home, load_id)
    write_json(
        home.quarantine / "waivers" / f"{given.load_id}.json",
        {
            "rules": sorted(waive | waivers_of(home, given.load_id)),
            "reason": reason,
            "waived_at": clock().isoformat(),
            "waived_by": released_by,
        },
    )
    return _copy_as_new_load(home, given, waive, clock)


def _find(home: Home, load_id: str) -> Load:
    found = _find_by_id(home, load_id) if _LOAD_ID.fullmatch(load_id) else None
    if found is None:
        raise StorageError(
            "quarantine", value=f"no load {load_id}", next_step="see `pulse quarantine list` for what is there"
        )
    return found


def _find_by_id(home: Home, load_id: str) -> Load | None:
    return find_stopped(home, load_id) or landing.find(home, load_id)


def find_stopped(home: Home, load_id: str) -> Load | None:
    """The load of that id that gate 1 stopped, if there is one."""
    folder = home.quarantine / "loads" / load_id
    return landing.open_load(folder) if (folder / landing.MANIFEST).is_file() else None


def _copy_as_new_load(home: Home, given: Load, waive: frozenset[str], clock: Clock) -> Load:
    manifest = given.manifest
    new_id = landing.load_id_for(
        manifest.source,
        manifest.entry_id,
        manifest.window,
        "released",
        given.load_id,
        *sorted(waive),
        is_replayable=manifest.is_replayable,
    )
    folder = landing.draft(home, new_id)
    try:
        with memory_database.cursor() as connection:
            for file in [*given.rows_files().values(), *_other_records(given)]:
                connection.execute(
                    f"copy (select * replace ({sql_text(new_id)} as load_id) from read_parquet({sql_text(file)}, "
                    f"hive_partitioning = false)) to {sql_text(folder / file.relative_to(given.folder))} "
                    "(format parquet, compression zstd)"
                )
        shutil.copyfile(given.bad_lines_file, folder / "bad_lines.parquet")
    except OSError as error:
        raise storage_error(folder, error) from error
    return landing.seal(
        home,
        folder,
        manifest.model_copy(
            update={
                "load_id": new_id,
                "waived_rules": tuple(sorted(waive | set(manifest.waived_rules))),
                "released_from": given.load_id,
                "sealed_at": clock(),
            }
        ),
    )


def _other_records(load: Load) -> list[Path]:
    """Files of the load that hold the contract's other records."""
    return [file for file in (load.community_file, load.coverage_file) if file.exists()]


def forget_released(home: Home, released_from: str) -> None:
    """Remove a stopped load whose release arrived in raw."""
    shutil.rmtree(home.quarantine / "loads" / released_from, ignore_errors=True)


# ---- keeping no longer than needed -----------------------------------------


def kept_before(home: Home, older_than: datetime) -> list[Path]:
    """Folders of stopped loads, of records and of imported files last written before a time.

    Waivers are not among them: they hold no text, and a rerun needs them.
    """
    folders = [folder for kind in ("loads", "rows", "imports") for folder in sorted((home.quarantine / kind).glob("*"))]
    return [folder for folder in folders if folder.stat().st_mtime < older_than.timestamp()]
