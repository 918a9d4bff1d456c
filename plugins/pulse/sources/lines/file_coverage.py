"""What a staged archive proves, from the minutes in which it holds records.

While a chunk is parsed, the minutes of its sound records are counted: of all communities together, and of each that
matters. A record is sound if it was seen at or after its creation; one that is dated into the future proves nothing.
When the archive has been read to its end, stretches are found per kind (:mod:`pulse.lake.spans`):

- a **site-wide dump** holds many communities and none that outweighs all others. All its records together prove what
  it lists, for every community: a community without records in it was silent.
- any other file proves each community by that community's own records. Records of another one prove nothing for it.

A file that says itself what it holds is taken at its word instead: an export of one channel names the channel and the
stretch of time. It speaks for that **part** of the community alone, so the community is known only where all its parts
that somebody holds are (:func:`common`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pulse.core import parquet
from pulse.core.contract import KINDS
from pulse.core.files import sql_text
from pulse.core.strict import WILDCARD
from pulse.lake.spans import Minutes, Stretch, merged, proven_stretches

# Part of an archive's fingerprint: raised whenever the rule changes what is proven.
RULE_VERSION = 1
# A dump of a site has thousands of communities; a download of some communities has some, or nearly only one.
_SITE_WIDE_COMMUNITIES = 10
_OUTWEIGHING_SHARE = 0.9
# Per chunk, besides those that the config names.
_LARGEST_COMMUNITIES = 50


@dataclass(frozen=True)
class FileStatement:
    """What a file says of itself.

    Attributes:
        community: whose part it holds, as rows carry the name.
        part: identifies the part within the community: the id of a channel or thread.
        kinds: what is written in such a part, whether or not the file holds any.
        first_s, end_s: from when to when it lists all of the part, seconds since 1970; None where it cannot say.
        partial_reason: why it lacks what it was meant to hold; None where it lacks nothing.
        spans_records: it says whose part it holds and not from when to when: its records tell that, as in any file.
    """

    community: str
    part: str
    kinds: tuple[str, ...]
    first_s: float | None
    end_s: float | None
    partial_reason: str | None = None
    spans_records: bool = False


@dataclass(frozen=True)
class FileCoverage:
    """What one file proves.

    Attributes:
        kinds: those of which it holds sound records, or says that it lists them.
        is_site_wide: whether all communities are proven together.
        communities: those of which it holds sound records, as far as the config names them or they are large.
        stretches: by kind, then community (``*`` for a site-wide dump).
        part: the part of a community that the file speaks for; None where it speaks for whole ones.
        partial_reason: why the file lacks what it was meant to hold.
        is_listed: whether the file itself says from when to when it lists its part.
    """

    kinds: tuple[str, ...] = ()
    is_site_wide: bool = False
    communities: frozenset[str] = frozenset()
    stretches: dict[str, dict[str, list[Stretch]]] = field(default_factory=dict)
    part: str | None = None
    partial_reason: str | None = None
    is_listed: bool = True

    def of(self, kind: str, community: str) -> list[Stretch]:
        """What it proves of that kind for one community; ``*`` asks for all communities together."""
        return self.stretches.get(kind, {}).get(WILDCARD if self.is_site_wide else community, [])

    def own_communities(self) -> list[str]:
        """Communities that it proves one by one; none for a site-wide dump."""
        return sorted({name for by_name in self.stretches.values() for name in by_name if name != WILDCARD})

    def to_json(self) -> dict[str, Any]:
        """As :meth:`from_json` reads it."""
        return {
            "kinds": list(self.kinds),
            "is_site_wide": self.is_site_wide,
            "communities": sorted(self.communities),
            "stretches": {
                kind: {
                    name: [[stretch.first_min, stretch.end_min] for stretch in stretches]
                    for name, stretches in sorted(by_name.items())
                }
                for kind, by_name in self.stretches.items()
            },
            "part": self.part,
            "partial_reason": self.partial_reason,
            "is_listed": self.is_listed,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "FileCoverage":
        """What :meth:`to_json` gave."""
        return cls(
            tuple(content["kinds"]),
            content["is_site_wide"],
            frozenset(content["communities"]),
            {
                kind: {name: [Stretch(*pair) for pair in pairs] for name, pairs in by_name.items()}
                for kind, by_name in content["stretches"].items()
            },
            # Archives that were staged before files spoke for parts do not have these.
            content.get("part"),
            content.get("partial_reason"),
            content.get("is_listed", True),
        )


def coverage_of_statement(statement: FileStatement) -> FileCoverage:
    """What a file proves that says so itself: whole minutes of its part."""
    stretches: dict[str, dict[str, list[Stretch]]] = {}
    if statement.first_s is not None and statement.end_s is not None:
        first_min, end_min = ceil(statement.first_s / 60), floor(statement.end_s / 60)
        if first_min < end_min:
            stretch = [Stretch(first_min, end_min)]
            stretches = {kind: {statement.community: stretch} for kind in statement.kinds}
    return FileCoverage(
        kinds=statement.kinds,
        communities=frozenset({statement.community}),
        stretches=stretches,
        part=statement.part,
        partial_reason=statement.partial_reason,
    )


def coverage_of_part(statement: FileStatement, spanned: FileCoverage) -> FileCoverage:
    """What a file proves that says whose part it holds, and whose records tell from when to when."""
    return replace(
        spanned,
        is_site_wide=False,
        communities=spanned.communities or frozenset({statement.community}),
        part=statement.part,
        partial_reason=statement.partial_reason,
        is_listed=False,
    )


def common(stretches_by_part: Sequence[Sequence[Stretch]]) -> list[Stretch]:
    """The minutes that every part has; each part's stretches may overlap. No parts have none in common."""
    if not stretches_by_part:
        return []
    shared = merged(stretches_by_part[0])
    for stretches in stretches_by_part[1:]:
        shared = [
            Stretch(max(one.first_min, other.first_min), min(one.end_min, other.end_min))
            for one in shared
            for other in merged(stretches)
            if one.first_min < other.end_min and other.first_min < one.end_min
        ]
    return shared


def write_minutes(
    connection: duckdb.DuckDBPyConnection, file: Path, *, wanted: Collection[str], seen_at_sql: str
) -> None:
    """Count the sound records of view ``identified`` by kind, community and minute, into a Parquet file.

    Community ``*`` stands for all together; besides it, the file has the largest and the wanted ones.

    Args:
        seen_at_sql: expression over the view for when a record was seen, seconds since 1970.
    """
    with parquet.draft_of(file) as draft:
        connection.execute(
            f"""
            copy (
                with sound as (
                    select kind, community_name as community,
                        cast(floor(created_s / 60) as bigint) as minute, count(*) as records_n
                    from identified where created_s <= {seen_at_sql}
                    group by all
                ),
                largest as (
                    select community from sound group by community
                    order by sum(records_n) desc, community limit {_LARGEST_COMMUNITIES}
                )
                select kind, '{WILDCARD}' as community, minute, cast(sum(records_n) as bigint) as records_n
                from sound group by all
                union all
                select kind, community, minute, records_n from sound
                where list_contains($wanted, community) or community in (from largest)
            ) to {sql_text(draft)} (format parquet, compression zstd)
            """,
            {"wanted": sorted(wanted)},
        )


def coverage_of_minutes(files: Sequence[Path], *, wanted: Collection[str] | None) -> FileCoverage:
    """What the counted minutes of all chunks of a file prove.

    Args:
        wanted: communities to say something of; None for all that were counted.
    """
    if not files:
        return FileCoverage()
    # One thread and arrays of numbers: Arrow's own grouping took more time than parsing some of the file.
    counted = pa.concat_tables(
        pq.ParquetFile(file, read_dictionary=["kind", "community"]).read(use_threads=False) for file in files
    ).unify_dictionaries()
    kinds, kind_places = _encoded(counted["kind"])
    communities, community_places = _encoded(counted["community"])
    counts = counted["records_n"].to_numpy()
    totals = np.bincount(community_places, weights=counts, minlength=len(communities))
    sizes = {name: int(total) for name, total in zip(communities, totals, strict=True)}
    total_n = sizes.pop(WILDCARD, 0)
    is_site_wide = len(sizes) >= _SITE_WIDE_COMMUNITIES and max(sizes.values()) <= _OUTWEIGHING_SHARE * total_n
    names = [WILDCARD] if is_site_wide else sorted(name for name in sizes if wanted is None or name in wanted)
    places = kind_places * len(communities) + community_places
    is_asked = np.isin(community_places, [communities.index(name) for name in names])
    by_place = _minutes_by_place(places[is_asked], counted["minute"].to_numpy()[is_asked], counts[is_asked])
    stretches: dict[str, dict[str, list[Stretch]]] = {}
    for kind in (kind for kind in KINDS if kind in kinds):
        for name in names:
            found = by_place.get(kinds.index(kind) * len(communities) + communities.index(name))
            if found is not None:
                stretches.setdefault(kind, {})[name] = proven_stretches(*found)
    return FileCoverage(tuple(kind for kind in KINDS if kind in kinds), is_site_wide, frozenset(sizes), stretches)


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], Minutes]:
    """The values of a column that is a dictionary, and the place of each row's among them."""
    if not column.num_chunks:
        return [], np.empty(0, dtype=np.int64)
    places = [chunk.indices.to_numpy() for chunk in column.chunks]
    return column.chunk(0).dictionary.to_pylist(), np.concatenate(places).astype(np.int64)


def _minutes_by_place(places: Minutes, minutes: Minutes, counts: Minutes) -> dict[int, tuple[Minutes, Minutes]]:
    """Minutes, ascending and each once, and how many records each has, by place."""
    if not len(places):
        return {}
    order = np.lexsort((minutes, places))
    places, minutes, counts = places[order], minutes[order], counts[order]
    is_first = np.append(True, (places[1:] != places[:-1]) | (minutes[1:] != minutes[:-1]))
    firsts = np.flatnonzero(is_first)
    sums = np.add.reduceat(counts, firsts)
    places, minutes = places[firsts], minutes[firsts]
    edges = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
    ends = np.append(edges[1:], len(places))
    return {int(places[start]): (minutes[start:end], sums[start:end]) for start, end in zip(edges, ends, strict=True)}
