"""Pages of Reddit's API that were asked for once: where a killed extraction resumes.

A shelf belongs to the communities that are asked for together, and to a window of days. Each answer is turned into
contract rows at once and sealed, so that names of authors reach the disk only in records that cannot be used and are
kept whole for quarantine; the same question finds its sealed page and asks nobody. A shelf is used by each of its
communities once; after that, or after six hours, the next run starts anew. What nobody goes on from is pruned.
"""

import hashlib
import json
import logging
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from pulse.core.contract import COLUMNS, CONTRACT_VERSION
from pulse.core.errors import CallsSpent, SourceError, StorageError
from pulse.core.files import read_json, sql_text, storage_error, write_json
from pulse.core.table import no_rows_sql
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.lake.landing import RESUME_WITHIN, SHELVES
from pulse.sources.context import SourceContext
from pulse.sources.lines.ndjson import Chunk
from pulse.sources.lines.reader import ChunkReader
from pulse.sources.lines.rows import fault_table, write_faults, write_rows
from pulse.sources.reddit.client import Answer, RedditClient, Told, is_refusal
from pulse.sources.reddit.credentials import RedditCredentials
from pulse.sources.reddit.entry import UNOBSERVABLE, RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.mapping import RedditMapping
from pulse.sources.reddit.pages import CommunityFacts, Page, Stub, community_facts

log = logging.getLogger(__name__)

SOURCE = "reddit_api"
_SHARED = "*"

Parse = Callable[[object, datetime], Page]


@dataclass(frozen=True)
class SealedPage:
    """What is known of an answer without reading its rows.

    Attributes:
        ids: full ids of its records, in order.
        oldest_s: when the oldest was created, seconds since 1970; None without records.
    """

    observed_at: datetime
    after: str | None
    ids: tuple[str, ...]
    oldest_s: float | None
    stubs: tuple[Stub, ...]


@dataclass(frozen=True)
class SealedCommunity:
    """What a community said of itself, or why Reddit would not tell.

    Attributes:
        refused: the error's text; None when the community answered.
    """

    observed_at: datetime
    facts: CommunityFacts | None
    refused: str | None


class Shelf:
    """One shelf, open for asking. Whoever uses it holds its lock.

    Attributes:
        connection: a private DuckDB, in UTC; other queries over the pages may use it too.
    """

    def __init__(
        self,
        context: SourceContext,
        entries: Sequence[RedditApiEntry],
        folder: Path,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        max_calls_n: int,
    ) -> None:
        self.connection = connection
        self._context = context
        self._entries = entries
        self._folder = folder
        self._max_calls_n = max_calls_n
        self._mapping = RedditMapping(
            source=SOURCE,
            author_key=context.author_key,
            # PRAW asks for texts as they are (raw_json=1), so there is nothing to undo.
            is_encoded=False,
            with_extra=any(entry.extra_fields for entry in entries),
            unobservable=UNOBSERVABLE,
        )
        self._reader = ChunkReader(connection, scratch, self._mapping, samples_keys=False)
        self._client: RedditClient | None = None
        self._label = _SHARED

    # ---- asking ------------------------------------------------------------

    def page(
        self, path: str, params: Mapping[str, str | int], parse: Parse, *, community: str | None = None
    ) -> SealedPage:
        """The answer to a question, from the shelf or from Reddit.

        Args:
            parse: takes the answer apart; what it refuses is not sealed, so that it is asked again.
            community: whom to charge the call to; None shares it.

        Raises:
            CallsSpent: it would have to be asked, and no call is left.
            SourceError: see :meth:`pulse.sources.reddit.client.RedditClient.get`, and what ``parse`` raises.
            StorageError: landing cannot be written.
        """
        key = _key(path, params)
        seal = self._folder / f"{key}.json"
        if not seal.is_file():
            answer = self._ask(path, params, parse, community)
            page = answer.told
            unknown_keys = self._write_rows(key, path, page, answer.observed_at)
            write_json(
                seal,
                {
                    "path": path,
                    "params": dict(params),
                    "observed_at": answer.observed_at.isoformat(),
                    "after": page.after,
                    "ids": page.ids,
                    "oldest_s": page.oldest_s,
                    "stubs": [[stub.parent_id, list(stub.children)] for stub in page.stubs],
                    "unknown_keys": unknown_keys,
                },
            )
        return _sealed_page(read_json(seal))

    def about(self, entry: RedditApiEntry) -> SealedCommunity:
        """What a community says of itself; a refusal is an answer too.

        Raises:
            SourceUnavailable, RateLimited, BadCredentials: nobody can tell.
        """
        path = f"/r/{entry.name}/about"
        seal = self._folder / f"{_key(path, {})}.json"
        if not seal.is_file():
            try:
                answer = self._ask(path, {}, community_facts, entry.community)
            except SourceError as error:
                if not is_refusal(error):
                    raise
                now = self._context.clock()
                write_json(seal, {"path": path, "observed_at": now.isoformat(), "facts": None, "refused": error.value})
            else:
                known = list(astuple(answer.told))
                observed_at = answer.observed_at.isoformat()
                write_json(seal, {"path": path, "observed_at": observed_at, "facts": known, "refused": None})
        content = read_json(seal)
        told = CommunityFacts(*content["facts"]) if content["facts"] else None
        return SealedCommunity(datetime.fromisoformat(content["observed_at"]), told, content["refused"])

    def _ask(
        self,
        path: str,
        params: Mapping[str, str | int],
        parse: Callable[[object, datetime], Told],
        community: str | None,
    ) -> Answer[Told]:
        calls_n = self.calls().total()
        if calls_n >= self._max_calls_n:
            raise CallsSpent(
                f"calls of this run to Reddit, for {len(self._entries)} communities", value=calls_n,
                limit=self._max_calls_n, next_step="raise reddit_api.max_calls_per_run, or listen to fewer communities",
            )  # fmt: skip
        if self._client is None:
            context = self._context
            credentials = context.credentials(RedditCredentials)
            policy = context.policy(RedditApiPolicy)
            self._client = RedditClient(context.home, credentials, policy, on_call=self._note_call)
        self._label = community or _SHARED
        return self._client.get(path, params, parse)

    def close(self) -> None:
        """Close the connection to Reddit, if one was needed."""
        if self._client is not None:
            self._client.close()

    # ---- counting calls ----------------------------------------------------

    def _note_call(self) -> None:
        try:
            with (self._folder / "calls").open("a", encoding="utf-8") as file:
                file.write(f"{self._label}\n")
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def calls(self) -> Counter[str]:
        """Calls made so far, repeated ones and those of killed runs included, by community; ``*`` were for all."""
        try:
            return Counter((self._folder / "calls").read_text(encoding="utf-8").split())
        except FileNotFoundError:
            return Counter()

    def calls_of(self, entry: RedditApiEntry) -> int:
        """The calls made for one community, its even share of the common ones included; the shares add up."""
        calls = self.calls()
        place = [one.entry_id for one in self._entries].index(entry.entry_id)
        shared, rest = divmod(calls[_SHARED], len(self._entries))
        return calls[entry.community] + shared + (place < rest)

    # ---- rows --------------------------------------------------------------

    def _write_rows(self, key: str, path: str, page: Page, observed_at: datetime) -> dict[str, int]:
        """Write the records as contract rows, and those that give none; returns how often unknown fields occur.

        A page is small, and planning its statements costs more than carrying them out: they are taken as they stand.
        """
        lines = b"".join(json.dumps(record).encode("ascii") + b"\n" for record in page.records)
        select = self._mapping.contract_select(role_sql="account_role", observed_fallback_s=observed_at.timestamp())
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
        files = [sql_text(file) for file in self._sealed(".parquet")]
        if not files:
            return f"(select *, cast(0 as bigint) as line_number from ({no_rows_sql(COLUMNS)}))"
        return f"read_parquet([{', '.join(files)}], hive_partitioning = false)"

    def fault_files(self) -> list[Path]:
        """Records that gave no row, as ``pulse.sources.lines.rows.FAULT_SCHEMA``."""
        return self._sealed("-faults.parquet")

    def records_n(self) -> int:
        """Records in all sealed answers; the same contribution counts each time it was shown."""
        return sum(len(read_json(seal).get("ids", ())) for seal in self._seals())

    def unknown_keys(self) -> tuple[dict[str, int], int]:
        """Names of fields that nobody knows, by how often they occurred; and among how many records."""
        counts: Counter[str] = Counter()
        records_n = 0
        for seal in self._seals():
            content = read_json(seal)
            counts.update(content.get("unknown_keys", {}))
            records_n += len(content.get("ids", ()))
        return dict(sorted(counts.items())), records_n

    def _seals(self) -> list[Path]:
        return sorted(file for file in self._folder.glob("*.json") if len(file.stem) == _KEY_CHARS)

    def _sealed(self, ending: str) -> list[Path]:
        """The files of sealed answers whose names end so; not every answer has each."""
        found = (seal.with_name(f"{seal.stem}{ending}") for seal in self._seals())
        return [file for file in found if file.is_file()]

    # ---- generations -------------------------------------------------------

    @cached_property
    def token(self) -> str:
        """Tells this generation of the shelf from others; the loads made from it carry it in their ids."""
        return str(read_json(self._folder / _STARTED)["token"])

    def mark_used(self, entry: RedditApiEntry) -> None:
        """Note that a community has what it wanted; when all have, the pages go."""
        users = {*self._users(), entry.entry_id}
        if users >= {one.entry_id for one in self._entries}:
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            write_json(self._folder / _USED, sorted(users))

    def _users(self) -> list[str]:
        file = self._folder / _USED
        return list(read_json(file)) if file.is_file() else []

    def renew_if_spent(self, entry: RedditApiEntry) -> None:
        """Start anew when the pages are too old, or this community has used them."""
        now = self._context.clock()
        started = self._folder / _STARTED
        if started.is_file():
            age = now - datetime.fromisoformat(read_json(started)["started_at"])
            users = self._users()
            if timedelta(0) <= age <= RESUME_WITHIN and entry.entry_id not in users:
                calls_n = self.calls().total()
                if calls_n and not users:
                    log.info("reddit_api: going on after %d calls of an earlier try", calls_n)
                return
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise storage_error(self._folder, error) from error
        write_json(started, {"started_at": now.isoformat(), "token": secrets.token_hex(8)})


_KEY_CHARS = 32
_STARTED = "started.json"
_USED = "used.json"


@contextmanager
def open_shelf(
    context: SourceContext,
    entries: Sequence[RedditApiEntry],
    window: Window,
    *,
    for_entry: RedditApiEntry,
    max_calls_n: int,
) -> Iterator[Shelf]:
    """The shelf of these communities and this window, for the use of one of them. The caller holds its lock.

    Args:
        max_calls_n: calls that may have been made when one more is asked for; those of earlier tries count.
    """
    name = shelf_name(context, entries, window)
    folder = context.home.landing / SHELVES / name
    scratch = context.home.scratch / f"shelf-{name}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, mode=0o700)
        with duckdb.connect(
            config={"memory_limit": "1GB", "temp_directory": str(scratch / "spill"), "threads": "1"}
        ) as connection:
            connection.execute("set timezone = 'UTC'")
            shelf = Shelf(context, entries, folder, connection, scratch, max_calls_n)
            shelf.renew_if_spent(for_entry)
            try:
                yield shelf
            finally:
                shelf.close()
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def shelf_name(context: SourceContext, entries: Sequence[RedditApiEntry], window: Window) -> str:
    """Safe as a file name; another one whenever something else would come out of the same answers."""
    identity: dict[str, Any] = {
        "contract": CONTRACT_VERSION,
        "mapping": RedditMapping.version,
        "author_key": hashlib.sha256(b"pulse reddit shelf\x00" + context.author_key).hexdigest(),
        "entries": [
            [entry.entry_id, sorted(entry.bot_accounts), sorted(entry.team_accounts), entry.extra_fields]
            for entry in entries
        ],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]
    return f"{window.first_day:%Y%m%d}-{window.last_day:%Y%m%d}-{digest}"


def _key(path: str, params: Mapping[str, str | int]) -> str:
    return hashlib.sha256(json.dumps([path, dict(params)], sort_keys=True).encode()).hexdigest()[:_KEY_CHARS]


def _sealed_page(content: dict[str, Any]) -> SealedPage:
    return SealedPage(
        observed_at=datetime.fromisoformat(content["observed_at"]),
        after=content["after"],
        ids=tuple(content["ids"]),
        oldest_s=content["oldest_s"],
        stubs=tuple(Stub(parent_id, tuple(children)) for parent_id, children in content["stubs"]),
    )
