"""dbt in this process: one command on one engine, with a result per node.

It reads raw, the scores and the outcomes where they lie under ``PULSE_HOME``, and writes its target and logs there too.
"""

import gc
import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from glob import escape as glob_escape
from glob import glob
from logging.handlers import RotatingFileHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import duckdb
import jinja2

from pulse.core import parquet, progress
from pulse.core.errors import BuildFailed
from pulse.core.files import sql_text, storage_error
from pulse.core.home import REPOSITORY, Home
from pulse.core.progress import Meter
from pulse.core.text import printable
from pulse.imports.store import ensure_empty_file as ensure_empty_results
from pulse.imports.store import results_glob
from pulse.lake import quality, raw
from pulse.listening import store as mentions
from pulse.listening import tables as listening_tables
from pulse.platforms import facts_table
from pulse.texts.store import ensure_empty_file as ensure_empty_scores
from pulse.texts.store import has_earlier_columns as has_earlier_score_columns
from pulse.texts.store import scores_glob
from pulse.warehouse import dbt_macros
from pulse.warehouse.engines import Engine, Input
from pulse.warehouse.engines.duckdb import DuckDBEngine, as_template
from pulse.words import store as words

log = logging.getLogger(__name__)

DBT_PROJECT = REPOSITORY / "dbt_project"
_LOG_MAX_BYTES = 10 * 1024 * 1024  # looked at when a run begins, not at every line
_OK_STATUSES = frozenset({"success", "pass", "warn", "no-op"})


@dataclass(frozen=True)
class NodeResult:
    """What became of one dbt node (a model or a data test).

    Attributes:
        label: short name for a person.
        folder: where it lies below ``models`` or ``tests``, as ``marts/engagement``; empty at the top.
        status: as dbt says it: success, pass, warn, error, fail, skipped.
    """

    node_id: str
    label: str
    resource_type: str
    status: str
    is_ok: bool
    message: str
    execution_s: float
    folder: str = ""


# Stands for all nodes of a build that had nothing to do.
NOTHING_CHANGED = NodeResult("", "nothing changed", "model", "as published", is_ok=True, message="", execution_s=0.0)


def ensure_inputs(home: Home) -> None:
    """Give everything dbt reads a typed file without rows, if there is none."""
    raw.ensure_empty_file(home)
    quality.ensure_tables(home)
    ensure_empty_scores(home)
    ensure_empty_results(home)
    facts_table.ensure_file(home)
    mentions.ensure_empty_files(home)
    words.ensure_empty_files(home)


def run(
    home: Home,
    database: Path,
    arguments: Sequence[str],
    variables: Mapping[str, Any],
    *,
    engine: Engine | None = None,
    is_deep: bool = False,
    has_unit_tests: bool = False,
) -> tuple[NodeResult, ...]:
    """Run one dbt command; one result per node, failed ones included.

    Args:
        database: the DuckDB file to write; free again afterwards.
        arguments: the command and its options.
        variables: dbt's ``--vars``.
        engine: what runs the SQL; DuckDB by default.
        is_deep: read all outcomes to find damaged files, not their ends alone. They are left out either way.
        has_unit_tests: whether the command may run unit tests; dbt is not told of any else.

    Raises:
        BuildFailed: dbt could not start.
        ConfigError: the engine is not installed.
    """
    from dbt.cli.main import dbtRunner

    engine = engine or DuckDBEngine()
    inputs = _inputs(home, is_deep=is_deep)
    readers = {source.table: source.reader for source in inputs}
    with _what_was_there_before_left_to_itself(), engine.dbt_environment(home, database, inputs) as environment:
        parsed = _parsed_project(home, database.stem, engine)
        manifest = _copied(parsed, has_unit_tests=has_unit_tests)
        for test in manifest.unit_tests.values():
            for rows in (*test.given, test.expect):
                if isinstance(rows.rows, str):
                    rows.rows = engine.fixture(rows.rows)
        for source in manifest.sources.values():
            source.meta["external_location"] = as_template(readers[source.name])
        with (
            _environment({**_QUIET, **environment}), _made_once(), _dbt_log(home) as write_event,
            progress.counting("building marts", "nodes") as meter,
        ):  # fmt: skip
            result = dbtRunner(manifest=manifest, callbacks=[write_event, partial(_follow, meter)]).invoke(
                [*_flags(home), *arguments, "--vars", json.dumps(variables), *_places(home, engine)],
            )
        del manifest
        failure = "" if result.exception is None else str(result.exception)
        results = None if failure or result.result is None else result.result.results
        nodes = None if results is None else tuple(_node_result(item) for item in results)
        del result, results
        _give_back_semaphores()
    if nodes is None:
        raise _not_started(home, failure or "no result")
    return nodes


# What dbt says of a node that it is done with, and how it calls the number of all nodes there.
_DONE = {
    "LogModelResult": "total", "LogTestResult": "num_models", "LogNodeNoOpResult": "total", "SkippingDetails": "total",
}  # fmt: skip


def _follow(meter: Meter, event: Any) -> None:
    """Count the nodes that dbt is done with."""
    if (total := _DONE.get(event.info.name)) is not None:
        meter.expect(getattr(event.data, total))
        meter.advance()


_QUIET = {"DO_NOT_TRACK": "1"}


def _flags(home: Home) -> list[str]:
    # The caller shows the results; dbt's own lines go to its log file by _dbt_log. Nobody reads its JSON artifacts, and
    # they take longer to write than most models to build.
    return [
        "--no-write-json",
        "--log-level",
        "none",
        "--log-level-file",
        "none",
        "--log-path",
        str(home.dbt / "logs"),
        "--no-print",
    ]


@contextmanager
def _dbt_log(home: Home) -> Iterator[Callable[[Any], None]]:
    """What writes dbt's events to its log file, those that say something to a person.

    dbt's own writer makes a line of each of some 2,500 events and then drops nearly all: a tenth of a build. Even to
    complete the events that nobody writes, with time, thread and text, takes a twentieth of it, and to check what they
    are made of another.
    """
    from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

    class WithoutDebug(EventManager):
        def fire_event(self, e: Any, level: Any = None, node: Any = None, *args: Any, **options: Any) -> None:
            if (level or e.level_tag()) != EventLevel.DEBUG:
                super().fire_event(e, level, node, *args, **options)

    def keep(event: Any, **facts: Any) -> None:
        event.__dict__["facts"] = facts

    def make_when_asked(event: Any, name: str) -> Any:
        if "facts" in event.__dict__:
            BaseEvent.__init__(event, **event.__dict__.pop("facts"))
        message = event.__dict__["pb_msg"]
        return message if name == "pb_msg" else getattr(message, name)

    folder = home.dbt / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(folder / "dbt.log", backupCount=5, encoding="utf-8")
    if handler.stream.tell() >= _LOG_MAX_BYTES:
        handler.doRollover()

    def write(event: Any) -> None:
        at = event.info.ts.ToDatetime().isoformat(sep=" ", timespec="milliseconds")
        line = f"{at} [{event.info.level:<5}] {event.info.msg}"
        handler.handle(logging.LogRecord("dbt", logging.INFO, "", 0, line, None, None))

    before = get_event_manager()
    ctx_set_event_manager(WithoutDebug())
    try:
        with patch.multiple(DebugLevel, __init__=keep, __getattr__=make_when_asked, create=True):
            yield write
    finally:
        ctx_set_event_manager(before)
        handler.close()


@contextmanager
def _made_once() -> Iterator[None]:
    """Have dbt make once what it makes anew for each run, statement or node, a fifth of a build, and only reads.

    That is the table without rows that every statement without a result gets, the modules that templates see, the
    plugins of dbt that are installed, the order in which macros are looked for, and what jinja makes of a template: a
    process that builds again has the same templates. And have it not describe its graph in a file that nobody reads.
    """
    from dbt.context import base, macros
    from dbt.plugins.manager import PluginManager
    from dbt_common.clients import agate_helper

    from dbt import compilation

    plugins = _plugin_modules()
    with (
        patch.object(agate_helper, "empty_table", cache(agate_helper.empty_table)),
        patch.object(base, "get_context_modules", cache(base.get_context_modules)),
        patch.object(PluginManager, "get_prefixed_modules", lambda: plugins),
        patch.object(compilation.Linker, "get_graph_summary", lambda *_: {}),
        patch.object(macros, "MacroNamespace", dbt_macros.flat_namespace()),
        patch.object(jinja2.Environment, "compile", dbt_macros.compile_once),
    ):
        yield


@cache
def _plugin_modules() -> Any:
    """dbt's own answer; it goes through all folders that Python imports from for it."""
    from dbt.plugins.manager import PluginManager

    return PluginManager.get_prefixed_modules()


def _places(home: Home, engine: Engine) -> list[str]:
    project = str(DBT_PROJECT)
    return [
        "--project-dir",
        project,
        "--profiles-dir",
        project,
        "--target",
        engine.name,
        "--target-path",
        str(_target_folder(home, engine)),
    ]


def _target_folder(home: Home, engine: Engine) -> Path:
    """Where dbt keeps what it parsed, which holds for one engine."""
    return home.dbt / ("target" if engine.name == DuckDBEngine.name else f"target-{engine.name}")


def _parsed_project(home: Home, database_name: str, engine: Engine) -> Any:
    """dbt's manifest, to be copied for a run; parsed once per process, project, engine and database's name.

    Nothing of a home or a run goes into it, so dbt's own file of what it parsed holds for all runs of a home.
    :func:`run` puts places in a copy, and dbt reads ``--vars`` again when it compiles a node.

    Raises:
        BuildFailed: the project cannot be parsed.
    """
    from dbt.cli.main import dbtRunner

    key = (project_digest(), engine.name, database_name)
    if key not in _PARSED:
        if engine.name == DuckDBEngine.name:
            _begin_with_what_was_parsed(home, engine)
        nowhere = Path("/nowhere") / f"{database_name}.duckdb"
        variables = _QUIET | {f"PULSE_RAW_{table.upper()}": "nowhere" for table in _globs(home)}
        variables |= {"PULSE_WAREHOUSE_FILE": str(nowhere), "PULSE_WAREHOUSE_SPILL": str(nowhere.parent / "scratch")}
        vars_ = json.dumps({"affected_dates": None, "sentiment_model_id": "none"})
        with _environment(variables), _dbt_log(home) as write_event:
            result = dbtRunner(callbacks=[write_event]).invoke(
                [*_flags(home), "parse", "--vars", vars_, *_places(home, engine)]
            )
        if not result.success:
            raise _not_started(home, str(result.exception))
        dbt_macros.keep_reachable(result.result, project="community_pulse")
        _PARSED[key] = result.result
        _PARSED[key]._lock = None  # noqa: SLF001  (a semaphore, see _give_back_semaphores; a copy gets one of its own)
    return _PARSED[key]


_PARSED: dict[tuple[str, str, str], Any] = {}
_PARSE_FILE = "partial_parse.msgpack"  # dbt's name
_DATABASE_NAME = "working"  # of the file that builds write: it is part of what is parsed


def parse_ahead() -> Path:
    """Parse the project once for all homes of this installation: some six seconds of the first run of each.

    Returns:
        The file, which holds for this state of the project; those of earlier states are removed.

    Raises:
        BuildFailed: the project cannot be parsed.
        StorageError: the installation's folder cannot be written to.
    """
    target = _parsed_ahead()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent) as folder:
            home, engine = Home(Path(folder)), DuckDBEngine()
            _PARSED.clear()
            _parsed_project(home, _DATABASE_NAME, engine)
            for file in target.parent.glob("*.msgpack"):
                file.unlink()
            (_target_folder(home, engine) / _PARSE_FILE).rename(target)
    except OSError as error:
        raise storage_error(target, error) from error
    return target


def _parsed_ahead() -> Path:
    """Where the installation keeps what was parsed of the project as it is now, for homes that have nothing yet."""
    state = hashlib.sha256(f"{DBT_PROJECT}\x00{project_digest()}".encode()).hexdigest()
    return Path(sys.prefix) / "share" / "community-pulse" / "parsed" / f"{state}.msgpack"


def _begin_with_what_was_parsed(home: Home, engine: Engine) -> None:
    """Give a new home the installation's file; dbt holds it against the project, and parses again what differs."""
    own = _target_folder(home, engine) / _PARSE_FILE
    if own.exists() or not (shared := _parsed_ahead()).exists():
        return
    own.parent.mkdir(parents=True, exist_ok=True)
    draft = own.with_name(f"{own.name}.{os.getpid()}")
    shutil.copyfile(shared, draft)
    draft.replace(own)


# What a run only reads, and unit tests, most of what there is to copy.
_SHARED = ("macros", "docs", "files")


def _copied(parsed: Any, *, has_unit_tests: bool) -> Any:
    """A manifest to run with: dbt changes its nodes and sources."""
    left_out = _SHARED if has_unit_tests else (*_SHARED, "unit_tests")
    with patch.dict(vars(parsed), {name: {} for name in left_out}):
        manifest = parsed.deepcopy()
    for name in _SHARED:
        setattr(manifest, name, getattr(parsed, name))
    return manifest


def _not_started(home: Home, failure: str) -> BuildFailed:
    return BuildFailed(
        "dbt",
        value=printable(failure, max_chars=500),
        next_step=f"read {home.dbt / 'logs' / 'dbt.log'}; what was published before stays",
    )


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for the time of one call."""
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


def inputs_digests(home: Home) -> dict[str, str]:
    """Tells one state of what dbt reads from another, by source table.

    By names, sizes and times of the files, not by their content: a file that was written again, even with the same
    content, makes another state.

    Raises:
        StorageError: a file cannot be looked at.
    """
    digests = {}
    for table, pattern in _globs(home).items():
        digest = hashlib.sha256()
        for file in sorted(glob(pattern, recursive=True)):
            try:
                facts = Path(file).stat()
            except OSError as error:
                raise storage_error(Path(file), error) from error
            digest.update(f"{file}\x00{facts.st_size}\x00{facts.st_mtime_ns}\x00".encode("utf-8", "surrogateescape"))
        digests[table] = digest.hexdigest()
    return digests


def _globs(home: Home) -> dict[str, str]:
    """The files of each source table."""
    return {
        "contributions": raw.contributions_glob(home),
        "community_observations": raw.community_observations_glob(home),
        "coverage": raw.coverage_glob(home),
        "text_scores": scores_glob(home),
        "load_outcomes": quality.glob(home, quality.LOAD_OUTCOMES),
        "business_results": results_glob(home),
        "platforms": glob_escape(str(facts_table.facts_file(home))),
        "mentions": mentions.mentions_glob(home),
        **{table.name: glob_escape(str(listening_tables.file_of(home, table))) for table in listening_tables.TABLES},
        **{table.name: words.table_glob(home, table) for table in words.TABLES},
    }


_OF_LISTENING = frozenset({mentions.MENTIONS.name, *(table.name for table in listening_tables.TABLES)})


def _inputs(home: Home, *, is_deep: bool = False) -> tuple[Input, ...]:
    """The source tables, and where their rows are."""
    patterns = _globs(home) | {"load_outcomes": _readable_outcomes(home, is_deep=is_deep)}
    readers = _readers(home, patterns)
    return tuple(
        Input("listening" if table in _OF_LISTENING else "raw", table, pattern, readers[table])
        for table, pattern in patterns.items()
    )


def _readers(home: Home, patterns: Mapping[str, str]) -> dict[str, str]:
    """What DuckDB selects from, by source table.

    Columns are matched by name only where they differ between files: that opens every file before any is left out.
    DuckDB reads the folder names as plain paths: types and values of partitions are never guessed from them.
    """
    has_earlier_columns = raw.has_earlier_columns(home) or has_earlier_score_columns(home)
    return {
        table: f"read_parquet({sql_text(pattern)}, hive_partitioning = false, filename = true, "
        # Business results are few files, and some may be of an earlier version.
        f"union_by_name = {str(has_earlier_columns or table == 'business_results').lower()})"
        for table, pattern in patterns.items()
    }


def _readable_outcomes(home: Home, *, is_deep: bool) -> str:
    """All outcomes; where a file is damaged, a copy of the others: the days of what is damaged are unknown."""
    files = quality.files(home, quality.LOAD_OUTCOMES)
    if not quality.damaged_files(home, quality.LOAD_OUTCOMES, is_deep=is_deep):
        return quality.glob(home, quality.LOAD_OUTCOMES)
    copied = home.scratch / "readable-outcomes"
    shutil.rmtree(copied, ignore_errors=True)
    copied.mkdir(parents=True)
    for file in files:
        fault = parquet.fault_of(file, is_deep=True)
        if fault is None:
            (copied / file.name).hardlink_to(file)
        else:
            log.warning("dbt: %s is left out, its days are unknown: %s", file, fault)
    return f"{glob_escape(str(copied))}/*.parquet"


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
        folder="/".join(item.node.fqn[1:-1]),
    )


@contextmanager
def _what_was_there_before_left_to_itself() -> Iterator[None]:
    """Have the garbage collector look at nothing that is there now, until the end.

    A build ends with a collection, and has some on its way; they looked at all that was imported and parsed, a tenth of
    a build. Where something is frozen already, whoever froze it wants it to stay so.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _give_back_semaphores() -> None:
    """Let go of dbt's adapter, and so of its locks between processes, which are semaphores of the operating system.

    Airflow ends a task's process without Python's own end, and the locks that are left then make an error line.
    """
    from dbt.adapters.factory import reset_adapters

    reset_adapters()
    gc.collect()  # the adapter, its connections and the manifest hold each other


def project_digest() -> str:
    """Tells one state of the dbt project from another."""
    digest = hashlib.sha256()
    for file in sorted(path for path in DBT_PROJECT.rglob("*") if path.suffix in {".sql", ".yml"}):
        digest.update(str(file.relative_to(DBT_PROJECT)).encode() + b"\x00" + file.read_bytes() + b"\x00")
    return digest.hexdigest()


def run_unit_tests(home: Home, engine: Engine | None = None) -> tuple[NodeResult, ...]:
    """Run dbt's unit tests over models without rows, in a home of their own under ``scratch``.

    Args:
        engine: what runs the SQL; DuckDB by default.

    Returns:
        One result per model and unit test, failed ones included.

    Raises:
        BuildFailed: dbt could not start.
    """
    aside = Home(home.scratch / "unit_tests").create()
    ensure_inputs(aside)
    database = aside.warehouse / f"{_DATABASE_NAME}.duckdb"  # as in every build
    database.unlink(missing_ok=True)
    # dbt takes the types of a test's rows from the relation they stand for; sources are files, so they get one here.
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema raw")
        connection.execute("create schema listening")
        for source in _inputs(aside):
            connection.execute(f"create view {source.schema}.{source.table} as select * from {source.reader}")
    variables = {"sentiment_model_id": "model-of-the-tests"}
    arguments = ["build", "--exclude-resource-type", "test"]
    return run(aside, database, arguments, variables, engine=engine, has_unit_tests=True)
