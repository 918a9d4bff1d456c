"""Spark: for more than one machine holds. dbt's SQL runs in a session of this process, and writes a folder of Parquet.

What dbt-spark cannot do here is done by the project's own macros (``dbt_project/macros/spark_engine.sql``): tables are
written once into a new folder, so no table format with deletions is needed. A partial build writes anew the files in
which something is to be deleted, and takes over the others.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from pulse.config.spark import Spark
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.warehouse import build_folders
from pulse.warehouse.engines import Input
from pulse.warehouse.engines.java import java_home

# Which rows come out depends on these; the config cannot change them (pulse.config.spark.HELD).
_HELD = {
    "spark.app.name": "community-pulse",
    # A catalog in memory: tables are files of the build, and no metastore keeps anything of them.
    "spark.sql.catalogImplementation": "in-memory",
    # Two quotes in a text are one, as in DuckDB; the other way of reading texts knows no quote in them.
    "spark.sql.parser.escapedStringLiterals": "false",
    # Times with zone; the default, INT96, is read as times without.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
# What suits many small files and one driver; the config may say otherwise.
_DEFAULTS = {
    "spark.driver.memory": "3g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "8",
    # Chains of answers go down level by level, and their rows are many (macros/chains.sql).
    "spark.sql.cteRecursionLevelLimit": "-1",
    "spark.sql.cteRecursionRowLimit": "-1",
    # Listing files by a job of Spark costs seconds each; raw has thousands.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    "spark.sql.files.openCostInBytes": "65536",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_TYPES = {"VARCHAR": "string", "TIMESTAMP WITH TIME ZONE": "timestamp"}
_JINJA = re.compile(r"({%.*?%}|{{.*?}}|{#.*?#})", re.DOTALL)
_WRITTEN_OTHERWISE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b(?:timestamptz|timestamp with time zone)\b", "timestamp"),
        (r"\bvarchar\[\]", "array<string>"),
        (r"\bvarchar\b", "string"),
        (r"\bunnest\(", "explode("),
        # A list of texts or numbers, and no place in a list.
        (r"(?<![\w\])])\[((?:'[^']*'|-?\d+)?(?:, (?:'[^']*'|-?\d+))*)\]", r"array(\1)"),
    )
)
# Folders may be called anything: their names are no patterns.
_NO_PATTERNS = "'__globPaths__' 'false'"
_LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {file}
appender.file.filePattern = {file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d [%p] %c{{1}}: %m%n
appender.file.policies.type = SizeBasedTriggeringPolicy
appender.file.policies.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
"""


class SparkEngine:
    """Builds into a folder of its own; the working file becomes views over it."""

    name: ClassVar[str] = "spark"
    writes_folders: ClassVar[bool] = True
    # Smaller files are written anew by each partial build: there would be more of them every day.
    small_file_bytes: ClassVar[int] = 8 * 1024 * 1024

    def __init__(self, spark: Spark, folder: Path, *, last: Path | None = None) -> None:
        """Build into ``folder``, where nobody else writes; a partial build goes on from ``last``, which is whole."""
        self._spark = spark
        self._folder = folder
        self._last = last

    @contextmanager
    def dbt_environment(
        self,
        home: Home,
        database: Path,  # noqa: ARG002  (made of the folder by deliver, when the build ended well)
        inputs: Sequence[Input],
    ) -> Iterator[Mapping[str, str]]:
        """A session in which dbt's sources are tables; Spark and its Java end with the context."""
        require_installed()
        build_folders.begin(self._folder)
        with session(self._spark, home, self._folder) as started:
            for schema in ("files", *{source.schema for source in inputs}):
                started.sql(f"create schema if not exists {schema}")
            for source in inputs:
                _show(started, source)
            if self._last is not None:
                _show_tables(started, self._last, self._folder)
            unused = {f"PULSE_RAW_{source.table.upper()}": "" for source in inputs}
            own = {"PULSE_BUILD_FOLDER": str(self._folder), "PULSE_SMALL_FILE_BYTES": str(self.small_file_bytes)}
            yield own | unused

    def fixture(self, sql: str) -> str:
        """The same rows, with Spark's names of types and lists. What is Jinja stays as it is."""
        parts = _JINJA.split(sql)
        return "".join(part if _JINJA.fullmatch(part) else _as_spark_writes(part) for part in parts)

    def deliver(self, database: Path) -> None:
        """Make the folder whole, and the working file of views."""
        build_folders.complete(self._folder, last=self._last)
        build_folders.write_views(self._folder, database)


def require_installed() -> None:
    """Refuse to begin without Spark.

    Raises:
        ConfigError: pyspark, dbt-spark or Java is not there.
    """
    missing = [name for name in ("pyspark", "dbt.adapters.spark") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            "engine: spark",
            value=f"not installed: {', '.join(missing)}",
            next_step="pip install --require-hashes --requirement requirements/spark.txt, or `engine: duckdb`",
        )
    java_home()


@contextmanager
def session(spark: Spark, home: Home, folder: Path) -> Iterator[Any]:
    """A Spark session, the only one of this process; it and its Java end with the context.

    dbt-spark finds it as the active one, made before dbt would make another with a metastore.

    Args:
        folder: where tables go that are made in it.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    logs = home.dbt / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log4j = home.scratch / "spark-log4j2.properties"
    log4j.write_text(_LOG4J.format(file=logs / "spark.log"), encoding="utf-8")
    settings = _DEFAULTS | {name: _as_text(value) for name, value in spark.settings.items()} | _HELD
    settings["spark.sql.warehouse.dir"] = str(folder)
    if "," not in str(home.scratch):  # Spark would take it for the names of two folders
        settings.setdefault("spark.local.dir", str(home.scratch))
    if spark.master.startswith("local"):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    options = settings.get("spark.driver.extraJavaOptions", "")
    settings["spark.driver.extraJavaOptions"] = f'{options} "-Dlog4j2.configurationFile={log4j.as_uri()}"'.strip()
    builder = SparkSession.builder.master(spark.master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    # Errors reach the caller as they are; pyspark would print each a second time, as JSON of two hundred lines.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # on workers too, under the same path
    started = builder.getOrCreate()
    try:
        yield started
    finally:
        started.stop()
        gateway: Any = SparkContext._gateway  # noqa: SLF001  (the only handle there is)
        gateway.shutdown()
        # Java ends when nobody holds the other end of its input.
        gateway.proc.stdin.close()
        gateway.proc.wait()
        SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001


def _show(session: Any, source: Input) -> None:
    """Make a source a view of Spark, with the columns that DuckDB sees, those that older files lack included.

    Spark passes over names that begin with ``_``, so the empty typed file gives it no columns.
    """
    with duckdb.connect() as connection:
        columns = connection.execute(f"describe select * from {source.reader}").fetchall()
    typed = ", ".join(f"`{name}` {spark_type(kind)}" for name, kind, *_ in columns if name != "filename")
    folder = _unescaped(source.pattern.split("/*", maxsplit=1)[0])
    session.sql(
        f"create table files.{source.table} ({typed}) using parquet "
        f"options (path {_text(folder)}, {_NO_PATTERNS}, recursiveFileLookup 'true', pathGlobFilter '*.parquet')"
    )
    session.sql(
        f"create view {source.schema}.{source.table} as "
        f"select *, _metadata.file_path as filename from files.{source.table}"
    )


def _show_tables(session: Any, last: Path, folder: Path) -> None:
    """Make the tables of the last build tables of Spark, which dropping leaves where they are.

    What is made anew under their names goes to the new build's folder.
    """
    for schema, table in build_folders.tables(last):
        session.sql(f"create schema if not exists {schema} location {_text(str(folder / schema))}")
        place = _text(str(last / schema / table))
        session.sql(f"create table {schema}.{table} using parquet options (path {place}, {_NO_PATTERNS})")


def spark_type(kind: str) -> str:
    """Spark's name of a type of DuckDB's, of those that raw has."""
    if kind.endswith("[]"):
        return f"array<{spark_type(kind.removesuffix('[]'))}>"
    if kind.startswith("MAP("):
        of_key, of_value = kind.removeprefix("MAP(").removesuffix(")").split(", ")
        return f"map<{spark_type(of_key)}, {spark_type(of_value)}>"
    return _TYPES.get(kind, kind.lower())


def _as_spark_writes(sql: str) -> str:
    for pattern, replacement in _WRITTEN_OTHERWISE:
        sql = pattern.sub(replacement, sql)
    return sql


def _unescaped(pattern: str) -> str:
    """The path that ``glob.escape`` was given."""
    return re.sub(r"\[([*?[])\]", r"\1", pattern)


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"


def _as_text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
