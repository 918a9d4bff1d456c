"""What the warehouse tests share: a small world of loads, a home to build in, and a look at all its tables.

dbt parses the project anew for each home, which costs more than building these few rows. So the tests of a module share
one home and empty it between them.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlparse.lexer

from pulse.config.settings import Settings
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import landing, outcomes, quality, raw
from pulse.lake.landing import Load, LoadManifest
from pulse.texts import get_scorer, score_partitions
from pulse.warehouse import builds, transform
from support import (
    NOON,
    community_observation,
    contribution,
    coverage_rows,
    sealed_load,
    write_contract_rows,
    write_coverage,
)

# A folder that paths, globs, format strings and SQL could stumble over.
HOME_NAME = "it's {a} [b]* home, day=2020-01-01"


class Lab:
    """A home to bring loads into, build and publish, as the pipeline does but without its gates.

    ``models`` are dbt selectors; where a test is not about the marts, a few models stand for all.
    """

    first_day = NOON.date()

    def __init__(self, root: Path, *, models: Sequence[str] = ()) -> None:
        self.home = Home(root).create()
        self.models = models
        self.settings = Settings.model_validate(
            {
                "communities": [
                    {"platform": "reddit", "name": name, "source": "reddit_archive", "path": "unused"}
                    for name in ("tea", "mate")
                ]
            }
        )
        self._ticks = 0

    def empty(self) -> None:
        """Forget everything but what dbt has parsed and the loads in landing."""
        home = self.home
        for folder in (home.raw, home.scores, home.words, home.listening, home.quality, home.warehouse, home.published):
            shutil.rmtree(folder)
        home.create()
        quality.ensure_tables(home)
        self._ticks = 0

    def clock(self) -> datetime:
        """A second later at each look."""
        self._ticks += 1
        return datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=self._ticks)

    def day(self, number: int) -> date:
        """The days of the world, from 0."""
        return self.first_day + timedelta(days=number)

    def archive(self, number: int, rows: list[dict[str, Any]], *, community: str = "tea", name: str = "") -> Load:
        """A sealed replayable load of one day."""
        return sealed_load(
            self.home,
            [row | {"community": community} for row in rows],
            load_id=f"reddit_archive-{community}-{number}{name}",
            community=community,
            window=Window.one_day(self.day(number)),
        )

    def live(
        self, number: int, rows: list[dict[str, Any]], *, community: str = "tea", members_n: int | None = None
    ) -> Load:
        """A sealed live load: what was seen on one day, written then or earlier, lies in that day's partition.

        With ``members_n`` the community itself was seen too, at noon of that day.
        """
        load_id = f"reddit_api-{community}-{number}"
        folder = landing.draft(self.home, load_id)
        seen = {"community": community, "source": "reddit_api", "load_id": load_id}
        write_contract_rows(folder / "rows" / f"day={self.day(number)}.parquet", [row | seen for row in rows])
        seen_at = NOON + timedelta(days=number)
        size = community_observation(community=community, load_id=load_id, members_n=members_n, observed_at=seen_at)
        sizes = [] if members_n is None else [size]
        facts: dict[str, Any] = {
            "load_id": load_id,
            "platform": "reddit",
            "entry_id": f"reddit/{community}",
            "community": community,
            "community_observations_n": landing.write_community_observations(folder, sizes),
            "source": "reddit_api",
            "is_replayable": False,
            "first_day": self.day(number),
            "last_day": self.day(number),
            "rows_by_day": {self.day(number): len(rows)},
            "sealed_at": self.clock(),
        }
        return landing.seal(self.home, folder, LoadManifest(**facts))

    def bring(self, load: Load, *, coverage: list[dict[str, Any]] | None = None) -> None:
        """Promote a load, judge its texts and note its outcome.

        Without coverage of its own it looked at its whole window.
        """
        raw.promote(self.home, load)
        manifest = load.manifest
        proof = "spanned" if manifest.is_replayable else "listed"
        looked_at = coverage_rows(manifest.window, community=manifest.community, proof=proof, source=manifest.source)
        write_coverage(self.home, load.load_id, looked_at if coverage is None else coverage)
        parts = [(part.platform, part.community, part.day) for part in raw.partitions_of(load)]
        score_partitions(self.home, get_scorer(self.settings.sentiment_model), parts)
        entry = self.settings.entry(load.manifest.entry_id)
        run_id = f"run-{self._ticks}"
        rows = outcomes.arrival_rows(self.home, entry, load, run_id=run_id, recorded_at=self.clock())
        quality.append(self.home, quality.LOAD_OUTCOMES, rows, stem=f"{run_id}-{load.load_id}")

    def build(self, *, is_full_refresh: bool = False, has_data_tests: bool = True) -> builds.BuildReport:
        """Build, and insist that every node is fine.

        Without data tests it is faster: for builds in the middle of a story whose last build has them.
        """
        with pytest.MonkeyPatch.context() as changed:
            if not has_data_tests:
                changed.setattr(builds, "BUILD", ("run",))
            if self.models:
                changed.setattr(builds, "BUILD", (*builds.BUILD, "--select", *self.models))
            report = builds.build(self.home, settings=self.settings, is_full_refresh=is_full_refresh)
        failed = [f"{node.label}: {node.message}" for node in report.nodes if not node.is_ok]
        assert failed == []
        return report

    def publish(self, *, keep_states_n: int = 3) -> builds.PublishedState:
        """Publish under a clock that goes on."""
        return builds.publish(self.home, keep_states_n=keep_states_n, clock=self.clock)

    def run(self, code: str, *, forker: "Forker | None" = None) -> subprocess.CompletedProcess[str]:
        """Python code in a process of its own, with ``home``, ``settings`` and ``clock`` at hand.

        With a forker the process has imported the project already, which takes longer than most such code.
        """
        prelude = f"""
import os, pathlib, signal
from datetime import UTC, datetime
from pulse.warehouse import builds
from pulse.core.home import Home
from pulse.config.settings import Settings
home = Home(pathlib.Path({str(self.home.root)!r}))
settings = Settings.model_validate({self.settings.model_dump(mode="json")!r})
if {bool(self.models)}:
    builds.BUILD += ("--select", *{[*self.models]!r})
clock = lambda: datetime.fromisoformat({self.clock().isoformat()!r})
def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)
"""
        if forker is not None:
            return forker.run(prelude + code)
        command = [sys.executable, "-c", prelude + code]
        return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


class Forker:
    """A process that imports the project once and runs code in children of its own: one line of JSON each."""

    _CODE = """
import json, os, sys, traceback
import pulse.kpi, pulse.warehouse.builds, pulse.warehouse.published_file
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(order["output"], os.O_WRONLY | os.O_CREAT), 2)
        os.dup2(2, 1)  # DuckDB shows a slow query's progress there
        try:
            exec(order["code"], {})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output"
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            text=True,
        )

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._output.unlink(missing_ok=True)
        print(json.dumps({"code": code, "output": str(self._output)}), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, "the process that forks has ended"
        return subprocess.CompletedProcess([], int(answer), "", self._output.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    forker = Forker(tmp_path_factory.mktemp("forker"))
    yield forker
    forker.process.communicate()


def contents(file: Path) -> Mapping[str, list[dict[str, Any]]]:
    """Every row of every table of the marts and what lies under them, sorted; read as somebody else would."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {sql_text(file)} as looked_at (read_only)")
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'looked_at' and schema_name in ('marts', 'intermediate') order by all"
        ).fetchall()
        assert tables, "an empty comparison would pass"
        return {table: _rows(connection, f"from looked_at.{table} order by all") for (table,) in tables}


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [name for name, *_ in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@dataclass(frozen=True)
class UnitTestRun:
    """What became of dbt's unit tests.

    Attributes:
        aside: the home they ran in.
        results: one per model and unit test, failed ones included.
    """

    aside: Home
    results: tuple[transform.NodeResult, ...]

    @property
    def database(self) -> Path:
        """The file they left: every model as an empty table, which shows its columns and their types."""
        return self.aside.warehouse / "working.duckdb"

    def compiled(self, model: str) -> str:
        """The SQL of a model as dbt ran it, a full build; its tables are those of the database ``working``."""
        folder = self.aside.dbt / "target" / "compiled" / "community_pulse" / "models"
        # Folders named after a yml hold its unit tests, with models that stand in for the real ones.
        (file,) = (file for file in folder.rglob(f"{model}.sql") if file.parent.suffix != ".yml")
        return file.read_text(encoding="utf-8")


class Models:
    """Models in memory: tables without rows, filled with what a test draws, and the models' own SQL over them."""

    def __init__(self, run: Any) -> None:
        self._compiled = run.compiled
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute(f"attach {sql_text(run.database)} as typed (read_only)")
        self.connection.execute("attach ':memory:' as working")
        tables = self.connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'typed'"
        ).fetchall()
        assert tables, "nothing was built"
        for schema, table in tables:
            self.connection.execute(f"create schema if not exists working.{schema}")
            self.connection.execute(
                f"create table working.{schema}.{table} as from typed.{schema}.{table} limit 0"
            )  # fmt: skip
        # Staging models are not in that file. No row here: of no platform it is told that ids are shared.
        self.connection.execute("create schema if not exists working.staging")
        self.connection.execute(
            "create table working.staging.stg_platforms (platform varchar, ids_shared_within varchar)"
        )

    def fill(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Put these rows instead of what is there; columns that are not named are NULL."""
        self.connection.execute(f"truncate working.{table}")
        if rows:
            self.connection.execute(
                f"insert into working.{table} by name select unnest($rows, recursive := true)", {"rows": list(rows)}
            )

    def fill_columns(self, table: str, columns: Mapping[str, Any]) -> None:
        """The same from whole columns, for very many rows."""
        self.connection.execute(f"truncate working.{table}")
        self.connection.register("columns", pa.table(dict(columns)))
        self.connection.execute(f"insert into working.{table} by name select * from columns")
        self.connection.unregister("columns")

    def build(self, table: str) -> None:
        """Build a model from what is in the others."""
        model = table.split(".")[1]
        self.connection.execute(f"truncate working.{table}")
        self.connection.execute(f"insert into working.{table} by name {self._compiled(model)}")

    def rows(self, table: str) -> dict[str, list[SimpleNamespace]]:
        """Rows by community."""
        found = self.connection.execute(f"from working.{table}")
        names = [name for name, *_ in found.description or ()]
        by_community: dict[str, list[SimpleNamespace]] = {}
        for values in found.fetchall():
            row = SimpleNamespace(**dict(zip(names, values, strict=True)))
            by_community.setdefault(row.community, []).append(row)
        return by_community


parsed_whole = sqlparse.parse


def parsed_head(sql: str) -> Any:
    """A statement, parsed as far as its first WITH; the rest of it is one token.

    dbt puts the rows of a unit test in after that word, and had all of a model's SQL parsed to find it, by far the
    longest part of a unit test.
    """
    head: list[sqlparse.sql.Token] = []
    for kind, text in sqlparse.lexer.tokenize(sql):
        head.append(sqlparse.sql.Token(kind, text))
        if not (head[-1].is_whitespace or kind in sqlparse.tokens.Comment):
            break
    if head[-1].normalized != "WITH":
        return parsed_whole(sql)
    rest = sql[sum(len(token.value) for token in head) :]
    assert not rest.lstrip().lower().startswith("recursive"), "dbt looks for that word too"
    return (sqlparse.sql.Statement([*head, sqlparse.sql.Token(sqlparse.tokens.Generic, rest)]),)


@pytest.fixture(scope="session")
def unit_tests_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs dbt's unit tests on an engine, in the home that is given or one of their own."""

    def run(engine: Any = None, home: Home | None = None) -> Any:
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr("dbt.compilation.sqlparse.parse", parsed_head)
            return transform.run_unit_tests(
                home or Home(tmp_path_factory.mktemp("on_engine") / "home").create(), engine
            )

    return run


@pytest.fixture(scope="session")
def unit_test_run(tmp_path_factory: pytest.TempPathFactory, unit_tests_of: Callable[..., Any]) -> UnitTestRun:
    """dbt's unit tests, run once for all who look at them."""
    home = Home(tmp_path_factory.mktemp("unit_tests") / "home").create()
    return UnitTestRun(Home(home.scratch / "unit_tests"), unit_tests_of(home=home))


@pytest.fixture(scope="module")
def models(unit_test_run: UnitTestRun) -> Iterator[Models]:
    """Models over whatever a test puts under them."""
    models = Models(unit_test_run)
    yield models
    models.connection.close()


@pytest.fixture(scope="module")
def shared_lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One lab per module, which may name the ``MODELS`` that it is about."""
    return Lab(tmp_path_factory.mktemp("lab") / HOME_NAME, models=getattr(request.module, "MODELS", ()))


@pytest.fixture
def lab(shared_lab: Lab) -> Lab:
    """The module's lab, emptied."""
    shared_lab.empty()
    return shared_lab


@pytest.fixture(scope="session")
def look() -> Any:
    """:func:`contents`; test modules cannot import from here."""
    return contents


@pytest.fixture(scope="session")
def rows() -> Any:
    """:func:`support.contribution` under a shorter name."""
    return contribution
