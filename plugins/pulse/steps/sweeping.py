"""The sweep: asking again by id whether what is kept is still there, and erasing what is not.

An answer decides only if it is complete and well formed. What the platform calls deleted or removed is so at once. What
an answer leaves out is deleted once it is left out again at least a day later; at once where the platform's terms leave
no time for a second look. Where the community itself cannot be had (401, 403, 404), where answers have another form, or
where too many of those asked for are gone, nothing is taken for a deletion: the sweep of that community stops until
somebody looked (``pulse sweep --confirm``). Contributions are asked for oldest check first, within the budget.

Where nothing can be asked (files), texts go by age, if the config or the platform's terms give one.

What was found stands in ``quality.deletion_checks``, one file for each entry. Erasing goes by it
(:mod:`pulse.steps.erasing`): whoever was killed in between is finished by the next sweep.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pulse.config.lake import on_lake
from pulse.core import memory_database, progress
from pulse.core.contract import COLUMNS
from pulse.core.errors import CallsSpent, ConfigError, SourceError
from pulse.core.files import read_json, sql_text, write_json
from pulse.core.home import Home, path_value
from pulse.core.strict import WILDCARD
from pulse.core.table import no_rows_sql
from pulse.core.text import printable
from pulse.lake import compacted, erasure, quality
from pulse.lake.erased_rows import HOLDS_CONTENT
from pulse.platforms.entry import CommunityEntry
from pulse.platforms.registry import platform_named
from pulse.sources.live.look_up import KnownId, LookedUp, LookUp, batches, is_about_community
from pulse.sources.live.policy import LivePolicy
from pulse.sources.registry import SOURCES
from pulse.sources.routes import look_up
from pulse.steps import erasing
from pulse.steps.erasing import Order, Proof
from pulse.steps.pipeline import Pipeline

log = logging.getLogger(__name__)

# Two answers that leave a contribution out are so far apart.
_SECOND_LOOK_AFTER = timedelta(days=1)
# So few deletions are no sign of a fault, whatever share they are of a small community.
_FEW_GONE_N = 4


@dataclass(frozen=True)
class Swept:
    """What one sweep found of one entry; counts are of contributions.

    Attributes:
        held_n: those with a text or an author before the sweep.
        asked_n, gone_n: asked for, and found deleted; by age for files.
        waiting_n: left out once; a second look decides.
        within_terms_share: of those held, how many were seen within the hours that the platform's terms give for
            deletions; None where the terms give none, or nothing is held.
        stopped: why the sweep stops for this entry until somebody confirms; None if it does not.
        note: what else to say.
    """

    entry_id: str
    held_n: int
    asked_n: int = 0
    gone_n: int = 0
    waiting_n: int = 0
    within_terms_share: float | None = None
    stopped: str | None = None
    note: str = ""

    @property
    def line(self) -> str:
        """The same in one line."""
        parts = [f"{self.held_n} kept, {self.asked_n} asked for, {self.gone_n} gone, {self.waiting_n} left out once"]
        if self.within_terms_share is not None:
            parts.append(f"{self.within_terms_share:.1%} seen within the time of the terms")
        parts += [part for part in (self.note, self.stopped and f"STOPPED: {self.stopped}") if part]
        return f"{self.entry_id}: {'; '.join(parts)}"


# ---- asking ----------------------------------------------------------------------


@on_lake
def sweep_entry(pipeline: Pipeline, entry_id: str) -> Swept:
    """Ask about one entry's contributions, and write down what is gone; nothing is erased yet.

    Raises:
        SourceError: a passing fault: the next sweep asks again.
        ConfigError: credentials are missing, or no such entry.
        StorageError: quality cannot be written.
    """
    entry = pipeline.settings.entry(entry_id)
    quality.ensure_tables(pipeline.home)
    with memory_database.workbench(pipeline.home.scratch / "sweep") as connection:
        _create_held(connection, pipeline, entry)
        way = _way_to_ask(pipeline, entry)
        swept = _by_age(connection, pipeline, entry) if way is None else _ask(connection, pipeline, entry, way)
    log.info("sweep: %s", printable(swept.line, max_chars=600))
    return swept


_Way = Callable[[Callable[[], None]], Any]


def _way_to_ask(pipeline: Pipeline, entry: CommunityEntry) -> _Way | None:
    context = pipeline.source_context()
    can_ask = look_up(entry, context, lambda: None) is not None
    return (lambda on_call: look_up(entry, context, on_call)) if can_ask else None


def _ask(connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, entry: CommunityEntry, way: _Way) -> Swept:
    home, policy = pipeline.home, _policy_of(pipeline, entry)
    held_n = _count(connection, "select count(*) from held")
    before = _stop_of(home, entry.entry_id)
    if before is not None and not before["is_confirmed"]:
        return Swept(entry.entry_id, held_n, stopped=str(before["reason"]))
    calls = _Calls(_calls_for(pipeline, entry))
    answers: list[LookedUp] = []
    try:
        with way(calls.take) as asking:
            known = _oldest_first(connection, asking, calls.limit_n)
            asked = f"asking again for {printable(entry.entry_id)}"
            with progress.counting(asked, "contributions", len(known)) as meter:
                for batch in batches(asking, known):
                    answers += asking.ask(batch)
                    meter.advance(len(batch))
    except CallsSpent:
        pass
    except SourceError as error:
        if not is_about_community(error):
            raise
        return _stopped(home, Swept(entry.entry_id, held_n, len(answers)), str(error))
    swept = _decide(connection, entry, answers)
    gone_n = swept.gone_n + swept.waiting_n
    is_much = gone_n > _FEW_GONE_N and gone_n > policy.sweep_max_gone_share * len(answers)
    if is_much and before is None:
        # Who confirms finds them asked for first, as if nobody had: only that some were left out is remembered.
        connection.execute("delete from found where absent_since is null and removal is not null")
        connection.execute("update found set content_gone_at = null, author_gone_at = null, removal = null")
        _write_checks(connection, home, entry)
        reason = f"{gone_n} of {len(answers)} are gone (limit: a share of {policy.sweep_max_gone_share:g})"
        return _stopped(home, replace(swept, held_n=held_n, gone_n=0), reason)
    _write_checks(connection, home, entry)
    if before is not None and not is_much:
        _stop_file(home, entry.entry_id).unlink(missing_ok=True)
    share = _share_within_terms(connection, pipeline, entry)
    return replace(swept, held_n=held_n, within_terms_share=share)


@dataclass
class _Calls:
    """Calls of one sweep of an entry."""

    limit_n: int
    made_n: int = 0

    def take(self) -> None:
        """Count a call.

        Raises:
            CallsSpent: none is left.
        """
        if self.made_n >= self.limit_n:
            raise CallsSpent("calls of this sweep", value=self.made_n, limit=self.limit_n, next_step="the next goes on")
        self.made_n += 1


def _policy_of(pipeline: Pipeline, entry: CommunityEntry) -> LivePolicy:
    kind = SOURCES[entry.source].policy
    found = None if kind is None else pipeline.settings.policies()[kind]
    return found if isinstance(found, LivePolicy) else LivePolicy()


def _calls_for(pipeline: Pipeline, entry: CommunityEntry) -> int:
    """An entry's even share of its source's calls; what does not divide goes to the first."""
    of_source = [one.entry_id for one in pipeline.settings.communities if one.source == entry.source]
    calls_n, rest_n = divmod(_policy_of(pipeline, entry).sweep_calls_per_run, len(of_source))
    return calls_n + (of_source.index(entry.entry_id) < rest_n)


def _oldest_first(connection: duckdb.DuckDBPyConnection, asking: LookUp, calls_n: int) -> list[KnownId]:
    """What to ask for, as much as the calls may reach."""
    rows = connection.execute(
        f"""
        select contribution_id, kind, thread_id, permalink from held
        {"where permalink is not null" if asking.needs_permalink else ""}
        order by last_seen_at, contribution_id limit $most_n
        """,
        {"most_n": calls_n * asking.ids_per_call},
    ).fetchall()
    return [KnownId(*row) for row in rows]


def _decide(connection: duckdb.DuckDBPyConnection, entry: CommunityEntry, answers: Sequence[LookedUp]) -> Swept:
    """Make table ``found`` of what the answers mean, beside what was known before."""
    within_h = platform_named(entry.platform).terms.delete_within_h
    is_at_once = within_h is not None and timedelta(hours=within_h) <= _SECOND_LOOK_AFTER
    given = pa.table(
        {
            "contribution_id": pa.array([one.contribution_id for one in answers], pa.string()),
            "state": pa.array([one.state for one in answers], pa.string()),
            "seen_at": pa.array([one.seen_at for one in answers], pa.timestamp("us", tz="UTC")),
            "is_author_gone": pa.array([one.is_author_gone for one in answers], pa.bool_()),
        }
    )
    connection.register("answers", given)
    connection.execute(
        """
        create or replace temp table found as
        with looked as (
            select answers.*, held.platform, held.community,
                case when state = 'absent' then coalesce(held.absent_since, seen_at) end as absent_since
            from answers join held using (contribution_id)
        )
        select platform, community, contribution_id, seen_at as last_checked_at, absent_since,
            case when state in ('deleted_by_author', 'removed')
                or (state = 'absent' and ($is_at_once or seen_at - absent_since >= $second_look_after))
                then seen_at end as content_gone_at,
            case when is_author_gone then seen_at end as author_gone_at,
            case when state = 'removed' then 'by_moderator'
                when state = 'deleted_by_author'
                    or (state = 'absent' and ($is_at_once or seen_at - absent_since >= $second_look_after))
                then 'by_author' end as removal
        from looked
        """,
        {"is_at_once": is_at_once, "second_look_after": _SECOND_LOOK_AFTER},
    )
    connection.unregister("answers")
    gone_n = _count(connection, "select count(*) from found where content_gone_at is not null")
    waiting_n = _count(
        connection, "select count(*) from found where absent_since is not null and content_gone_at is null"
    )
    return Swept(entry.entry_id, 0, len(answers), gone_n, waiting_n)


def _by_age(connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, entry: CommunityEntry) -> Swept:
    """What nobody can be asked about goes by its age."""
    held_n = _count(connection, "select count(*) from held")
    text_days = pipeline.settings.retention.text_days
    of_terms = platform_named(entry.platform).terms.keep_text_days
    rules = [
        *([f"{text_days} days after they were written"] if text_days is not None else []),
        *([f"{of_terms} days after a file last showed them"] if of_terms is not None else []),
    ]
    if not rules:
        return Swept(
            entry.entry_id, held_n, note="cannot be asked, and no age is set (retention.text_days): all texts are kept"
        )
    now = pipeline.clock()
    connection.execute(
        """
        create or replace temp table found as
        select platform, community, contribution_id, $now as last_checked_at, cast(null as timestamptz) as absent_since,
            $now as content_gone_at, cast(null as timestamptz) as author_gone_at, cast(null as varchar) as removal
        from held
        where has_content and (
            created_at < $now - to_days(cast($text_days as integer))
            or observed_at < $now - to_days(cast($of_terms as integer))
        )
        """,
        {"now": now, "text_days": text_days, "of_terms": of_terms},
    )
    gone_n = _count(connection, "select count(*) from found")
    _write_checks(connection, pipeline.home, entry)
    return Swept(entry.entry_id, held_n, gone_n=gone_n, note=f"cannot be asked: texts go {' or '.join(rules)}")


# ---- what is held, and what is known of it -------------------------------------------


def _create_held(connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, entry: CommunityEntry) -> None:
    """Make table ``held``: one row per contribution of the entry that still has a text or an author in raw.

    ``last_seen_at`` is when the platform last said that it is there, by a sweep or to a live source.
    """
    home = pipeline.home
    named_elsewhere = [
        one.community for one in pipeline.settings.communities if one.platform == entry.platform and one != entry
    ]
    platform = home.raw / "contributions" / f"platform={path_value(entry.platform)}"
    small = "*" if entry.community == WILDCARD else f"community={path_value(entry.community)}"

    def files_now() -> list[Path]:
        together = compacted.files_of_platform(home.raw / "contributions", entry.platform)
        return [*sorted(file for file in platform.glob(f"{small}/day=*/*.parquet") if file not in together), *together]

    checks = quality.file_of(home, quality.DELETION_CHECKS, entry.entry_id)
    columns, is_known = quality.TABLES[quality.DELETION_CHECKS].columns, checks.is_file()
    connection.execute(
        f"create or replace temp table checks as {no_rows_sql(columns)}"
        + (f" union all by name from read_parquet({sql_text(checks)}, hive_partitioning = false)" if is_known else "")
    )

    def read(files: Sequence[Path]) -> None:
        rows = "read_parquet($files, hive_partitioning = false, union_by_name = true)"
        connection.execute(
            f"""
            create or replace temp table held as
            with rows as (
                select platform, community, contribution_id, kind, thread_id, permalink, created_at, observed_at,
                    {HOLDS_CONTENT} as has_content, author_key is not null and removal = 'none' as has_author,
                    regexp_matches(load_id, '^[a-z0-9_]*(_live|_api)-') as is_live
                from {rows if files else f"({no_rows_sql(COLUMNS)})"}
                where community = $community or ($community = '*' and not list_contains($named_elsewhere, community))
            )
            select rows.platform, rows.community, rows.contribution_id,
                arg_max(kind, observed_at) as kind, arg_max(thread_id, observed_at) as thread_id,
                arg_max(permalink, observed_at) as permalink, min(created_at) as created_at,
                bool_or(has_content) as has_content, max(observed_at) as observed_at,
                any_value(checks.absent_since) as absent_since,
                greatest(
                    coalesce(max(observed_at) filter (where is_live), min(created_at)),
                    any_value(checks.last_checked_at) filter (where checks.absent_since is null)
                ) as last_seen_at
            from rows left join checks
                on checks.platform = rows.platform and checks.community = rows.community
                and checks.contribution_id = rows.contribution_id
            group by rows.platform, rows.community, rows.contribution_id
            having bool_or(has_content or has_author)
            """,
            {"community": entry.community, "named_elsewhere": named_elsewhere}
            | ({"files": [str(file) for file in files]} if files else {}),
        )

    compacted.read_current(files_now, read)


def _write_checks(connection: duckdb.DuckDBPyConnection, home: Home, entry: CommunityEntry) -> None:
    """Keep what was found beside what was known of other contributions."""
    rows = connection.execute(
        "select * from checks anti join found using (platform, community, contribution_id) "
        "union all by name select * from found order by platform, community, contribution_id"
    ).to_arrow_table()
    quality.append_table(home, quality.DELETION_CHECKS, pa.table(rows), stem=entry.entry_id)


def _share_within_terms(
    connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, entry: CommunityEntry
) -> float | None:
    within_h = platform_named(entry.platform).terms.delete_within_h
    if within_h is None:
        return None
    _create_held(connection, pipeline, entry)
    rows = connection.execute(
        "select count(*) filter (where last_seen_at >= $since), count(*) from held",
        {"since": pipeline.clock() - timedelta(hours=within_h)},
    ).fetchall()
    ((seen_n, held_n),) = rows
    return seen_n / held_n if held_n else None


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((count_n,),) = connection.execute(sql).fetchall()
    return int(count_n)


# ---- stops -------------------------------------------------------------------------


def _stop_file(home: Home, entry_id: str) -> Path:
    return home.quality / "sweep_stops" / f"{path_value(entry_id)}.json"


def _stop_of(home: Home, entry_id: str) -> dict[str, Any] | None:
    file = _stop_file(home, entry_id)
    return dict(read_json(file)) if file.is_file() else None


def _stopped(home: Home, swept: Swept, reason: str) -> Swept:
    shown = printable(reason, max_chars=500)
    write_json(_stop_file(home, swept.entry_id), {"reason": shown, "is_confirmed": False})
    return replace(swept, stopped=shown)


@on_lake
def confirm(pipeline: Pipeline, entry_id: str) -> str:
    """Let the sweep of an entry go on: somebody looked, and so many are gone indeed, or it is mended; returns why it
    had stopped.

    Until a sweep finds no more than usual gone, the limit does not hold; errors stop it as before.

    Raises:
        ConfigError: no such entry, or its sweep did not stop.
        StorageError: quality cannot be written.
    """
    entry = pipeline.settings.entry(entry_id)
    before = _stop_of(pipeline.home, entry.entry_id)
    if before is None:
        raise ConfigError(
            "--confirm", value=f"the sweep of {entry_id} did not stop", next_step="`pulse sweep` says which did"
        )
    write_json(_stop_file(pipeline.home, entry.entry_id), before | {"is_confirmed": True})
    return str(before["reason"])


# ---- erasing -----------------------------------------------------------------------


@on_lake
def erase_gone(pipeline: Pipeline, *, run_id: str) -> list[Proof]:
    """Erase everywhere what sweeps found gone and raw still holds; one proof for each platform, none for nothing.

    Raises:
        PulseError: see :func:`pulse.steps.erasing.erase_everywhere`.
    """
    quality.ensure_tables(pipeline.home)
    proofs = []
    for platform in sorted({entry.platform for entry in pipeline.settings.communities}):
        unfinished = _unfinished(pipeline.home, platform)
        gone = _gone(pipeline, platform, is_held=unfinished is None)
        if gone.num_rows:
            order = Order(unfinished or secrets.token_hex(8), "gone", platform, gone=gone)
            proofs.append(erasing.erase_everywhere(pipeline, order, run_id=run_id))
    return proofs


def _unfinished(home: Home, platform: str) -> str | None:
    """A sweep that began to erase and did not come to its end: raw may hold nothing, and what is published all."""
    condition = "reason = 'gone' and platform = $platform and done_at is null"
    with memory_database.workbench(home.scratch / "sweep") as connection:
        row = connection.execute(
            f"select min(request_id) from {quality.readable_rows(home, quality.ERASURES)} where {condition}",
            {"platform": platform},
        ).fetchone()
    return row[0] if row else None


def _gone(pipeline: Pipeline, platform: str, *, is_held: bool) -> pa.Table:
    """What sweeps found gone; only what raw still holds of it, or all."""
    tables = []
    with memory_database.workbench(pipeline.home.scratch / "sweep") as connection:
        for entry in pipeline.settings.communities:
            if entry.platform != platform:
                continue
            _create_held(connection, pipeline, entry)
            rows = connection.execute(
                f"""
                select {", ".join(f"checks.{name}" for name in erasure.TOMBSTONES.names)}
                from checks left join held using (platform, community, contribution_id)
                where (checks.content_gone_at is not null or checks.author_gone_at is not null)
                    and (not $is_held
                        or (held.has_content and held.observed_at <= checks.content_gone_at)
                        or held.observed_at <= checks.author_gone_at)
                """,
                {"is_held": is_held},
            ).to_arrow_table()
            tables.append(pa.table(rows).cast(erasure.TOMBSTONES.arrow_schema))
    return pa.concat_tables(tables)


def sweep(
    pipeline: Pipeline, entry_ids: Iterable[str] | None = None, *, run_id: str
) -> tuple[list[Swept], list[Proof]]:
    """Sweep entries, all unless named, then erase what is gone. A passing fault of one entry stops no other.

    Raises:
        PulseError: see :func:`pulse.steps.erasing.erase_everywhere`.
    """
    swept = []
    for entry_id in entry_ids or [entry.entry_id for entry in pipeline.settings.communities]:
        try:
            swept.append(sweep_entry(pipeline, entry_id))
        except (SourceError, ConfigError) as error:
            swept.append(Swept(entry_id, 0, note=printable(f"not asked this time: {error}", max_chars=500)))
    return swept, erase_gone(pipeline, run_id=run_id)
