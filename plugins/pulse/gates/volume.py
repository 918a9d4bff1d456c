"""How many contributions a weekday usually brings, and which days of a load lie far from it.

The band of a day is built from the days within eight weeks before and after it: those that earlier runs of the same
entry recorded, and the load's own others. Its middle is the median of the same weekdays. Its width is a number of
spreads, where a spread is the median absolute deviation of the logarithms of all these days from their own weekday's
median: volumes go up and down by shares, so that a width in logarithms never reaches down to nothing, and the half
dozen days of one restless weekday alone would tell too little of how much is usual. A day must also have fewer than
chance alone takes from independent arrivals (Poisson): the root of the median is one spread of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import sqrt
from pathlib import Path

import duckdb

from pulse.core import parquet
from pulse.core.home import Home
from pulse.lake import quality
from pulse.lake.landing import Load, unproven_days

MIN_SAME_WEEKDAYS = 4
MIN_MEDIAN = 20
SPREADS = 5
TIMES_ABOVE = 4
_WITHIN_DAYS = 56


@dataclass(frozen=True)
class VolumeBands:
    """Days of a load against their weekday's band.

    Attributes:
        banded_n: days of the load that have a band.
        below, above: the days outside, each with its count and its weekday's median.
    """

    banded_n: int = 0
    below: tuple[tuple[date, int, float], ...] = ()
    above: tuple[tuple[date, int, float], ...] = ()


class History:
    """What earlier runs recorded of the entries of some loads, around their days.

    It is read once, with the first load that is held against it: outcomes are kept for good, in files of their own for
    each run, and hundreds of loads are gated together.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, home: Home, loads: Sequence[Load]) -> None:
        """Nothing is read yet.

        Args:
            connection: gets temporary tables.
        """
        self._connection = connection
        self._home = home
        self._loads = loads

    def bands(self, load: Load) -> VolumeBands:
        """Hold each day of the load that was listed whole and brought something against its band.

        A day that the source proved empty, or could not list whole, is neither judged nor used: its number says
        nothing.

        Args:
            load: one of those that the history was made for.
        """
        manifest = load.manifest
        unproven = unproven_days(load)
        own = [(day, n) for day, n in sorted(manifest.created_by_day.items()) if day not in unproven]
        if not own:
            return VolumeBands()
        self._connection.execute("create or replace temp table own_days (day DATE, n BIGINT)")
        self._connection.executemany("insert into own_days values (?, ?)", own)
        rows = self._connection.execute(
            f"""
            with days as (
                select day, n from {self._recorded_days}
                where entry_id = $entry_id and community = $community and not day between $first_day and $last_day
                union all
                select day, n from own_days
            ),
            near as (
                select own_days.day as judged_day, days.n, dayofweek(days.day) as weekday
                from own_days
                join days on days.day <> own_days.day and abs(days.day - own_days.day) <= {_WITHIN_DAYS}
            ),
            weekdays as (
                select judged_day, weekday, median(n) as usual from near group by all
                having count(*) >= {MIN_SAME_WEEKDAYS}
            ),
            spreads as (
                select judged_day, 1.4826 * median(abs(ln(n) - ln(usual))) as spread
                from near join weekdays using (judged_day, weekday) group by all
            )
            select own_days.day, own_days.n, usual, exp({SPREADS} * spread) as times
            from own_days
            join weekdays on weekdays.judged_day = own_days.day and weekdays.weekday = dayofweek(own_days.day)
            join spreads on spreads.judged_day = own_days.day
            where usual >= {MIN_MEDIAN}
            order by own_days.day
            """,
            {
                "entry_id": manifest.entry_id,
                "community": manifest.community,
                "first_day": manifest.first_day,
                "last_day": manifest.last_day,
            },
        ).fetchall()
        below = tuple(
            (day, n, usual) for day, n, usual, times in rows if n < min(usual / times, usual - SPREADS * sqrt(usual))
        )
        above = tuple((day, n, usual) for day, n, usual, times in rows if n > usual * max(times, TIMES_ABOVE))
        return VolumeBands(len(rows), below, above)

    @cached_property
    def _recorded_days(self) -> str:
        """The table of what arrived: the latest outcome of each entry, community and day."""
        files = quality.files(self._home, quality.LOAD_OUTCOMES)
        parquet.read_what_can_be(files, self._record_days)
        return "recorded_days"

    def _record_days(self, files: Sequence[Path]) -> None:
        manifests = [load.manifest for load in self._loads]
        self._connection.execute(
            """
            create or replace temp table recorded_days as
            select entry_id, community, day, arg_max(contributions_n, recorded_at) as n
            from read_parquet($files)
            where list_contains($entry_ids, entry_id) and day between $since and $until
            group by entry_id, community, day
            having arg_max(outcome, recorded_at) = 'arrived'
            """,
            {
                "files": list(map(str, files)),
                "entry_ids": sorted({manifest.entry_id for manifest in manifests}),
                "since": min(manifest.first_day for manifest in manifests) - timedelta(days=_WITHIN_DAYS),
                "until": max(manifest.last_day for manifest in manifests) + timedelta(days=_WITHIN_DAYS),
            },
        )
