"""The warehouse: dbt in this process over one working DuckDB file, and publishing a copy of it.

The working file always starts a build as it was last published: a build that did not end in a publish (killed, failed,
stopped by gate 2) is undone first. So dbt may build only what changed since the last publish, which the notes under
``warehouse/pending`` say, and an incremental state equals a rebuilt one.

One writer: building and publishing hold the same lock as promotions into raw.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pulse import quality, raw
from pulse.clock import Clock
from pulse.errors import BuildFailed, NothingPublished, StorageError
from pulse.files import fsync_file, fsync_folder, read_json, sql_text, storage_error, write_json
from pulse.home import REPOSITORY, Home
from pulse.locks import WAREHOUSE_LOCK, exclusive
from pulse.sentiment.store import ensure_empty_file as ensure_empty_scores
from pulse.sentiment.store import scores_glob
from pulse.settings import Settings
from pulse.text import printable

log = logging.getLogger(__name__)

DBT_PROJECT = REPOSITORY / "dbt_project"
PUBLISHED_NAME = "community_pulse.duckdb"
# Which scores enter the marts, by the name in the settings.
MODEL_IDS = {"vader": "vader-3.3.2"}
_OK_STATUSES = frozenset({"success", "pass", "warn", "no-op"})


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node (a model or a data test).

    Attributes:
        label: short name for a person.
        status: as dbt says it: success, pass, warn, error, fail, skipped.
    """

    node_id: str
    label: str
    resource_type: str
    status: str
    is_ok: bool
    message: str
    execution_s: float


@dataclass(frozen=True)
class BuildReport:
    """One dbt build. ``contribution_dates`` is None when everything was built."""

    is_ok: bool
    nodes: tuple[NodeResult, ...]
    contribution_dates: tuple[date, ...] | None


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
    return home.published / PUBLISHED_NAME


def published_state(home: Home) -> PublishedState | None:
    """The state that readers see now; None before the first publish."""
    facts = home.published / "state.json"
    if not facts.is_file():
        return None
    state_id = str(read_json(facts)["state_id"])
    return PublishedState(state_id, _state_file(home, state_id))


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

    Everything is needed the first time, and when the dbt project or the sentiment model changed since the last publish.

    Args:
        select: a dbt selector, for diagnosis; the state cannot be published then.

    Returns:
        One result per model and data test, failed ones included; nothing is raised for those.

    Raises:
        BuildFailed: dbt could not start.
        LockBusy: another process writes to raw or the warehouse.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        _ensure_inputs(home)
        model_id = MODEL_IDS[settings.sentiment_model]
        identity = {"project": _project_digest(), "sentiment_model_id": model_id}
        _undo_unpublished(home)
        is_full = is_full_refresh or not working_file(home).exists() or _built_with(home) != identity
        pending = raw.pending_dates(home)
        dates = tuple(sorted({day for of_note in pending.values() for day in of_note}))
        _mark(home, is_published=False, identity=identity, notes=[note.name for note in pending])
        variables = {
            "affected_dates": None if is_full else [day.isoformat() for day in dates],
            "sentiment_model_id": model_id,
        }
        nodes = _run_dbt(home, variables, is_full=is_full, select=select)
    return BuildReport(all(node.is_ok for node in nodes), nodes, None if is_full else dates)


def _ensure_inputs(home: Home) -> None:
    raw.ensure_empty_file(home)
    quality.ensure_tables(home)
    ensure_empty_scores(home)


def _run_dbt(home: Home, variables: dict[str, Any], *, is_full: bool, select: str | None) -> tuple[NodeResult, ...]:
    import json

    from dbt.cli.main import dbtRunner

    arguments = ["build", "--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)]
    arguments += ["--full-refresh"] if is_full else []
    arguments += ["--select", select] if select else []
    with _dbt_environment(home):
        result = dbtRunner().invoke([*_dbt_flags(home), *arguments, *_dbt_places()])
    _close_dbt_connections()
    if result.exception is not None or result.result is None:
        raise BuildFailed(
            "dbt",
            value=printable(str(result.exception), max_chars=500),
            next_step=f"read {home.dbt / 'logs' / 'dbt.log'}; what was published before stays",
        )
    return tuple(_node_result(item) for item in result.result.results)


def _dbt_flags(home: Home) -> list[str]:
    # The caller shows the results; dbt's own lines go to its log file.
    return ["--log-level", "none", "--log-level-file", "info", "--log-path", str(home.dbt / "logs"), "--no-print"]


def _dbt_places() -> list[str]:
    return ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]


@contextmanager
def _dbt_environment(home: Home) -> Iterator[None]:
    """Tell dbt where everything is, for the time of one call."""
    values = {
        "PULSE_WAREHOUSE_FILE": str(working_file(home)),
        "PULSE_WAREHOUSE_SPILL": str(home.scratch),
        "PULSE_DBT_TARGET": str(home.dbt / "target"),
        "PULSE_RAW_CONTRIBUTIONS": _reader(raw.contributions_glob(home)),
        "PULSE_RAW_SCORES": _reader(scores_glob(home)),
        "PULSE_RAW_OUTCOMES": _reader(quality.glob(home, quality.LOAD_OUTCOMES)),
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _reader(glob: str) -> str:
    """DuckDB reads the folder names as plain paths: types and values of partitions are never guessed from them."""
    # dbt-duckdb passes this through str.format.
    path = sql_text(glob).replace("{", "{{").replace("}", "}}")
    return f"read_parquet({path}, hive_partitioning = false, filename = true)"


def _node_result(item: Any) -> NodeResult:
    status = str(item.status)
    return NodeResult(
        node_id=item.node.unique_id,
        label=item.node.name,
        resource_type=str(item.node.resource_type),
        status=status,
        is_ok=status in _OK_STATUSES,
        message=printable(item.message or "", max_chars=500),
        execution_s=round(item.execution_time, 3),
    )


def _close_dbt_connections() -> None:
    """dbt-duckdb keeps its connection for the next run of the process; the file must be free for gate 2."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV  # noqa: SLF001  (the only handle there is)
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()


def _project_digest() -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in DBT_PROJECT.rglob("*") if path.suffix in {".sql", ".yml"}):
        digest.update(str(file.relative_to(DBT_PROJECT)).encode() + b"\x00" + file.read_bytes() + b"\x00")
    return digest.hexdigest()


# ---- the working file's state ----------------------------------------------


def _mark(home: Home, *, is_published: bool, identity: dict[str, str], notes: list[str]) -> None:
    write_json(home.warehouse / "state.json", {"is_published": is_published, "identity": identity, "notes": notes})


def _facts(home: Home) -> dict[str, Any]:
    path = home.warehouse / "state.json"
    facts: dict[str, Any] = read_json(path) if path.is_file() else {}
    return facts


def _built_with(home: Home) -> dict[str, str] | None:
    facts = _facts(home)
    return facts.get("identity")


def _undo_unpublished(home: Home) -> None:
    """Make the working file what was last published, unless it is that; without any, remove it."""
    if _facts(home).get("is_published", False):
        return
    target = working_file(home)
    state = published_state(home)
    try:
        for leftover in home.warehouse.glob("working.duckdb*"):
            leftover.unlink()
        if state is not None:
            draft = target.with_suffix(".restoring")
            shutil.copyfile(state.file, draft)
            fsync_file(draft)
            draft.replace(target)
            log.warning("warehouse: restored to %s, because the last build was not published", state.state_id)
    except OSError as error:
        raise storage_error(target, error) from error
    identity = read_json(home.published / "state.json")["identity"] if state is not None else None
    write_json(home.warehouse / "state.json", {"is_published": True, "identity": identity, "notes": []})


# ---- publishing ------------------------------------------------------------


def publish(home: Home, *, keep_states_n: int, clock: Clock, timeout_s: float = 600.0) -> PublishedState:
    """Give readers the built state: copy, check that it opens, rename.

    A reader with an open connection keeps the file it opened; a new one gets the new state. Publishing again without a
    build in between changes nothing. A kill at any moment leaves the old or the new state.

    Args:
        keep_states_n: how many published files stay, the new one included.

    Raises:
        NothingPublished: nothing was built yet.
        LockBusy, StorageError: see the names.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        facts = _facts(home)
        current = published_state(home)
        if facts.get("is_published") and current is not None:
            return current
        if not working_file(home).exists():
            raise NothingPublished(
                "warehouse", value="nothing was built", next_step="run a day first: `pulse run --day …`"
            )
        state_id = _new_state_id(home, clock)
        file = _state_file(home, state_id)
        try:
            _copy_for_readers(home, file)
            _point_readers_to(home, file)
            write_json(home.published / "state.json", {"state_id": state_id, "identity": facts["identity"]})
            _mark(home, is_published=True, identity=facts["identity"], notes=[])
            for note in facts["notes"]:
                (home.warehouse / "pending" / note).unlink(missing_ok=True)
            _remove_old_states(home, keep_states_n)
        except (OSError, duckdb.IOException) as error:
            raise storage_error(file, error) from error
    return PublishedState(state_id, file)


def _state_file(home: Home, state_id: str) -> Path:
    return home.published / "states" / f"{state_id}.duckdb"


def _new_state_id(home: Home, clock: Clock) -> str:
    """Time of publishing, UTC; later than the state before even if the clock was set back."""
    state_id = f"{clock():%Y%m%dT%H%M%S%f}Z"
    newest = max((file.stem for file in (home.published / "states").glob("*.duckdb")), default="")
    return state_id if state_id > newest else f"{newest}-1"


def _copy_for_readers(home: Home, file: Path) -> None:
    """Copy the closed working file; views on raw do not go with it, since they would not open elsewhere."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.tmp")
    for leftover in file.parent.glob(".*.tmp*"):
        leftover.unlink()
    with duckdb.connect(str(working_file(home))) as connection:
        connection.execute("checkpoint")
    shutil.copyfile(working_file(home), draft)
    with duckdb.connect(str(draft)) as connection:
        connection.execute("drop schema if exists staging cascade")
        connection.execute("checkpoint")
    fsync_file(draft)
    _smoke_test(draft)
    draft.replace(file)
    fsync_folder(file.parent)


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
    link.replace(published_file(home))
    fsync_folder(home.published)


def _remove_old_states(home: Home, keep_states_n: int) -> None:
    for old in sorted((home.published / "states").glob("*.duckdb"))[:-keep_states_n]:
        old.unlink()
