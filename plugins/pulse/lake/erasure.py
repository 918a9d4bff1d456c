"""Erasure: what was taken back upstream goes from everything older that still holds it.

A source that sees a contribution again may find its content removed or its account gone. Platform terms then ask for
the content, or the identity, to go from wherever it was kept. So each such observation leaves a **tombstone** in raw,
and rows of that contribution observed then or earlier, whatever source or file they are of, lose

- their content, if it was removed: title, body, hash, url, permalink (it spells the title), tags and extra fields;
- their ``author_key``, if a live source finds the account gone. ``author_role`` stays. (Archives may lack authors
  altogether, so no author there proves nothing.)

Counts, times and the number of rows never change, nor does a later observation: what a moderator puts back is back.
Tombstones also meet what arrives after them, so an archive that still has the text, or a released load, brings nothing
back, and the order of arrival does not matter. They hold ids and times only. They stay when an archive's load is
replaced: what was taken back stays so.

The same is done for whoever asked to be forgotten (:mod:`pulse.lake.forgotten`): tombstones for all that the person
wrote, which hold for good, whoever is said to have written it. And for what a sweep found gone, which no load brings
(:func:`take_back`). Such tombstones name a removal, which rows that lose their content then have.

Not reached from here: quarantine (mode 0700, short-lived); replayable loads in landing, for the archive they come from
holds the same text and is the operator's own; published files, which the next builds replace. All of these are reached
by :mod:`pulse.steps.erasing`.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from pulse.core import memory_database, parquet
from pulse.core.files import fsync_file, fsync_folder, sql_text
from pulse.core.home import Home, path_value
from pulse.core.strict import WILDCARD
from pulse.core.table import Column, Table, definitions, no_rows_sql
from pulse.lake import compacted, forgotten, landing
from pulse.lake.erased_rows import FOR_GOOD, HOLDS_CONTENT
from pulse.lake.landing import Load

log = logging.getLogger(__name__)

Community = tuple[str, str]

# Latest observation at which the content, or the account, was gone; NULL if it is not.
TOMBSTONES = Table(
    "tombstones",
    "Contributions whose content, or whose account, is gone.",
    "one row per contribution and load, request or sweep.",
    (
        Column("platform", "VARCHAR", False, "platform name, lower case"),
        Column("community", "VARCHAR", False, "community name, as in raw"),
        Column("contribution_id", "VARCHAR", False, "the contribution"),
        Column("content_gone_at", "TIMESTAMPTZ", True, "what was observed then or earlier has no content"),
        Column("author_gone_at", "TIMESTAMPTZ", True, "what was observed then or earlier has no author"),
        Column(
            "removal", "VARCHAR", True,
            "what rows that lose their content count as; NULL where the load that saw it has a row that says so",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Erasure:
    """What a promotion has to do beside its own rows.

    Attributes:
        puts: prepared file by where it belongs: new tombstones, and raw files without what they must lose.
        tombstones: files under raw that landing has to be held against, once they are there.
    """

    puts: dict[Path, Path] = field(default_factory=dict)
    tombstones: tuple[Path, ...] = ()


def prepare(
    home: Home,
    load: Load,
    arriving: Mapping[Community, Sequence[Path]],
    staging: Path,
    *,
    connection: duckdb.DuckDBPyConnection,
    untouched: frozenset[Path],
    erased: Collection[tuple[str, int, int]] = frozenset(),
) -> Erasure:
    """Hold a load's rows and raw against each other; nothing visible changes.

    Only the partitions of communities with tombstones are read, and of those only what is needed to find the files.
    All communities are looked at together: a load of a whole platform's dump may hold tens of thousands.

    Args:
        arriving: the load's accepted rows in ``staging``, by community; those that must lose something are rewritten.
        connection: the promotion's, which gets the temporary tables ``fresh`` and ``gone``.
        untouched: raw files that the promotion replaces or removes anyway.
        erased: states of compacted files that hold nothing that has to go.
    """
    persons = [person.author_key for person in forgotten.everybody(home)]
    fresh = _find_tombstones(connection, arriving, with_authors=not load.manifest.is_replayable, of_persons=persons)
    targets = {community: home.tombstones_dir(*community) / f"{load.load_id}.parquet" for community in arriving}
    known = {
        community: [file for file in sorted(target.parent.glob("*.parquet")) if file != target]
        for community, target in targets.items()
    }
    written = {
        targets[community]: _write_tombstones(connection, community, staging / f"tombstones-{number:06d}.parquet")
        for number, community in enumerate(sorted(fresh))
    }
    touched = [community for community in arriving if known[community] or community in fresh]
    rewritten: set[Path] = set()
    without: dict[Path, Path] = {}
    if touched:
        _gather(connection, [*(file for community in touched for file in known[community]), *written.values()])
        rewritten = _erase_arriving(connection, [file for community in touched for file in arriving[community]])
        held = [
            file
            for file in _raw_files(home, fresh)
            if file not in untouched and not (erased and compacted.state_of(file) in erased)
        ]
        without = {
            file: _rewrite(connection, file, staging / f"erased-{number:06d}.parquet")
            # One that is damaged shows nobody anything; whatever makes it again is held against the tombstones.
            for number, file in enumerate(
                parquet.read_what_can_be(held, lambda files: _files_to_erase(connection, files))
            )
        }
    if without:
        log.info("erasure: %d raw files lose what %s saw removed", len(without), load.load_id)
    tombstones = [
        file
        for community in touched
        if community in fresh or rewritten.intersection(arriving[community])
        for file in (*known[community], *((targets[community],) if community in fresh else ()))
    ]
    return Erasure(written | without, tuple(tombstones))


def prepare_compacted(
    home: Home, loads: Sequence[Load], staging: Path, *, connection: duckdb.DuckDBPyConnection
) -> dict[Path, Path]:
    """Prepare compacted files without what any of several loads saw removed; nothing visible changes.

    Each file is searched and written once, whatever the number of loads.

    Returns:
        Prepared file by where it belongs.
    """
    persons = [person.author_key for person in forgotten.everybody(home)]
    connection.execute(f"create or replace temp table all_fresh ({definitions(TOMBSTONES.columns)})")
    communities: set[Community] = set()
    for with_authors in (False, True):
        files = [
            file
            for load in loads
            if load.manifest.is_replayable is not with_authors
            for file in load.accepted_files().values()
        ]
        communities |= _find_tombstones(connection, {("", ""): files}, with_authors=with_authors, of_persons=persons)
        connection.execute("insert into all_fresh from fresh; drop table fresh")
    if not communities:
        return {}
    _gather_from(connection, "all_fresh")
    held = [file for file in _raw_files(home, communities) if compacted.is_compacted(file)]
    found = parquet.read_what_can_be(held, lambda files: _files_to_erase(connection, files))
    return {
        file: _rewrite(connection, file, staging / f"erased-{number:06d}.parquet") for number, file in enumerate(found)
    }


@dataclass(frozen=True)
class TakingBack:
    """What taking contributions back will do to raw.

    Attributes:
        contributions_n: contributions with a tombstone of this request or sweep.
        rows: how many rows lose something, by raw file.
    """

    erasure: Erasure
    contributions_n: int
    rows: dict[Path, int]


def prepare_taking_back(
    home: Home,
    name: str,
    staging: Path,
    *,
    persons: Collection[str],
    gone: pa.Table,
    connection: duckdb.DuckDBPyConnection,
) -> TakingBack:
    """Prepare that contributions lose what they said or who said it, though no load says so; nothing visible changes.

    Args:
        name: of the tombstones' files; one of a live load's form, for nothing brings them again.
        persons: pseudonyms of those whose contributions in raw lose all, for good.
        gone: more contributions, as ``TOMBSTONES``.
    """
    connection.execute(f"create temp table fresh ({definitions(TOMBSTONES.columns)})")
    connection.register("given_gone", gone)
    connection.execute("insert into fresh by name from given_gone")
    connection.unregister("given_gone")
    if persons:
        forgotten.create_persons(connection, persons)
        everything = sorted((home.raw / "contributions").glob("platform=*/*/*/*.parquet"))
        parquet.read_what_can_be(everything, lambda files: _add_what_persons_wrote(connection, files))
    communities = set(connection.execute("select distinct platform, community from fresh").fetchall())
    written = {
        home.tombstones_dir(*community) / f"{name}.parquet": _write_tombstones(
            connection, community, staging / f"tombstones-{number:06d}.parquet"
        )
        for number, community in enumerate(sorted(communities))
    }
    if not written:
        return TakingBack(Erasure(), 0, {})
    _gather(connection, written.values())
    rows: dict[Path, int] = parquet.read_what_can_be(
        _raw_files(home, communities), lambda files: _rows_to_erase(connection, files)
    )
    erased = {
        file: _rewrite(connection, file, staging / f"erased-{number:06d}.parquet") for number, file in enumerate(rows)
    }
    ((contributions_n,),) = connection.execute("select count(*) from gone").fetchall()
    return TakingBack(Erasure(written | erased, tuple(written)), contributions_n, rows)


def _add_what_persons_wrote(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    if not files:
        return
    connection.execute(
        """
        insert into fresh
        select distinct platform, community, contribution_id, $for_good, $for_good, 'by_author'
        from read_parquet($files, hive_partitioning = false)
        where author_key in (select author_key from persons)
        """,
        {"files": [str(file) for file in files], "for_good": FOR_GOOD},
    )


def erase_landed(home: Home, tombstones: Iterable[Path]) -> None:
    """Erase from sealed live loads that are still in landing. Can be repeated; each file is replaced in one step.

    Order and number of rows stay, so that gate 1 may be reading. An erased load that is gated again may break
    ``empty_text_share`` if over a fifth of its rows were erased: it stops safely then, and can be released.
    """
    files = [file for file in tombstones if file.exists()]
    if not files:
        return
    with memory_database.workbench(home.scratch / "erasure") as connection:
        _gather(connection, files)
        communities = set(connection.execute("select distinct platform, community from gone").fetchall())
        for load in landing.sealed_loads(home):
            if not load.manifest.is_replayable and _may_hold(load, communities):
                _erase_load(connection, load)


# ---- tombstones --------------------------------------------------------------


def remake_tombstones(home: Home, file: Path) -> bool:
    """Write a damaged file of tombstones again from the rows in raw that it was made from; false if they are not whole.

    Only whoever holds the lock of raw may call this.
    """
    contributions = home.raw / "contributions"
    of_community = contributions / file.parent.relative_to(home.raw / "tombstones")
    files = sorted(of_community.glob(f"day=*/{file.name}"))
    # The true names are in the rows.
    files += [
        compacted_file
        for compacted_file in sorted((of_community.parent / compacted.FOLDER).glob("day=*/*.parquet"))
        if any(
            held.load_id == file.stem and path_value(held.community) == file.parent.name.removeprefix("community=")
            for held in compacted.contents(compacted_file) or ()
        )
    ]
    if not files or len(parquet.whole(files, is_deep=True)) < len(files):
        return False
    with memory_database.workbench(home.scratch / "erasure") as connection:
        with_authors = not landing.is_replayable(file.stem)
        communities = _find_tombstones(connection, {("", ""): files}, with_authors=with_authors, load_id=file.stem)
        communities = {one for one in communities if home.tombstones_dir(*one) == file.parent}
        for community in communities:  # one: the files are of one folder
            with parquet.draft_of(file) as draft:
                _write_tombstones(connection, community, draft)
    return bool(communities)


def _find_tombstones(
    connection: duckdb.DuckDBPyConnection,
    arriving: Mapping[Community, Sequence[Path]],
    *,
    with_authors: bool,
    load_id: str | None = None,
    of_persons: Collection[str] = (),
) -> set[Community]:
    """Make table ``fresh`` of what the rows say is gone; returns the communities it is about.

    Args:
        with_authors: whether a row without an author says that the account is gone.
        load_id: look at the rows of that load only.
        of_persons: pseudonyms of those whose rows are gone whatever the rows say; they are in table ``persons`` then.
    """
    connection.execute(f"create temp table fresh ({definitions(TOMBSTONES.columns)})")
    forgotten.create_persons(connection, of_persons)
    files = [str(file) for of_community in arriving.values() for file in of_community]
    if files:
        connection.execute(
            """
            insert into fresh
            select platform, community, contribution_id,
                case when bool_or(is_forgotten) then $for_good
                    else max(observed_at) filter (where removal <> 'none') end as content_gone_at,
                case when bool_or(is_forgotten) then $for_good
                    else max(observed_at) filter (where $with_authors and author_key is null) end as author_gone_at,
                case when bool_or(is_forgotten) then 'by_author' end as removal
            from (
                select *, coalesce(author_key in (select author_key from persons), false) as is_forgotten
                from read_parquet($files, hive_partitioning = false)
            )
            where (removal <> 'none' or ($with_authors and author_key is null) or is_forgotten)
                and load_id = coalesce($load_id, load_id)
            group by platform, community, contribution_id
            """,
            {"files": files, "with_authors": with_authors, "load_id": load_id, "for_good": FOR_GOOD},
        )
    return set(connection.execute("select distinct platform, community from fresh").fetchall())


def _write_tombstones(connection: duckdb.DuckDBPyConnection, community: Community, target: Path) -> Path:
    platform, name = community
    connection.execute(
        "copy (select * from fresh where platform = $platform and community = $community order by contribution_id) "
        f"to {sql_text(target)} (format parquet, compression zstd)",
        {"platform": platform, "community": name},
    )
    fsync_file(target)
    return target


def _gather(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> None:
    """Make table ``gone``: one row per contribution, of all that the files say; earlier ones name no removal."""
    tombstones = f"""(
        {no_rows_sql(TOMBSTONES.columns)}
        union all by name
        select * from read_parquet($files, hive_partitioning = false, union_by_name = true)
    )"""
    _gather_from(connection, tombstones, {"files": [str(file) for file in files]})


def _gather_from(
    connection: duckdb.DuckDBPyConnection, tombstones: str, parameters: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Make table ``gone`` of tombstones. What rewrites rows wants a table ``persons`` too: it is made if need be."""
    connection.execute(
        f"""
        create or replace temp table gone as
        select platform, community, contribution_id,
            max(content_gone_at) as content_gone_at, max(author_gone_at) as author_gone_at, max(removal) as removal
        from {tombstones}
        group by platform, community, contribution_id
        """,
        dict(parameters),
    )
    connection.execute("create temp table if not exists persons (author_key varchar)")


# ---- rows ----------------------------------------------------------------------


def _raw_files(home: Home, communities: Collection[Community]) -> list[Path]:
    """All raw files that hold rows of some communities, whichever source they are of; compacted ones too."""
    small = [
        file
        for community in sorted(communities)
        for file in sorted(home.community_contributions_dir(*community).glob("day=*/*.parquet"))
    ]
    names: dict[str, set[str]] = {}
    for platform, name in communities:
        names.setdefault(platform, set()).add(name)
    return small + [
        file
        for platform in sorted(names)
        for file in compacted.files_of_platform(home.raw / "contributions", platform)
        if (held := compacted.contents(file)) is None or any(one.community in names[platform] for one in held)
    ]


def _erase_arriving(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> set[Path]:
    """Rewrite staged files that hold what must go; returns them."""
    found = _files_to_erase(connection, files)
    for file in found:
        _rewrite(connection, file, file.with_suffix(".erased")).replace(file)
    return set(found)


def _files_to_erase(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> list[Path]:
    """Which of the files hold something that table ``gone`` says must go."""
    return list(_rows_to_erase(connection, files))


def _rows_to_erase(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[Path, int]:
    """How many rows of each file hold something that table ``gone`` says must go; files without any are left out."""
    if not files:
        return {}
    rows = connection.execute(
        f"""
        select given.filename, count(*)
        from read_parquet($files, hive_partitioning = false, filename = true) as given
        join gone using (platform, community, contribution_id)
        where (given.observed_at <= gone.content_gone_at
                and ({HOLDS_CONTENT} or (gone.removal is not null and given.removal = 'none')))
            or (given.observed_at <= gone.author_gone_at and given.author_key is not null)
        group by all
        order by all
        """,
        {"files": [str(file) for file in files]},
    ).fetchall()
    return {Path(name): rows_n for name, rows_n in rows}


def _rewrite(connection: duckdb.DuckDBPyConnection, file: Path, target: Path) -> Path:
    """Write the file again without what table ``gone`` says must go: same rows, order, columns and types."""
    rows = f"read_parquet({sql_text(file)}, hive_partitioning = false, file_row_number = true)"
    connection.execute(
        f"copy ({forgotten.erased_row_sql(rows)}) to {sql_text(target)} (format parquet, compression zstd)"
    )
    fsync_file(target)
    return target


# ---- landing -------------------------------------------------------------------


def _may_hold(load: Load, communities: set[Community]) -> bool:
    platform, community = load.manifest.platform, load.manifest.community
    return (platform, community) in communities or (
        community == WILDCARD and platform in {of_platform for of_platform, _ in communities}
    )


def _erase_load(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    """Erase from one sealed load. It may meanwhile be moved to quarantine or pruned, and is left alone then."""
    for file in {*load.rows_files().values(), *load.accepted_files().values()}:
        try:
            for found in _files_to_erase(connection, [file]):
                _rewrite(connection, found, found.with_name(f".{found.name}.erasing")).replace(found)
                fsync_folder(found.parent)
        except (OSError, duckdb.IOException):
            if file.exists():
                raise
        except duckdb.InvalidInputException:
            log.warning("erasure: %s is no Parquet file, so nobody can replay it either", file)
