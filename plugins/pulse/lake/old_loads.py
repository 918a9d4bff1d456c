"""What loads looked at that were sealed before there was coverage, from what they do say."""

from itertools import groupby
from typing import TYPE_CHECKING

from pulse.core import coverage, memory_database
from pulse.core.coverage import Look
from pulse.core.strict import WILDCARD
from pulse.platforms.registry import platform_named

if TYPE_CHECKING:
    from pulse.lake.landing import Load
    from pulse.lake.spans import Stretch


def looks_of_load(load: "Load") -> list[Look]:
    """What a load that was sealed before there was coverage looked at.

    A live load names the days that it could not list whole. An archive's named those that its file did not span, by
    whatever records: so its own rows have to prove, kind by kind, what they span without holes. A wildcard's prove
    each community that it brought.
    """
    manifest = load.manifest
    platform, days = manifest.platform, manifest.window.days()
    if not manifest.is_replayable:
        return [
            coverage.nothing(platform, manifest.community, day, kind)
            if day in manifest.incomplete_days
            else coverage.whole_day(platform, manifest.community, day, kind, "listed")
            for day in days
            for kind in platform_named(platform).kinds
        ]
    from pulse.lake.spans import minute_at, within_day

    stretches = _stretches_of_rows(load)
    communities = {manifest.community, *(community for community, _ in stretches)}
    looks = []
    for community in sorted(communities):
        others = manifest.named_elsewhere if community == WILDCARD else ()
        for day in days:
            for kind in platform_named(platform).kinds:
                found = [] if day in manifest.incomplete_days else within_day(stretches.get((community, kind), []), day)
                looks += [
                    Look(platform, community, day, kind, minute_at(one.first_min), minute_at(one.end_min), "spanned")
                    for one in found
                ] or [coverage.nothing(platform, community, day, kind, except_communities=others)]
    return looks


def _stretches_of_rows(load: "Load") -> "dict[tuple[str, str], list[Stretch]]":
    """What the load's rows span, by community and kind."""
    import numpy as np

    from pulse.lake.spans import proven_stretches

    files = [str(file) for file in load.rows_files().values()]
    if not files:
        return {}
    with memory_database.cursor() as connection:
        counted = connection.execute(
            "select community, kind, cast(floor(epoch(created_at) / 60) as bigint) as minute, count(*) "
            "from read_parquet(?, hive_partitioning = false) where created_at <= observed_at "
            "group by all order by all",
            [files],
        ).fetchall()
    found = {}
    for key, rows in groupby(counted, key=lambda row: (row[0], row[1])):
        _, _, minutes, counts = zip(*rows, strict=True)
        found[key] = proven_stretches(np.asarray(minutes, dtype=np.int64), np.asarray(counts, dtype=np.int64))
    return found
