"""How many contributions a weekday usually brings, and which days of a load lie far from it.

The band of a day is built from the same weekday within eight weeks before and after it: from what earlier runs of the
same entry recorded, and from the load's own other days. Median and median absolute deviation, so that one odd day does
not move the band; the spread is at least the root of the median, which is that of independent arrivals (Poisson).
"""

from dataclasses import dataclass
from datetime import date

import duckdb

from pulse import quality
from pulse.home import Home
from pulse.landing import Load

MIN_SAME_WEEKDAYS = 4
MIN_MEDIAN = 20
SPREADS_BELOW = 5
SPREADS_ABOVE = 10
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


def volume_bands(home: Home, load: Load) -> VolumeBands:
    """Hold each day of the load that was listed whole and brought something against its band.

    A day that the source proved empty, or could not list whole, is neither judged nor used: its number says nothing.
    """
    manifest = load.manifest
    own = [(day, n) for day, n in sorted(manifest.created_by_day.items()) if day not in manifest.incomplete_days]
    if not own:
        return VolumeBands()
    with duckdb.connect() as connection:
        connection.execute("create table own (day DATE, n BIGINT)")
        connection.executemany("insert into own values (?, ?)", own)
        rows = connection.execute(
            f"""
            with recorded as (
                select day, arg_max(contributions_n, recorded_at) as n, arg_max(outcome, recorded_at) as outcome
                from read_parquet($files)
                where entry_id = $entry_id and community = $community and not day between $first_day and $last_day
                group by day
            ),
            days as (select day, n from recorded where outcome = 'arrived' union all select day, n from own)
            select own.day, own.n, median(days.n) as usual,
                greatest(1.4826 * mad(days.n), sqrt(median(days.n))) as spread
            from own join days
                on days.day <> own.day and abs(days.day - own.day) <= {_WITHIN_DAYS}
                and dayofweek(days.day) = dayofweek(own.day)
            group by own.day, own.n
            having count(*) >= {MIN_SAME_WEEKDAYS} and median(days.n) >= {MIN_MEDIAN}
            order by own.day
            """,
            {
                "files": quality.glob(home, quality.LOAD_OUTCOMES),
                "entry_id": manifest.entry_id,
                "community": manifest.community,
                "first_day": manifest.first_day,
                "last_day": manifest.last_day,
            },
        ).fetchall()
    below = tuple((day, n, usual) for day, n, usual, spread in rows if n < usual - SPREADS_BELOW * spread)
    above = tuple(
        (day, n, usual)
        for day, n, usual, spread in rows
        if n > max(usual + SPREADS_ABOVE * spread, TIMES_ABOVE * usual)
    )
    return VolumeBands(len(rows), below, above)
