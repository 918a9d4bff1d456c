"""Bringing files of business results into raw: what is new or changed in ``PULSE_HOME/imports``, each file apart.

A file is known by its name: a changed one replaces what it brought before, whole or not at all. One that is stopped
leaves what it brought before in place and is tried again in each run. One that is gone from the folder keeps its
results, so that files may be put away; `pulse import --forget FILE` takes them back.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

import duckdb

from pulse.config.lake import on_lake
from pulse.config.settings import Settings
from pulse.core import progress
from pulse.core.clock import Clock
from pulse.core.errors import ConfigError
from pulse.core.files import fsync_folder, storage_error
from pulse.core.home import Home, path_value
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.imports import gate, kept_out, reading, store
from pulse.imports.gate import FileVerdict
from pulse.imports.reading import GivenFile
from pulse.lake import quality

log = logging.getLogger(__name__)


class ImportVerdict(TypedDict):
    """What became of one file that was new or changed; grain: run and file.

    ``rule``, ``value`` and ``limit`` belong to the first rule that stopped it; ``message`` says the same in one line,
    or how much was imported.
    """

    file: str
    load_id: str
    outcome: Literal["imported", "stopped"]
    rows_n: int
    accepted_n: int
    rule: str | None
    value: str | None
    limit: str | None
    message: str


def folder(home: Home) -> Path:
    """Where the business puts its files."""
    return home.root / "imports"


def import_new(
    home: Home, settings: Settings, *, clock: Clock, run_id: str, timeout_s: float = 600.0
) -> list[ImportVerdict]:
    """Import every new or changed file, in the order of their names; one verdict per file.

    Days are held against the clock: a line of a day that is not over stops its file.

    Raises:
        LockBusy: another process writes to raw or the warehouse.
        StorageError: disk full or not writable; what the files brought before is as it was.
    """
    files = _files(home)
    if not files:
        return []
    scratch = home.scratch / f"imports-{path_value(run_id)}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        taken = [reading.take(file, scratch / f"{number:04d}.csv") for number, file in enumerate(files)]
        imported = store.imported(home)
        fresh = [given for given in taken if imported.get(given.name) != given.load_id]
        if not fresh:
            return []
        with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
            store.ensure_empty_file(home)
            for given in fresh:
                store.remove_damaged(home, given.name)
            quality.ensure_tables(home)
            return _import_all(fresh, scratch, home=home, settings=settings, clock=clock, run_id=run_id)
    except (OSError, duckdb.IOException) as error:
        raise storage_error(scratch, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _files(home: Home) -> list[Path]:
    try:
        folder(home).mkdir(parents=True, exist_ok=True)
        files = [path for path in folder(home).iterdir() if path.suffix.lower() == ".csv" and path.name[0] != "."]
    except OSError as error:
        raise storage_error(folder(home), error) from error
    return sorted(files)


def _import_all(
    given_files: Sequence[GivenFile], scratch: Path, *, home: Home, settings: Settings, clock: Clock, run_id: str
) -> list[ImportVerdict]:
    verdicts = []
    for number, given in enumerate(progress.over(given_files, "importing", "files")):
        database = scratch / f"{number:04d}.duckdb"
        checked_at = clock()
        verdict = gate.check(given, database, home=home, settings=settings, run_id=run_id, checked_at=checked_at)
        kept_out.keep(home, verdict, database, run_id=run_id, recorded_at=checked_at)
        if not verdict.stopped_by:
            gate.write_accepted(verdict, database, store.results_file(home, given.name))
        verdicts.append(_told(verdict))
        log.info("import: %s: %s", given.name, verdicts[-1]["message"])
        database.unlink()
    return verdicts


def _told(verdict: FileVerdict) -> ImportVerdict:
    stopped = verdict.stopped_by[0] if verdict.stopped_by else None
    return ImportVerdict(
        file=verdict.given.name,
        load_id=verdict.given.load_id,
        outcome="stopped" if stopped else "imported",
        rows_n=verdict.rows_n,
        accepted_n=verdict.accepted_n,
        rule=stopped.rule if stopped else None,
        value=stopped.value if stopped else None,
        limit=stopped.limit if stopped else None,
        message=stopped.message if stopped else _imported(verdict),
    )


def _imported(verdict: FileVerdict) -> str:
    parts = [f"{verdict.accepted_n} of {verdict.rows_n} lines imported"]
    if verdict.refunds_n:
        parts.append(f"{verdict.refunds_n} of them refunds")
    if verdict.identical_n:
        parts.append(f"{verdict.identical_n} identical to another line and counted once")
    if verdict.kept_out_n:
        parts.append(f"{verdict.kept_out_n} kept out")
    return ", ".join(parts)


@on_lake
def forget(home: Home, file_name: str, *, timeout_s: float = 600.0) -> None:
    """Take back what a file brought, and what was kept out of it. The file itself, if it is still there, stays.

    Raises:
        ConfigError: nothing came from a file of that name, or it still lies in the folder and would come back.
        LockBusy: another process writes to raw or the warehouse.
    """
    if file_name in {file.name for file in _files(home)}:
        raise ConfigError(
            "file to forget",
            value=f"{file_name} is still in {folder(home)}, and the next run would import it again",
            next_step="move it away first",
        )
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        names = {*store.imported(home), *(kept.file_name for kept in kept_out.kept_files(home))}
        if file_name not in names:
            raise ConfigError(
                "file to forget",
                value=file_name,
                limit="one of " + (", ".join(sorted(names)) or "none: nothing was imported"),
                next_step="check the spelling",
            )
        target = store.results_file(home, file_name)
        try:
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                fsync_folder(target.parent)
        except OSError as error:
            raise storage_error(target, error) from error
        kept_out.forget(home, file_name)
