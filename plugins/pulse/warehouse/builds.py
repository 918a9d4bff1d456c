"""The warehouse: one working DuckDB file that dbt builds, and publishing a copy of it.

The working file always starts a build as it was last published: a build that did not end in a publish (killed, failed,
stopped by gate 2) is undone first. So dbt may build only what changed since the last publish, which the notes under
``warehouse/pending`` say, and an incremental state equals a rebuilt one.

A build that failed, was killed or was of a selection only cannot be published.

Where the engine is Spark, a build is a folder of Parquet, which takes over what did not change from that of the last
one; the working file is made of views over it (:mod:`pulse.warehouse.build_folders`), and so is what is published,
unless the config asks for tables.

One writer: building and publishing hold the same lock as promotions into raw.
"""

import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from pulse.config.settings import Settings
from pulse.core import parquet, progress
from pulse.core.clock import Clock
from pulse.core.errors import BuildFailed, BuildReplaced, DamagedFile, NothingPublished, StorageError
from pulse.core.files import fsync_file, fsync_folder, read_json, sql_text, storage_error, write_json
from pulse.core.home import PUBLISHED_NAME, Home
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.core.table import RELATIONS_SQL
from pulse.lake import compaction, quality, raw
from pulse.lake.compaction import Compacted
from pulse.listening import store as mentions
from pulse.listening import tables as listening_tables
from pulse.platforms import facts_table
from pulse.texts import get_scorer
from pulse.texts import store as scores
from pulse.warehouse import build_folders, creation_times, transform
from pulse.warehouse.engines import Engine
from pulse.warehouse.engines.duckdb import DuckDBEngine
from pulse.warehouse.engines.spark import SparkEngine
from pulse.words.kernel import VERSION as WORDS_VERSION

log = logging.getLogger(__name__)

# dbt's command for all models and data tests; unit tests are about the SQL, not about what a build made of the data.
BUILD = ("build", "--exclude-resource-type", "unit_test")

_STATE_ID_FORMAT = "%Y%m%dT%H%M%S%fZ"
_COPIED_BYTES = 16 * 2**20


@dataclass(frozen=True)
class BuildReport:
    """One dbt build. ``contribution_dates`` is None when everything was built.

    ``is_nothing_new`` says that there was nothing to build: what is published has all there is, and no node was run.
    """

    is_ok: bool
    nodes: tuple[transform.NodeResult, ...]
    contribution_dates: tuple[date, ...] | None
    sentiment_model_id: str
    is_nothing_new: bool = False


@dataclass(frozen=True)
class PublishedState:
    """A file that readers may open. ``state_id`` sorts by time of publishing."""

    state_id: str
    file: Path


def working_file(home: Home) -> Path:
    """The file dbt writes; nobody else opens it but gate 2, read-only, between build and publish."""
    return home.warehouse / "working.duckdb"


def published_file(home: Home) -> Path:
    """The stable path for readers; replaced by rename at each publish."""
    return home.published_file


def published_state(home: Home) -> PublishedState | None:
    """The state that readers see now; None before the first publish.

    Where ``state.json`` is damaged, it is the state whose file readers' path leads to.
    """
    facts = _facts_file(home)
    if not facts.exists():
        return None
    try:
        state_id = str(read_json(facts)["state_id"])
    except (StorageError, KeyError, TypeError):
        for file in reversed(_state_files(home)):
            if published_file(home).exists() and file.samefile(published_file(home)):
                return PublishedState(file.stem, file)
        return None
    return PublishedState(state_id, _state_file(home, state_id))


def _facts_file(home: Home) -> Path:
    """Which state is published, the identity of its build, and which files of frozen months it holds."""
    return home.published / "state.json"


def fault_of(file: Path, *, is_deep: bool = False) -> str | None:
    """Why DuckDB cannot read a database file, in one line; None where it can.

    Args:
        is_deep: read every table too: blocks are held against their checksums.
    """
    if not file.is_file():
        return "a folder stands in its place" if file.is_dir() else "is not there"
    try:
        # Attached: a process that has the file open would get what it opened, not what lies there now.
        with duckdb.connect() as connection:
            connection.execute(f"attach {sql_text(file)} as looked_at (read_only)")
            if is_deep:
                tables = connection.execute(
                    f"select schema_name, table_name from {RELATIONS_SQL} "
                    "where database_name = 'looked_at' and schema_name <> 'staging'"
                ).fetchall()
                for schema, table in progress.over(tables, f"reading {file.name}", "tables"):
                    connection.execute(f'select max(hash(t)) from looked_at."{schema}"."{table}" as t').fetchall()
    except duckdb.Error as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    return None


# ---- building --------------------------------------------------------------


def build(
    home: Home,
    *,
    settings: Settings,
    is_full_refresh: bool = False,
    timeout_s: float = 600.0,
    select: str | None = None,
) -> BuildReport:
    """Run ``dbt build`` over the pending dates, or over everything when that is asked for or needed.

    Everything is needed the first time, and when the dbt project, the engine, the sentiment model or what the config
    says to listen for changed since the last publish; on Spark also where a file of the last build is missing.
    Nothing is, and nothing is touched, when none of what dbt reads changed since the build that is published.

    Args:
        select: a dbt selector, for diagnosis; the state cannot be published then.

    Returns:
        One result per model and data test, failed ones included; nothing is raised for those.

    Raises:
        BuildFailed: dbt could not start.
        ConfigError: the engine is not installed.
        DamagedFile: raw or scores hold a file that cannot be read; names it, and the command that heals it.
        LockBusy: another process writes to raw or the warehouse.
    """
    model_id = sentiment_model_id(settings)
    build_id = secrets.token_hex(8)
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        transform.ensure_inputs(home)
        identity = {
            "project": transform.project_digest(),
            "engine": settings.engine,
            "platforms": facts_table.digest(),
            "sentiment_model_id": model_id,
            "words_version": str(WORDS_VERSION),
            "listening": listening_tables.digest(settings.listening, model_id),
        }
        inputs = transform.inputs_digests(home)
        if not is_full_refresh and select is None and _is_published_already(home, identity, inputs):
            return BuildReport(True, (), (), model_id, is_nothing_new=True)
        _undo_unpublished(home)
        before = _WorkingState.read(home)
        is_full = is_full_refresh or not working_file(home).exists() or before.identity != identity
        pending = raw.pending_dates(home)
        is_full = is_full or any(map(raw.asks_for_everything, pending))
        last = None if is_full else _last_folder(home, settings, before.build_folder, select)
        is_full = is_full or (last is None and settings.engine == SparkEngine.name)
        engine = _engine(home, settings, build_id, last)
        dates = tuple(sorted({day for of_note in pending.values() for day in of_note}))
        if not is_full:
            dates = creation_times.widened(working_file(home), dates, raw.pending_files(home))
        notes = {note.name: note.stat().st_mtime_ns for note in pending}
        state = _WorkingState(
            identity=identity,
            notes=notes,
            build_id=build_id,
            inputs=inputs,
            contribution_dates=None if is_full else [day.isoformat() for day in dates],
            build_folder=build_id if engine.writes_folders else None,
        )
        state.write(home)
        _require_whole_inputs(home, is_deep=False)
        if is_full:
            # What the project no longer has must go too, and a file that is written over keeps the room it once took.
            _remove_working_file(home)
        _remove_unused_builds(home, kept=last)
        variables = {"affected_dates": state.contribution_dates, "sentiment_model_id": model_id}
        arguments = [*BUILD]
        arguments += ["--full-refresh"] if is_full else []
        arguments += ["--select", select] if select else []
        nodes = transform.run(home, working_file(home), arguments, variables, engine=engine)
        is_ok = bool(nodes) and all(node.is_ok for node in nodes)
        if not is_ok:
            _require_whole_inputs(home, is_deep=True)
            if quality.damaged_files(home, quality.LOAD_OUTCOMES, is_deep=True):
                nodes = transform.run(home, working_file(home), arguments, variables, engine=engine, is_deep=True)
                is_ok = bool(nodes) and all(node.is_ok for node in nodes)
        if is_ok and engine.writes_folders:
            # Gate 2 reads raw and scores too, by DuckDB's own views of them.
            staged = transform.run(home, working_file(home), ["run", "--select", "path:models/staging"], variables)
            is_ok = bool(staged) and all(node.is_ok for node in staged)
            engine.deliver(working_file(home))
        if is_ok and select is None:
            creation_times.note(home, working_file(home))
        replace(state, is_publishable=is_ok and select is None).write(home)
    return BuildReport(is_ok, nodes, None if is_full else dates, model_id)


def _engine(home: Home, settings: Settings, build_id: str, last: Path | None) -> Engine:
    if settings.engine == SparkEngine.name:
        return SparkEngine(settings.spark, build_folders.builds_folder(home) / build_id, last=last)
    return DuckDBEngine()


def _last_folder(home: Home, settings: Settings, name: str | None, select: str | None) -> Path | None:
    """The folder that a partial build on Spark goes on from; None where there is none, or not whole."""
    if settings.engine != SparkEngine.name or select is not None:
        return None
    folder = build_folders.whole(home, name)
    if folder is None:
        log.warning("warehouse: files of the last build are missing, so everything will be built from raw")
    return folder


def _require_whole_inputs(home: Home, *, is_deep: bool) -> None:
    """Refuse to build marts without what a damaged file holds: they would look as if nobody had written it.

    Outcomes are another matter: a day without one is an unknown day (:func:`transform.run` leaves them out).
    """
    if damaged := raw.damaged_files(home, is_deep=is_deep):
        raise raw.damage_error(home, damaged)
    if damaged := mentions.damaged_files(home, is_deep=is_deep):
        raise DamagedFile(
            f"file {damaged[0]}",
            value=parquet.fault_of(damaged[0], is_deep=is_deep),
            next_step="`pulse rebuild` finds these mentions again",
        )
    if damaged := scores.damaged_files(home, is_deep=is_deep):
        raise DamagedFile(
            f"file {damaged[0]}",
            value=parquet.fault_of(damaged[0], is_deep=is_deep),
            next_step="`pulse rebuild` makes these scores again",
        )


@dataclass(frozen=True)
class Built:
    """The build in the working file: what gate 2 looks at.

    Attributes:
        contribution_dates: dates that it touched; None when it touched all.
        is_published: readers see the same already, so it has passed gate 2.
    """

    build_id: str | None
    contribution_dates: tuple[date, ...] | None
    is_published: bool


def built(home: Home) -> Built:
    """What the working file holds.

    Raises:
        BuildFailed, NothingPublished: there is nothing that could be published.
    """
    state = _WorkingState.read(home)
    _require_publishable(home, state, None)
    dates = state.contribution_dates
    touched = None if dates is None else tuple(date.fromisoformat(day) for day in dates)
    return Built(state.build_id, touched, state.is_published and published_state(home) is not None)


def sentiment_model_id(settings: Settings) -> str:
    """Name and version of the model whose scores enter the marts; the scorer itself says it."""
    return get_scorer(settings.sentiment_model).model_id


# ---- compaction --------------------------------------------------------------


def compact(
    home: Home, *, through: date, most_n: int | None = None, is_dry_run: bool = False, timeout_s: float = 600.0
) -> Compacted:
    """Compact what is settled of raw and scores for a run of that day (:mod:`pulse.lake.compaction`).

    What dbt reads is the same after it, so a build that is published stays the build of what there is.

    Args:
        through: UTC day of the run.
        most_n: how many days of raw, and of each model's scores, at most.

    Raises:
        LockBusy: another process writes to raw or the warehouse.
        StorageError: disk full or not writable; the day is as before.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        before = transform.inputs_digests(home)
        done = compaction.compact(home, through=through, most_n=most_n, is_dry_run=is_dry_run)
        done += scores.compact(home, through=through, most_n=most_n, is_dry_run=is_dry_run)
        state = _WorkingState.read(home)
        if done.days_n and not is_dry_run and isinstance(state.inputs, dict):
            after = transform.inputs_digests(home)
            same = {
                table: after[table] if digest == before[table] else digest
                for table, digest in state.inputs.items()
                if table in _COMPACTED_TABLES
            }
            replace(state, inputs=state.inputs | same).write(home)
    return done


_COMPACTED_TABLES = frozenset({"contributions", "community_observations", "coverage", "text_scores"})


# ---- the working file's state ----------------------------------------------


@dataclass(frozen=True)
class _WorkingState:
    """What the working file is; kept beside it.

    Attributes:
        identity: the project and model it is built with; None when there is none.
        notes: pending notes that are built in, by name and time of writing; to be removed once it is published.
        build_id: of the build; None where it is the copy of a published state.
        inputs: what dbt read (``transform.inputs_digests``); None where that is not known.
        files: size and time of writing of the working and the published file, once published.
        contribution_dates: dates that the build touched, ISO; None for all.
        build_folder: name of the folder under ``warehouse/builds`` that the working file is made of; None where it
            holds its tables itself.
        is_publishable: a build of everything pending ended well.
        is_published: readers see the same.
    """

    identity: dict[str, str] | None = None
    notes: dict[str, int] = field(default_factory=dict)
    build_id: str | None = None
    inputs: dict[str, str] | None = None
    files: list[list[int]] | None = None
    contribution_dates: list[str] | None = None
    build_folder: str | None = None
    is_publishable: bool = False
    is_published: bool = False

    @classmethod
    def read(cls, home: Home) -> "_WorkingState":
        path = _working_state_file(home)
        if not path.exists():
            return cls()
        try:
            return cls(**read_json(path))
        except TypeError:
            log.warning("warehouse: %s is of another version, so everything will be built from raw", path)
            return cls()
        except StorageError as error:
            log.warning("warehouse: what was built last is not known, so it is undone: %s", error)
            return cls()

    def write(self, home: Home) -> None:
        _make_way_for(_working_state_file(home))
        write_json(_working_state_file(home), asdict(self))


def _working_state_file(home: Home) -> Path:
    return home.warehouse / "state.json"


def _is_published_already(home: Home, identity: Mapping[str, str], inputs: Mapping[str, str]) -> bool:
    """Whether a build would give what readers see already.

    Whatever is in doubt is built: notes of dates to build, files that are gone or not as the publish left them.
    """
    state = _WorkingState.read(home)
    return (
        state.is_published
        and state.identity == identity
        and state.inputs == inputs
        and not raw.pending_dates(home)
        and state.files is not None
        and state.files == _facts_of_files(home)
    )


def _facts_of_files(home: Home) -> list[list[int]] | None:
    """Size and time of writing of the working file and of what readers open; None if one is missing."""
    current = published_state(home)
    files = [working_file(home), published_file(home), *([] if current is None else [current.file])]
    if current is None or not all(file.exists() for file in files):
        return None
    return [[file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def _undo_unpublished(home: Home) -> None:
    """Make the working file what was last published, unless it is that and whole; without any, remove it."""
    target = working_file(home)
    if _WorkingState.read(home).is_published:
        fault = fault_of(target) if target.exists() else None
        if fault is None:
            return
        log.warning("warehouse: %s was damaged: %s", target, fault)
    state = published_state(home)
    fault = None if state is None else fault_of(state.file)
    if state is not None and fault is not None:
        log.warning("warehouse: %s %s, so everything will be built from raw", state.file, fault)
        state = None
    try:
        _remove_working_file(home)
        if state is not None:
            draft = target.with_suffix(".restoring")
            shutil.copyfile(state.file, draft)
            fsync_file(draft)
            draft.replace(target)
            log.warning("warehouse: restored to %s, what was published last", state.state_id)
    except OSError as error:
        raise storage_error(target, error) from error
    identity = None if state is None else _published_identity(home)
    folder = None if state is None else build_folders.folder_of_state(home, state.state_id)
    _WorkingState(
        identity=identity,
        build_folder=None if folder is None else folder.name,
        is_published=True,
        is_publishable=True,
    ).write(home)


def _published_identity(home: Home) -> dict[str, str] | None:
    """What the published state was built with; None where that cannot be read any more: everything is built then."""
    try:
        identity: dict[str, str] = read_json(_facts_file(home))["identity"]
    except (StorageError, KeyError, TypeError):
        return None
    return identity


def drop_unpublished(home: Home, *, timeout_s: float = 600.0) -> None:
    """Remove a working file of which nothing was published: the next build makes it anew, from raw.

    Raises:
        LockBusy: another process writes to raw or the warehouse.
        StorageError: it cannot be removed.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        try:
            _remove_working_file(home)
            _remove(_working_state_file(home))
            build_folders.remove_unused(home, kept=None)
        except OSError as error:
            raise storage_error(home.warehouse, error) from error


def _remove_unused_builds(home: Home, *, kept: Path | None) -> None:
    try:
        build_folders.remove_unused(home, kept=kept)
    except OSError as error:
        raise storage_error(build_folders.builds_folder(home), error) from error


def _remove_working_file(home: Home) -> None:
    for part in home.warehouse.glob("working.duckdb*"):
        _remove(part)


def _make_way_for(file: Path) -> None:
    """Remove the folder that damage put in place of a file that is about to be written."""
    if file.is_dir():
        _remove(file)


def _remove(path: Path) -> None:
    """Remove a file, or what damage put in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# ---- publishing ------------------------------------------------------------


def publish(
    home: Home,
    *,
    keep_states_n: int,
    clock: Clock,
    build_id: str | None = None,
    has_tables: bool = False,
    timeout_s: float = 600.0,
) -> PublishedState:
    """Give readers the built state, with ``kpi`` and ``quality`` as they are: copy, check that it opens, rename.

    A reader with an open connection keeps the file it opened; a new one gets the new state. Publishing again without a
    build in between changes nothing. A kill at any moment leaves the old or the new state.

    Args:
        keep_states_n: how many published files stay, the new one included.
        build_id: the build that gate 2 passed; None takes whatever was built.
        has_tables: write tables where the working file has views over a build's folder.

    Raises:
        NothingPublished: nothing was built yet.
        BuildReplaced: another run built after that build, and has not published yet.
        BuildFailed: the last build failed, was killed, or was of a selection.
        LockBusy, StorageError: see the names.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        state = _WorkingState.read(home)
        current = published_state(home)
        if state.is_published and current is not None:
            return current
        _require_publishable(home, state, build_id)
        state_id = _new_state_id(home, clock)
        file = _state_file(home, state_id)
        try:
            frozen = _frozen_files(home)
            with duckdb.connect(str(working_file(home))) as connection:
                connection.execute("checkpoint")
            folder = None if state.build_folder is None else build_folders.builds_folder(home) / state.build_folder
            _copy_for_readers(home, working_file(home), file, published_at=clock(), has_tables=has_tables)
            build_folders.mark(None if has_tables else folder, state_id)
            _point_readers_to(home, file)
            _make_way_for(_facts_file(home))
            write_json(_facts_file(home), {"state_id": state_id, "identity": state.identity, "frozen": frozen})
            replace(state, notes={}, is_published=True, files=_facts_of_files(home)).write(home)
            _remove_notes(home, state.notes)
            _remove_old_states(home, keep_states_n)
            build_folders.remove_unused(home, kept=folder)
        except (OSError, duckdb.IOException) as error:
            raise storage_error(file, error) from error
    return PublishedState(state_id, file)


def publish_frozen(home: Home, *, clock: Clock, timeout_s: float) -> PublishedState | None:
    """Give readers what was frozen since the last publish: the same marts, ``kpi`` and ``quality`` as they are now.

    Nothing is built. Nothing happens before the first publish, or if the published file has all that is frozen. The
    state before stays for who is about to open it; those of the same marts before that go. A kill at any moment leaves
    the old or the new state.

    Returns:
        The state that readers see now; None before the first publish.

    Raises:
        LockBusy: another process writes to raw or the warehouse; its publish, or the next, brings what is frozen.
        StorageError: disk full or not writable, or the published file is damaged.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        current = published_state(home)
        if current is None:
            return None
        facts = read_json(_facts_file(home))
        frozen = _frozen_files(home)
        if facts.get("frozen") == frozen:
            return current
        state_id = _new_state_id(home, clock)
        file = _state_file(home, state_id)
        try:
            _copy_for_readers(home, current.file, file, published_at=clock())
            build_folders.mark(build_folders.folder_of_state(home, current.state_id), state_id)
            _point_readers_to(home, file)
            of_same_marts = {"state_id": state_id, "frozen": frozen, "superseded": [current.state_id]}
            write_json(_facts_file(home), {**facts, **of_same_marts})
            for superseded in facts.get("superseded", []):
                _state_file(home, superseded).unlink(missing_ok=True)
        except (OSError, duckdb.Error) as error:
            raise storage_error(file, error) from error
    return PublishedState(state_id, file)


def _require_publishable(home: Home, state: _WorkingState, build_id: str | None) -> None:
    if not working_file(home).exists():
        raise NothingPublished("warehouse", value="nothing was built", next_step="run a day first: `pulse run --day …`")
    if not state.is_publishable:
        raise BuildFailed(
            "warehouse",
            value="the last build did not end well",
            next_step="run the day again; what was published before stays",
        )
    if build_id is not None and state.build_id != build_id:
        raise BuildReplaced(
            "warehouse",
            value=f"build {state.build_id} took the place of {build_id}",
            next_step="nothing: the other run publishes both, and this one sees it when it retries",
        )


def _state_file(home: Home, state_id: str) -> Path:
    return home.published / "states" / f"{state_id}.duckdb"


def _new_state_id(home: Home, clock: Clock) -> str:
    """Time of publishing, UTC; later than every state before even if the clock stands still or was set back."""
    now = clock().astimezone(UTC)
    newest = max((file.stem for file in _state_files(home)), default=None)
    if newest is not None:
        before = datetime.strptime(newest, _STATE_ID_FORMAT).replace(tzinfo=UTC)
        now = max(now, before + timedelta(microseconds=1))
    return now.strftime(_STATE_ID_FORMAT)


def _state_files(home: Home) -> list[Path]:
    """Published files, oldest first."""
    return sorted((home.published / "states").glob("*.duckdb"))


def _copy_for_readers(
    home: Home, source: Path, file: Path, *, published_at: datetime, has_tables: bool = False
) -> None:
    """Copy a closed file, and complete it; views on raw do not go with it, since they would not open elsewhere."""
    from pulse.warehouse.published_file import complete  # it needs the frozen store, whose package needs this module

    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.tmp")
    for leftover in (*file.parent.glob(".*.tmp*"), *home.published.glob(".*.tmp")):
        leftover.unlink()
    _copy_counted(source, draft)
    with duckdb.connect(str(draft)) as connection:
        connection.execute("drop schema if exists staging cascade")
        if has_tables:
            build_folders.write_tables(connection)
        connection.execute("checkpoint")
    complete(draft, home, state_id=file.stem, published_at=published_at)
    fsync_file(draft)
    _smoke_test(draft)
    draft.replace(file)
    fsync_folder(file.parent)


def _copy_counted(source: Path, target: Path) -> None:
    with (
        source.open("rb") as old,
        target.open("wb") as new,
        progress.counting("copying for readers", "bytes", source.stat().st_size) as meter,
    ):
        while chunk := old.read(_COPIED_BYTES):
            meter.advance(new.write(chunk))


def _frozen_files(home: Home) -> list[str]:
    from pulse.warehouse.published_file import frozen_files

    return frozen_files(home)


def _smoke_test(file: Path) -> None:
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
        ).fetchall()
        if not tables:
            raise StorageError(f"file {file}", value="holds no marts", next_step="build again with `pulse run`")
        for (table,) in tables:
            connection.execute(f"select * from marts.{table} limit 1").fetchall()


def _point_readers_to(home: Home, file: Path) -> None:
    """Readers' stable path becomes another name of the new file, in one step."""
    link = home.published / f".{PUBLISHED_NAME}.tmp"
    link.unlink(missing_ok=True)
    os.link(file, link)
    _make_way_for(published_file(home))
    link.replace(published_file(home))
    fsync_folder(home.published)


def _remove_notes(home: Home, notes: Mapping[str, int]) -> None:
    """Remove the notes that were built in, but none that was written again since: its dates are to be built yet."""
    for name, written_ns in notes.items():
        note = home.warehouse / "pending" / name
        if note.exists() and note.stat().st_mtime_ns == written_ns:
            _remove(note)


def _remove_old_states(home: Home, keep_states_n: int) -> None:
    for old in _state_files(home)[:-keep_states_n]:
        _remove(old)
