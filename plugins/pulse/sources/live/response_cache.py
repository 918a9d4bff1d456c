"""The response cache of an extraction: an answer that was sealed is not asked for again.

A cache belongs to the communities that are asked for together, and to a window of days. Each answer is turned into
contract rows at once and sealed, so that names of authors reach the disk only in records that cannot be used and are
kept whole for quarantine. The same question finds its sealed answer and asks nobody: there a killed run resumes. Each
community uses a cache once; after that, or after six hours, the next run starts anew. Caches of unfinished extractions
are pruned after those six hours.

What was heard of the same days before they were over (:mod:`pulse.sources.live.listen_store`) stands beside the own
answers: its rows are rows of the cache, its records count among the cache's.
"""

import hashlib
import json
import logging
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from pulse.core import memory_database, parquet
from pulse.core.contract import COLUMNS, CONTRACT_VERSION
from pulse.core.errors import LockBusy, RateLimited, StorageError
from pulse.core.files import read_json, sql_text, storage_error, write_json
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.core.table import no_rows_sql
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.lines.mapping import Mapping as RecordMapping
from pulse.sources.lines.ndjson import Chunk
from pulse.sources.lines.reader import ChunkReader
from pulse.sources.lines.rows import fault_table, write_faults, write_rows
from pulse.sources.live.budget import CallBudget
from pulse.sources.live.caches import RESUME_WITHIN, cache_lock, caches_folder
from pulse.sources.live.listen_store import ListenStore, Stretch, lock_of, store_of
from pulse.sources.live.question import Params

log = logging.getLogger(__name__)

_KEY_CHARS = 32
_STARTED = "started.json"
_USED = "used.json"
# Tasks that use one cache wait for each other this long by themselves, then through Airflow's retry.
_WAIT_FOR_OTHERS_S = 20.0
_OWN_KEYS = frozenset({"path", "params", "observed_at", "after", "ids", "oldest_s", "unknown_keys"})


@dataclass(frozen=True)
class Page:
    """An answer with records, taken apart.

    Attributes:
        records: in the order of the answer, as the mapping reads them. They are not sealed as they are: what the source
            needs when it resumes must stand in the other attributes.
        ids: of the records, in order.
        observed_at: the answer's own time: when its counts and texts were so.
        after: the cursor to go on from; None at the end.
        oldest_s: when the oldest record was created, seconds since 1970; None if no record tells.
        notes: what else to seal, as JSON takes it; no clear name may stand here.
    """

    records: Sequence[Mapping[str, Any]]
    ids: Sequence[str]
    observed_at: datetime
    after: str | None = None
    oldest_s: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SealedPage:
    """What is known of a sealed answer without reading its rows; see :class:`Page`."""

    observed_at: datetime
    after: str | None
    ids: tuple[str, ...]
    oldest_s: float | None
    notes: Mapping[str, Any] = field(default_factory=dict)


class ResponseCache:
    """One cache, open for asking. Made by :func:`open_response_cache`.

    Attributes:
        source: whose answers these are, as rows and loads name it.
        connection: a private DuckDB, in UTC; other queries over the pages may use it too.
        budget: the calls of this extraction.
    """

    def __init__(
        self,
        context: SourceContext,
        entries: Sequence[CommunityEntry],
        folder: Path,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        mapping: RecordMapping,
        budget: CallBudget,
        stores: Mapping[str, Sequence[ListenStore]] = MappingProxyType({}),
    ) -> None:
        self.source = mapping.source
        self.connection = connection
        self.budget = budget
        self._context = context
        self._entries = entries
        self._folder = folder
        self._mapping = mapping
        self._stores = stores
        self._listened_sql = _table_of_listens(connection, self._listened(".parquet")) if stores else None
        self._reader = ChunkReader(connection, scratch, mapping, samples_keys=False)

    # ---- asking ------------------------------------------------------------

    def page(self, path: str, params: Params, fetch: Callable[[], Page]) -> SealedPage:
        """The sealed answer to a question; fetched, mapped and sealed first if there is none.

        Args:
            path, params: the question; no secret may stand here, for they are sealed too.
            fetch: asks the platform. If it raises, nothing is sealed, and the question stays open.

        Raises:
            StorageError: landing cannot be written.
            PulseError: what ``fetch`` raises.
        """
        key = _key(path, params)
        seal = self._folder / f"{key}.json"
        if not seal.is_file():
            page = fetch()
            unknown_keys = self._write_rows(key, path, page)
            write_json(
                seal,
                {
                    **page.notes,
                    "path": path,
                    "params": dict(params),
                    "observed_at": page.observed_at.isoformat(),
                    "after": page.after,
                    "ids": list(page.ids),
                    "oldest_s": page.oldest_s,
                    "unknown_keys": unknown_keys,
                },
            )
        return _sealed_page(read_json(seal))

    def document(self, path: str, params: Params, fetch: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The same for an answer without records: what ``fetch`` makes of it is sealed as JSON.

        Raises:
            StorageError: landing cannot be written.
            PulseError: what ``fetch`` raises.
        """
        seal = self._folder / f"{_key(path, params)}.json"
        if not seal.is_file():
            write_json(seal, {**fetch(), "path": path})
        content: dict[str, Any] = read_json(seal)
        return content

    # ---- rows --------------------------------------------------------------

    def _write_rows(self, key: str, path: str, page: Page) -> dict[str, int]:
        """Write the records as contract rows, and those that give none; returns how often unknown fields occur.

        A page is small, and planning its statements costs more than carrying them out: they are taken as they stand.
        """
        lines = b"".join(json.dumps(record).encode("ascii") + b"\n" for record in page.records)
        select = self._mapping.contract_select(
            role_sql="account_role", observed_fallback_s=page.observed_at.timestamp()
        )
        try:
            self.connection.execute("pragma disable_optimizer")
            self._reader.read(Chunk(1, lines))
            write_rows(self.connection, select, self._folder / f"{key}.parquet", entries=self._entries)
            if self._reader.bad_lines:
                write_faults(self._folder / f"{key}-faults.parquet", fault_table(path, self._reader.bad_lines))
            self._reader.close()
        except OSError as error:
            raise storage_error(self._folder, error) from error
        except duckdb.Error as error:  # its text may hold a statement, and ours hold key material
            raise StorageError(
                f"page of {path}", value=type(error).__name__, next_step="free space or memory, then run again"
            ) from None
        finally:
            self.connection.execute("pragma enable_optimizer")
        unknown = Counter(key for record in page.records for key in record.keys() - self._mapping.known_fields)
        return {printable(key, max_chars=100): count for key, count in sorted(unknown.items())}

    def rows_sql(self) -> str:
        """All rows of sealed pages: contract columns and ``line_number``. The same contribution may stand twice."""
        if self._listened_sql is None:
            return self.own_rows_sql()
        return f"(from {self.own_rows_sql()} union all by name from {self._listened_sql})"

    def own_rows_sql(self) -> str:
        """The same of this cache's own pages, without what listens heard."""
        files = [sql_text(file) for file in self._sealed(".parquet")]
        if not files:
            return _no_rows_sql()
        return f"read_parquet([{', '.join(files)}], hive_partitioning = false)"

    def listened_rows_sql(self) -> str:
        """The same of what listens heard."""
        return self._listened_sql or _no_rows_sql()

    def fault_files(self) -> list[Path]:
        """Records that gave no row, as ``pulse.sources.lines.rows.FAULT_SCHEMA``."""
        return [*self._sealed("-faults.parquet"), *self._listened("-faults.parquet")]

    def records_n(self) -> int:
        """Records in all sealed answers; the same contribution counts each time it was shown."""
        return sum(len(read_json(seal).get("ids", ())) for seal in self._all_seals())

    def unknown_keys(self) -> tuple[dict[str, int], int]:
        """Names of fields that nobody knows, by how often they occurred; and among how many records."""
        counts: Counter[str] = Counter()
        records_n = 0
        for seal in self._all_seals():
            content = read_json(seal)
            counts.update(content.get("unknown_keys", {}))
            records_n += len(content.get("ids", ()))
        return dict(sorted(counts.items())), records_n

    def file_beside(self, name: str) -> Path:
        """Where a source keeps what its tasks share besides answers; it goes with them, when the cache starts anew too.

        Args:
            name: a file name, of no sealed answer: shorter than their keys.
        """
        return self._folder / name

    def _seals(self) -> list[Path]:
        return _seals_in(self._folder)

    def _all_seals(self) -> list[Path]:
        return [*self._seals(), *self._listened_seals]

    def _sealed(self, ending: str) -> list[Path]:
        return _files_of(self._seals(), ending)

    def _listened(self, ending: str) -> list[Path]:
        return _files_of(self._listened_seals, ending)

    # ---- what listens heard --------------------------------------------------

    @cached_property
    def _listened_seals(self) -> list[Path]:
        """Of answers that can be read; nobody adds to them while this cache is open."""
        found = (seal for of_entry in self._stores.values() for store in of_entry for seal in _seals_of(store))
        return [seal for seal in found if all(parquet.fault_of(file) is None for file in _files_beside(seal))]

    def has_listened(self, community: str) -> bool:
        """Whether there is anything that listens heard of a community on these days."""
        return bool(self._stores.get(community))

    def stretches(self, community: str) -> dict[str, list[Stretch]]:
        """What listens read of a community, by kind; each stretch lies within one day."""
        found: dict[str, list[Stretch]] = {}
        for store in self._stores.get(community, ()):
            for listen in store.listens():
                for kind, stretch in listen.stretches.items():
                    found.setdefault(kind, []).append(stretch)
        return found

    def listen_calls_n(self, community: str) -> int:
        """Calls that listens made for a community on these days."""
        return sum(store.calls_n() for store in self._stores.get(community, ()))

    def mark_taken(self, community: str) -> None:
        """Note that a load was made of what listens heard of a community.

        Raises:
            StorageError: landing cannot be written.
        """
        for store in self._stores.get(community, ()):
            store.mark_taken()

    # ---- generations -------------------------------------------------------

    @cached_property
    def token(self) -> str:
        """Distinguishes this generation of the cache from others; the loads made from it carry it in their ids."""
        return str(read_json(self._folder / _STARTED)["token"])

    def mark_used(self, entry: CommunityEntry) -> None:
        """Note that a community has what it wanted; when all have, the answers are removed."""
        users = {*self._users(), entry.entry_id}
        if users >= {one.entry_id for one in self._entries}:
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            write_json(self._folder / _USED, sorted(users))

    def _users(self) -> list[str]:
        file = self._folder / _USED
        return list(read_json(file)) if file.is_file() else []

    def renew_if_spent(self, entry: CommunityEntry) -> None:
        """Start anew when the answers are too old, or this community has used them.

        Raises:
            StorageError: landing cannot be written.
        """
        now = self._context.clock()
        started = self._folder / _STARTED
        if started.is_file():
            age = now - datetime.fromisoformat(read_json(started)["started_at"])
            users = self._users()
            if timedelta(0) <= age <= RESUME_WITHIN and entry.entry_id not in users:
                calls_n = self.budget.calls().total()
                if calls_n and not users:
                    log.info("%s: going on after %d calls of an earlier try", self.source, calls_n)
                return
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise storage_error(self._folder, error) from error
        write_json(started, {"started_at": now.isoformat(), "token": secrets.token_hex(8)})


@contextmanager
def open_response_cache(
    context: SourceContext,
    entries: Sequence[CommunityEntry],
    window: Window,
    mapping: RecordMapping,
    *,
    for_entry: CommunityEntry,
    max_calls_n: int,
    service: str,
) -> Iterator[ResponseCache]:
    """The cache of these communities and this window, for the use of one of them, which holds its lock meanwhile.

    Args:
        mapping: what the records of answers mean.
        max_calls_n: calls that may have been made when one more is asked for; those of earlier tries count.
        service: who is asked, as people call it.

    Raises:
        RateLimited: another task uses it, to be tried again when that is done.
        StorageError: landing cannot be written.
    """
    name = _cache_name(context, entries, window, mapping)
    folder = caches_folder(context.home, mapping.source) / name
    budget = CallBudget(
        folder, entries, limit_n=max_calls_n, service=service, setting=f"{mapping.source}.max_calls_per_run"
    )
    stores = {
        entry.community: found
        for entry in entries
        if (found := [store for store in _stores_of(context, mapping, entry, window) if store.folder.is_dir()])
    }
    locks = {
        lock_of(mapping.source, entry, store.day): None
        for entry in entries
        for store in stores.get(entry.community, ())
    }
    with (
        held_for_asking(context.home, [cache_lock(mapping.source, name), *locks], communities_n=len(entries)),
        opened_cache(context, entries, folder, f"answers-{name}", mapping, budget, stores) as cache,
    ):
        cache.renew_if_spent(for_entry)
        yield cache


@contextmanager
def held_for_asking(home: Home, locks: Sequence[str], *, communities_n: int) -> Iterator[None]:
    """Hold the locks of caches, one after the other.

    Raises:
        RateLimited: another task uses one of them, to be tried again when that is done.
    """
    with ExitStack() as held:
        try:
            for lock in locks:
                held.enter_context(exclusive(home, lock, timeout_s=_WAIT_FOR_OTHERS_S))
        except LockBusy as error:
            raise RateLimited(
                f"listing of {communities_n} communities, which process {error.holder_pid} is asking for",
                retry_after_s=_WAIT_FOR_OTHERS_S,
            ) from None
        yield


@contextmanager
def opened_cache(
    context: SourceContext,
    entries: Sequence[CommunityEntry],
    folder: Path,
    scratch_name: str,
    mapping: RecordMapping,
    budget: CallBudget,
    stores: Mapping[str, Sequence[ListenStore]] = MappingProxyType({}),
) -> Iterator[ResponseCache]:
    """A cache in a folder that is there or will be; the caller holds its lock.

    Args:
        stores: by community, what listens heard of the same days.

    Raises:
        StorageError: scratch or landing cannot be written.
    """
    scratch = context.home.scratch / scratch_name
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, mode=0o700)
        with (
            memory_database.workbench(scratch / "spill", threads_n=1) as connection,
            budget.followed(),
        ):
            yield ResponseCache(context, entries, folder, connection, scratch, mapping, budget, stores)
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def rows_of_stores_sql(stores: Iterable[ListenStore]) -> str:
    """All rows that listens heard, as :meth:`ResponseCache.rows_sql`; damaged files are left out."""
    files = parquet.whole(file for store in stores for file in _files_of(_seals_of(store), ".parquet"))
    return f"read_parquet([{', '.join(map(sql_text, files))}], hive_partitioning = false)" if files else _no_rows_sql()


def _stores_of(
    context: SourceContext, mapping: RecordMapping, entry: CommunityEntry, window: Window
) -> Iterator[ListenStore]:
    return (store_of(context.home, mapping, entry, day, author_key=context.author_key) for day in window.days())


def _table_of_listens(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> str | None:
    """Table ``listened`` of the rows in many small files, which are read once; None where there are none."""
    if not files:
        return None
    connection.execute(
        "create temp table listened as from read_parquet($files, hive_partitioning = false)",
        {"files": [str(file) for file in files]},
    )
    return "listened"


def _no_rows_sql() -> str:
    return f"(select *, cast(0 as bigint) as line_number from ({no_rows_sql(COLUMNS)}))"


def _seals_of(store: ListenStore) -> list[Path]:
    return [seal for folder in store.folders() for seal in _seals_in(folder)]


def _seals_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.json") if len(file.stem) == _KEY_CHARS)


def _files_beside(seal: Path) -> list[Path]:
    return [file for ending in (".parquet", "-faults.parquet") for file in _files_of([seal], ending)]


def _files_of(seals: Iterable[Path], ending: str) -> list[Path]:
    """The files of sealed answers whose names end so; not every answer has each."""
    found = (seal.with_name(f"{seal.stem}{ending}") for seal in seals)
    return [file for file in found if file.is_file()]


def _cache_name(
    context: SourceContext, entries: Sequence[CommunityEntry], window: Window, mapping: RecordMapping
) -> str:
    """Safe as a file name; another one whenever something else would come out of the same answers."""
    salt = b"pulse response cache\x00"
    identity: dict[str, Any] = {
        "contract": CONTRACT_VERSION,
        "mapping": mapping.version,
        "author_key": hashlib.sha256(salt + context.author_key).hexdigest(),
        "entries": [entry.model_dump(mode="json") for entry in entries],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]
    return f"{window.first_day:%Y%m%d}-{window.last_day:%Y%m%d}-{digest}"


def _key(path: str, params: Params) -> str:
    return hashlib.sha256(json.dumps([path, dict(params)], sort_keys=True).encode()).hexdigest()[:_KEY_CHARS]


def _sealed_page(content: dict[str, Any]) -> SealedPage:
    return SealedPage(
        observed_at=datetime.fromisoformat(content["observed_at"]),
        after=content["after"],
        ids=tuple(content["ids"]),
        oldest_s=content["oldest_s"],
        notes={key: value for key, value in content.items() if key not in _OWN_KEYS},
    )
