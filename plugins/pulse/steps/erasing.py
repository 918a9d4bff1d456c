"""Erasing from every place of a home: for whoever asked to be forgotten, and for what a sweep found gone.

    look → raw → landing, quarantine → damaged, scratch → scores, mentions, words
    → warehouse, published, reports → look again

The proof (``quality.erasures``) is written twice: what was found, before anything is touched, and what is left, at the
end. Each step can be repeated, and each file is replaced in one step: whoever was killed runs the same again. What
others write meanwhile is held against the same list or tombstones, and counted as left if it came in between.

Frozen months stay: they hold no persons and no texts. Airflow's logs and XComs hold ids and counts; they are looked
into when a name is known, and never changed.
"""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from pulse.config.lake import on_lake
from pulse.core import memory_database
from pulse.core.errors import PulseError
from pulse.core.files import sql_name, sql_text, storage_error
from pulse.core.home import Home
from pulse.core.locks import WAREHOUSE_LOCK, exclusive, holder_pid
from pulse.core.table import RELATIONS_SQL
from pulse.core.text import printable
from pulse.lake import erasure, forgotten, quality, raw
from pulse.lake.erased_rows import FOR_GOOD
from pulse.lake.forgotten import Found, Wanted
from pulse.listening import store as mentions
from pulse.reading import damage
from pulse.sources.lines import ndjson
from pulse.sources.lines.entry import FileEntry
from pulse.sources.live.caches import cache_lock
from pulse.sources.registry import live_sources
from pulse.steps.pipeline import Pipeline
from pulse.texts import taken_back
from pulse.warehouse import builds

log = logging.getLogger(__name__)

Reason = Literal["asked", "gone"]
_READ_BYTES = 1 << 20
# Counted and left: the name may be a word like any other there.
_WORD = "files with that word"


@dataclass(frozen=True)
class Trace:
    """One line of the proof; see ``quality.erasures``."""

    place: str
    what: str
    found_n: int
    left_n: int | None = None
    file: str | None = None


@dataclass(frozen=True)
class Proof:
    """What one request, or one sweep, erased.

    Attributes:
        state_id: what is published now; None where nothing is.
    """

    request_id: str
    traces: tuple[Trace, ...]
    state_id: str | None

    @property
    def left_n(self) -> int:
        """What is left in the home itself; the user's own files are another matter, and so are words in logs."""
        return sum(trace.left_n or 0 for trace in self.traces if trace.file is None and trace.what != _WORD)


@dataclass(frozen=True)
class Names:
    """How a person is written in files of others, to look for them there; never logged.

    Attributes:
        name: clear name or account id; empty where none is known.
        ignores_case: whether the platform takes other cases of it for the same.
    """

    name: str = field(default="", repr=False)
    ignores_case: bool = False

    def pattern(self) -> re.Pattern[bytes] | None:
        """Finds the name as a word of its own, as UTF-8 or as JSON escapes it."""
        if not self.name:
            return None
        forms = {self.name.encode(), json.dumps(self.name)[1:-1].encode()}
        words = b"|".join(re.escape(form) for form in sorted(forms))
        return re.compile(rb"(?<![\w-])(?:" + words + rb")(?![\w-])", re.IGNORECASE if self.ignores_case else 0)


@dataclass(frozen=True)
class Order:
    """What to erase.

    Attributes:
        request_id: unique; the tombstones' files are called after it.
        wanted: persons, or nobody.
        gone: contributions besides, as ``erasure.TOMBSTONES``.
    """

    request_id: str
    reason: Reason
    platform: str
    wanted: Wanted = field(default_factory=Wanted)
    gone: pa.Table | None = None
    names: Names = field(default_factory=Names)


@on_lake
def erase_everywhere(pipeline: Pipeline, order: Order, *, run_id: str) -> Proof:
    """Erase from every place of the home, build and publish without it, and prove it.

    Side effects: see the module. All published states but the new one go. What another process has in ``scratch``
    goes, unless it is an extraction in progress: a gate that ran meanwhile fails once, and is tried again.

    Raises:
        LockBusy: another process writes to raw or the warehouse; the same again finishes it.
        BuildFailed, GateStopped, DamagedFile: all is erased but from what was published before.
        StorageError: disk full or not writable.
    """
    home, looked_at = pipeline.home, pipeline.clock()
    quality.ensure_tables(home)
    raw.recover(home)
    unread = {"damaged": _set_aside(home), "scratch": list(_scratch_of_nobody(home))}
    found = [
        *_look(pipeline, order, replace(order.wanted, more=order.gone)),
        *(Trace(place, "files", len(paths)) for place, paths in unread.items()),
    ]
    inputs = tuple(_in_inputs(pipeline, order.names))
    _write_proof(home, order, (*found, *inputs), looked_at=looked_at, done_at=None)
    taken = raw.take_back(
        home, f"erased_live-{order.request_id}", persons=order.wanted.keys, gone=_all_gone(home, order)
    )
    wanted = replace(order.wanted, gone=taken.tombstones)
    beside = _outside_raw(home)
    forgotten.erase(home, forgotten.find(home, beside, wanted), wanted)
    _remove_what_cannot_be_read(home)
    for files in _made_of_texts(home).values():
        taken_back.drop(home, taken.tombstones, files)
    dropped_n = pipeline.work_texts()["texts_dropped_n"]
    state_id = _publish_without(pipeline, run_id=run_id)
    left = {(trace.place, trace.what): trace.found_n for trace in _look(pipeline, order, wanted)}
    left |= {(place, "files"): sum(path.exists() for path in paths) for place, paths in unread.items()}
    contributions = Trace("raw/tombstones", "contributions", taken.contributions_n, 0)
    traces = (
        contributions,
        Trace("words", "texts", dropped_n, 0),
        *(replace(trace, left_n=left.pop((trace.place, trace.what), 0)) for trace in found),
        *(Trace(place, what, 0, left_n) for (place, what), left_n in left.items() if left_n),
        *(replace(trace, left_n=trace.found_n) for trace in inputs),
    )
    _write_proof(home, order, traces, looked_at=looked_at, done_at=pipeline.clock())
    proof = Proof(order.request_id, traces, state_id)
    log.info("erasing: %s is done, %d are left", order.request_id, proof.left_n)
    return proof


# ---- the steps -------------------------------------------------------------------


def _outside_raw(home: Home) -> list[Path]:
    return [home.landing, home.quarantine]


def _all_gone(home: Home, order: Order) -> pa.Table:
    """What the order names, and what the persons wrote that only landing or quarantine knows."""
    schema = erasure.TOMBSTONES.arrow_schema
    given = order.gone if order.gone is not None else schema.empty_table()
    if not order.wanted.persons:
        return given
    found = forgotten.find(home, _outside_raw(home), order.wanted)
    ids = forgotten.contributions_of(home, list(found.rows), order.wanted)
    rows = [
        {
            "platform": platform, "community": community, "contribution_id": contribution_id, "removal": "by_author",
            "content_gone_at": FOR_GOOD, "author_gone_at": FOR_GOOD,
        }
        for platform, community, contribution_id in sorted(ids)
    ]  # fmt: skip
    return pa.concat_tables([given, pa.Table.from_pylist(rows, schema=schema)])


def _remove_what_cannot_be_read(home: Home) -> None:
    """Remove files of which nobody can tell what they hold: damaged ones, drafts and scratch of killed runs."""
    try:
        for file in forgotten.find(home, _outside_raw(home), Wanted()).unreadable:
            _remove(file)
        for file in _set_aside(home):
            _remove(file)
        with exclusive(home, WAREHOUSE_LOCK):
            for path in _scratch_of_nobody(home):
                _remove(path)
    except OSError as error:
        raise storage_error(home.scratch, error) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _set_aside(home: Home) -> list[Path]:
    """Damaged files that were set aside; frozen months and results of gates hold no persons."""
    kept = (home.kpi, home.quality)
    return [
        done.moved_to
        for done in damage.set_aside_before(home)
        if done.moved_to.exists()
        and done.moved_to.is_relative_to(home.root / "damaged")
        and not any(done.file.is_relative_to(folder) for folder in kept)
    ]


def _scratch_of_nobody(home: Home) -> Iterator[Path]:
    """What lies in scratch, but for what an extraction in progress holds a lock for."""
    for path in sorted(home.scratch.glob("*")):
        kind, _, name = path.name.partition("-")
        lock_names = [f"archive-{name}"] if kind == "staging" else []
        if kind == "answers":
            lock_names = [cache_lock(source.name, name) for source in live_sources()]
        if not any(holder_pid(home, lock_name) for lock_name in lock_names):
            yield path


def _publish_without(pipeline: Pipeline, *, run_id: str) -> str | None:
    """Build everything anew into a new file, for what was taken out of a database stays in its free blocks."""
    if builds.published_state(pipeline.home) is None:
        builds.drop_unpublished(pipeline.home)
        return None
    return str(pipeline.rebuild(run_id=run_id, keep_states_n=1))


# ---- looking ---------------------------------------------------------------------


def _look(pipeline: Pipeline, order: Order, wanted: Wanted) -> list[Trace]:
    """Count what is to go, place by place."""
    home = pipeline.home
    traces: list[Trace] = []
    for folder in (home.raw / "contributions", *_outside_raw(home)):
        found = forgotten.find(home, [folder], wanted)
        place = str(folder.relative_to(home.root))
        traces += _traces_of(place, found)
    for place, files in _made_of_texts(home).items():
        traces.append(Trace(place, place, sum(taken_back.find(home, wanted.gone, files).values())))
    databases = sorted({*home.warehouse.glob("*.duckdb"), *(home.published / "states").glob("*.duckdb")})
    for folder in (home.warehouse, home.published):
        rows_n = sum(_rows_in(file, wanted) for file in databases if file.is_relative_to(folder))
        traces.append(Trace(folder.name, "rows", rows_n))
    pattern = order.names.pattern()
    if pattern is not None:
        for folder in (home.quality, home.reports, home.airflow, home.dbt):
            files_n = sum(_says(file, pattern) for file in _files_below(folder))
            traces.append(Trace(folder.name, _WORD, files_n))
    return traces


def _made_of_texts(home: Home) -> dict[str, list[Path]]:
    """Files that hold something by contribution and text, by what it is."""
    return {"scores": taken_back.score_files(home), "mentions": mentions.files(home)}


def _traces_of(place: str, found: Found) -> Iterator[Trace]:
    yield Trace(place, "rows", sum(found.rows.values()))
    if found.lines:
        yield Trace(place, "lines", sum(found.lines.values()))
    if found.unreadable:
        yield Trace(place, "files that cannot be read", len(found.unreadable))


def _rows_in(file: Path, wanted: Wanted) -> int:
    """Rows of a database that name one of the persons, or still hold what a tombstone took."""
    rows_n = 0
    with suppress(duckdb.Error), duckdb.connect(config={"enable_external_file_cache": "false"}) as connection:
        connection.execute(f"attach {sql_text(file)} as looked_at (read_only)")
        forgotten.prepare(connection, wanted)
        columns: dict[str, set[str]] = {}
        for schema, table, column in connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where database_name = 'looked_at' "
            # Views of schema staging show raw, which is looked at by itself.
            f"and table_oid in (select table_oid from {RELATIONS_SQL} as relations where database_name = 'looked_at' "
            "and schema_name <> 'staging')"
        ).fetchall():
            columns.setdefault(f"looked_at.{sql_name(schema)}.{sql_name(table)}", set()).add(column)
        for table, names in sorted(columns.items()):
            conditions = [
                f"{name} in (select author_key from persons)" for name in sorted(names) if name.endswith("author_key")
            ]
            texts = sorted(names & {"title", "body"})
            if texts and names >= {"platform", "community", "contribution_id", "observed_at"}:
                held = " or ".join(f"{name} is not null" for name in texts)
                conditions.append(
                    f"(({held}) and exists (select 1 from gone where gone.platform = t.platform "
                    "and gone.community = t.community and gone.contribution_id = t.contribution_id "
                    "and t.observed_at <= gone.content_gone_at))"
                )
            if conditions:
                ((count_n,),) = connection.execute(
                    f"select count(*) from {table} as t where {' or '.join(conditions)}"
                ).fetchall()
                rows_n += count_n
    return rows_n


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _says(file: Path, pattern: re.Pattern[bytes]) -> bool:
    """Whether a name is in the bytes of a file, which are read piece by piece."""
    with suppress(OSError), file.open("rb") as stream:
        before = b""
        while piece := stream.read(_READ_BYTES):
            if pattern.search(before + piece):
                return True
            before = piece[-400:]
    return False


# ---- the user's own files ----------------------------------------------------------


def _in_inputs(pipeline: Pipeline, names: Names) -> Iterator[Trace]:
    """Files that entries of the config read and that still hold the name, with how many lines do."""
    pattern = names.pattern()
    if pattern is None:
        return
    files = {
        path: None for entry in pipeline.settings.communities if isinstance(entry, FileEntry) for path in entry.path
    }
    for path in files:
        lines_n = _lines_with(path, pattern, names)
        if lines_n:
            yield Trace("input", "lines", lines_n, file=printable(str(path), max_chars=500))


def _lines_with(path: Path, pattern: re.Pattern[bytes], names: Names) -> int:
    """How many lines of a text file, packed or not, or rows of a Parquet file hold the name; 0 if it cannot be read."""
    try:
        if path.suffix == ".parquet":
            return _parquet_rows_with(path, names)
        with ndjson.opened(path) as stream:
            return sum(pattern.search(line) is not None for line in _lines(stream))
    except (PulseError, duckdb.Error, OSError) as error:
        log.warning("erasing: %s cannot be looked into: %s", printable(str(path)), type(error).__name__)
        return 0


def _lines(stream: ndjson.ByteStream) -> Iterator[bytes]:
    rest = b""
    while piece := stream.read(_READ_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _parquet_rows_with(path: Path, names: Names) -> int:
    with memory_database.cursor() as connection:
        rows = f"read_parquet({sql_text(path)}, hive_partitioning = false)"
        texts = [name for name, kind, *_ in connection.execute(f"describe from {rows}").fetchall() if kind == "VARCHAR"]
        lower = (lambda one: f"lower({one})") if names.ignores_case else (lambda one: one)
        is_said = " or ".join(f"{lower(sql_name(name))} = {lower('$name')}" for name in texts)
        ((rows_n,),) = connection.execute(
            f"select count(*) from {rows} where {is_said or '$name is null'}", {"name": names.name}
        ).fetchall()
        return int(rows_n)


# ---- the proof ---------------------------------------------------------------------


def _write_proof(
    home: Home, order: Order, traces: Iterable[Trace], *, looked_at: datetime, done_at: datetime | None
) -> None:
    rows = [
        {
            "request_id": order.request_id, "reason": order.reason, "platform": order.platform, "place": trace.place,
            "what": trace.what, "file": trace.file, "found_n": trace.found_n, "left_n": trace.left_n,
            "looked_at": looked_at, "done_at": done_at,
        }
        for trace in traces
    ]  # fmt: skip
    quality.append(home, quality.ERASURES, rows, stem=order.request_id)


def lines_of(proof: Proof) -> Sequence[str]:
    """The proof for a terminal: what, where, how many."""
    lines = [f"request {proof.request_id}"]
    for trace in proof.traces:
        if trace.file is not None:
            lines.append(f"{trace.file}: {trace.found_n} {trace.what} hold the name; this file is yours and stays")
        elif trace.found_n or trace.left_n:
            lines.append(f"{trace.place}: {trace.found_n} {trace.what} found, {trace.left_n or 0} left")
    lines.append(f"published: {proof.state_id or 'nothing yet'}")
    return lines
