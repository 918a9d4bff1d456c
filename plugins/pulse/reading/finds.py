"""What there is to tell of a day, from the published marts: lines with counts and a link, never a text or an author.

Names come from configs, file names and platforms, and stand in mails and chats: they are made so plain that nothing
there takes them for markup, a mention of somebody, or an address.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from pulse.config.listening import Listening
from pulse.core.errors import NothingPublished, StorageError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.lake.told import TOLD
from pulse.platforms.registry import platform_named
from pulse.warehouse import builds

# News of a day is told up to so many days later: where a run, or a notifier, failed.
CATCH_UP_DAYS = 7
# The same need or mood of a community is no news within so many days, should its day move: dbt's alert_quiet_days.
_SAME_WITHIN_DAYS = 28
_MAX_NAME_CHARS = 80
_REQUESTS = {
    "question": "question",
    "support_request": "request for support",
    "recommendation_request": "request for a recommendation",
}
_NEEDS = {
    "wish": "wishes",
    "complaint": "complaints",
    "support_request": "requests for support",
    "recommendation_request": "requests for a recommendation",
}


@dataclass(frozen=True)
class Find:
    """Finds that make one line of a digest: those of a rule, community and subject.

    Attributes:
        first_date, last_date: of the days that they were found on.
        finds_n: how many; a need or a mood is one.
        n, days_n, voices_n, figure, figure_before: of a need or a mood, see ``fct_alerts_daily``.
        link: where the first contribution stands, as far as its platform lets us send somebody there; None elsewhere.
    """

    rule: str
    platform: str
    community: str
    subject: str
    first_date: date
    last_date: date
    finds_n: int
    n: int
    days_n: int
    voices_n: int | None
    figure: float | None
    figure_before: float | None
    link: str | None

    @property
    def line(self) -> str:
        """The find in words, without its link."""
        place = f"{plain(self.platform)}: {plain(self.community)}"
        days = str(self.last_date) if self.first_date == self.last_date else f"{self.first_date} to {self.last_date}"
        if self.rule == "brand_mention":
            return f"{plain(self.subject)} named, {place}: {_counted(self.finds_n, 'contribution')} ({days})"
        if self.rule == "unanswered_question":
            what = _counted(self.finds_n, _REQUESTS[self.subject])
            return f"unanswered for a day, {place}: {what} (told on {days})"
        span = "on that day" if self.days_n == 1 else f"in {self.days_n} days up to it"
        voices = _counted(self.voices_n or 0, "voice")
        if self.rule == "need_spike":
            what = _NEEDS[self.subject]
            shares = f"{self.figure or 0:.1%} instead of {self.figure_before or 0:.1%}"
            return f"{what} spike, {place}: {self.n} of {voices} {span}, {shares} ({days})"
        return (
            f"mood turned {plain(self.subject)}, {place}: net {self.figure or 0:+.2f} of {voices} {span}, "
            f"{self.figure_before or 0:+.2f} before ({days})"
        )


@dataclass(frozen=True)
class Digest:
    """What there is to tell.

    Attributes:
        finds: one for each line, in the order in which they are told.
        told: keys of all of them, with the columns of :data:`pulse.lake.told.TOLD`.
    """

    finds: tuple[Find, ...]
    told: pa.Table

    @property
    def finds_n(self) -> int:
        """All finds, those of lines that are left out included."""
        return sum(find.finds_n for find in self.finds)


def days_to_tell(home: Home, last_day: date, since: date) -> tuple[date, date] | None:
    """First and last day of which a run that ends with ``last_day`` tells; None where that is no news any more.

    Args:
        since: the day from which on somebody is told.

    Raises:
        NothingPublished: nothing is published, or only by an earlier version.
    """
    with _published(home) as connection:
        (newest,) = connection.execute(
            "select max(contribution_date) from published.marts.fct_community_daily where outcome is not null"
        ).fetchone() or (None,)
    oldest = max(since, *(day - timedelta(days=CATCH_UP_DAYS - 1) for day in (last_day, newest or last_day)))
    return None if oldest > last_day else (oldest, last_day)


def untold(home: Home, listening: Listening, days: tuple[date, date], told_files: Sequence[Path] = ()) -> Digest:
    """Finds of these days that no file says were told.

    Args:
        days: first and last one.
        told_files: with the columns of :data:`pulse.lake.told.TOLD`.

    Raises:
        NothingPublished: nothing is published, or only by an earlier version.
    """
    communities = [] if listening.alerts is None else list(listening.alerts.communities)
    told = "select null::varchar as find_key, null::date as alert_date where false"
    if told_files:
        told = f"from read_parquet([{', '.join(sql_text(file) for file in told_files)}])"
    with _published(home) as connection:
        connection.execute(
            f"""
            create temp table finds as
            with alerts as (
                select
                    *,
                    md5(concat_ws(chr(31), rule, platform, community, subject, coalesce(contribution_id, '')))
                        as find_key
                from published.marts.fct_alerts_daily
                where alert_date between $first_day and $last_day and list_contains($rules, rule)
                    and (len($communities) = 0 or list_contains($communities, platform || '/' || community))
            )
            select * from alerts
            where not exists (
                select 1 from ({told}) as told
                where told.find_key = alerts.find_key
                    and (alerts.contribution_id is not null
                        or abs(date_diff('day', told.alert_date, alerts.alert_date)) <= {_SAME_WITHIN_DAYS})
            )
            """,
            {
                "first_day": days[0], "last_day": days[1], "rules": list(listening.alert_rules),
                "communities": communities,
            },
        )  # fmt: skip
        lines = connection.execute(
            """
            with lines as (
                select
                    rule, platform, community, subject, min(alert_date) as first_date, max(alert_date) as last_date,
                    count(*) as finds_n, max(n) as n, max(days_n) as days_n, max(voices_n) as voices_n,
                    max(figure) as figure, max(figure_before) as figure_before,
                    min_by(contribution_id, (alert_date, contribution_id)) as contribution_id
                from finds
                group by rule, platform, community, subject
            )
            select
                lines.* exclude (contribution_id), contributions.permalink
            from lines
            left join published.marts.fct_contributions as contributions using (platform, community, contribution_id)
            order by list_position($rules, rule), finds_n desc, n desc, platform, community, subject
            """,
            {"rules": list(listening.alert_rules)},
        )
        names = [name for name, *_ in lines.description]
        rows = [dict(zip(names, row, strict=True)) for row in lines.fetchall()]
        keys = connection.execute("select find_key, alert_date from finds order by all").to_arrow_table()
    finds = tuple(Find(link=_link(row["platform"], row.pop("permalink")), **row) for row in rows)
    return Digest(finds, keys.cast(TOLD.arrow_schema))


def text_of(digest: Digest, links: Iterable[str], *, max_lines: int) -> str:
    """The digest as lines of text: counts by rule, then a line for each find with its link.

    Args:
        links: where each find is shown, in their order.
    """
    lines = [f"- {find.line}; {link}" for find, link in zip(digest.finds, links, strict=True)]
    left_n = len(lines) - max_lines
    if left_n > 0:
        lines = [*lines[:max_lines], f"- and {_counted(left_n, 'line')} more: see fct_alerts_daily"]
    return "\n".join([_counted(digest.finds_n, "find"), *lines])


def plain(name: str) -> str:
    """A name for people, without anything that a mail, a chat or a terminal makes something of."""
    shown = "".join(char if _is_plain(char) else "_" for char in name[:_MAX_NAME_CHARS])
    # What looks like an address is made one that leads nowhere.
    return re.sub(r"(?<=\w)\.(?=\w)", "_", shown) + ("…" if len(name) > _MAX_NAME_CHARS else "")


def _is_plain(char: str) -> bool:
    return char in " .'+&#-" or unicodedata.category(char)[0] in "LN" or unicodedata.category(char) in {"Mn", "Mc"}


def _link(platform: str, permalink: str | None) -> str | None:
    facts = platform_named(platform)
    if permalink is None or facts.plain_link is None or not facts.terms.addresses:
        return None
    return facts.plain_link(permalink)


def _counted(number: int, what: str) -> str:
    head, of, tail = what.partition(" for ")
    return f"{number:,} {head}{'' if number == 1 else 's'}{of}{tail}"


@contextmanager
def _published(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published state's own file as ``published``: readers' path may lead to the next state a moment later."""
    state = builds.published_state(home)
    if state is None:
        raise NothingPublished("alerts", value="nothing is published yet", next_step="run a day first: `pulse run …`")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        try:
            connection.execute(f"attach {sql_text(state.file)} as published (read_only)")
            yield connection
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise NothingPublished(
                f"alerts in published state {state.state_id}", value=str(error),
                next_step="it is of an earlier version of this project: `pulse rebuild`",
            ) from error  # fmt: skip
        except duckdb.Error as error:
            raise StorageError(
                f"published state {state.state_id}", value=str(error), next_step="`pulse rebuild`"
            ) from error
