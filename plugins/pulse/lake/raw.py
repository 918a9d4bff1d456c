"""Raw: the Parquet partitions that passed gate 1, and the one way in.

Contributions and what was seen of communities have partitions of their own. A promotion may touch many files. It is
written down first (a journal, flushed), then carried out by renames and removals that can be repeated; whoever comes
next finishes what a killed process left half done. So a partition is always either as before or as after.

Settled days are compacted (:mod:`pulse.lake.compacted`). A promotion first takes out of them what it may replace: then
these rows are small files again, and nothing else here has to know both forms.
"""

import contextlib
import glob
import logging
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pulse.core import contract, coverage, memory_database, parquet
from pulse.core.errors import DamagedFile, StorageError
from pulse.core.files import fsync_file, fsync_folder, read_json, sql_text, storage_error, write_json
from pulse.core.home import Home, partition_path, path_value
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.core.strict import WILDCARD
from pulse.core.table import Column
from pulse.core.window import Window
from pulse.lake import arriving, compacted, erasure, landing
from pulse.lake.compacted import Change, Held, Record
from pulse.lake.landing import Load, LoadManifest, coverage_of

log = logging.getLogger(__name__)

JOURNAL = "journal.json"
_CONTRIBUTIONS, _COMMUNITIES, _COVERAGE = "contributions", "communities", "coverage"
_TOMBSTONES = "tombstones"
# How a load's id ends (landing.load_id_for): first and last day, and a digest.
_DAYS_OF_LOAD = re.compile(r"-(\d{8})-(\d{8})-[0-9a-f]{12}$")
# Begins the name of a file without rows that an earlier contract left.
_EARLIER = "_empty_of_"
# Rows of a load that need no database with a limit of its own: some 100 MB.
_FEW_ROWS = 100_000


@dataclass(frozen=True, order=True)
class Partition:
    """One community's raw partition of one UTC day."""

    platform: str
    community: str
    day: date


@dataclass(frozen=True)
class Promotion:
    """What one promotion changed.

    Attributes:
        partitions: the partitions whose content is now the load's (replayable) or includes it (live).
        contribution_dates: dates of creation whose marts have to be built again, old and new rows together.
        rows_n: rows the load has in raw.
    """

    load_id: str
    partitions: tuple[Partition, ...]
    contribution_dates: tuple[date, ...]
    rows_n: int


def contributions_glob(home: Home) -> str:
    """What to hand to DuckDB's ``read_parquet`` for all of raw, the typed empty file included."""
    return _glob(home, _CONTRIBUTIONS)


def community_observations_glob(home: Home) -> str:
    """The same for what was seen of communities themselves."""
    return _glob(home, _COMMUNITIES)


def coverage_glob(home: Home) -> str:
    """The same for what was looked at."""
    return _glob(home, _COVERAGE)


def _glob(home: Home, record: str) -> str:
    return f"{glob.escape(str(home.raw / record))}/**/*.parquet"


def ensure_empty_file(home: Home) -> None:
    """Give each record of raw a typed file without rows, so that it can be read from the first day.

    One that an earlier contract left is kept under another name: it says that there may be rows without the columns
    that came since (docs/decisions/0006).
    """
    _ensure_empty_file(home.raw / _CONTRIBUTIONS / "_empty.parquet", contract.COLUMNS)
    _ensure_empty_file(home.raw / _COMMUNITIES / "_empty.parquet", contract.COMMUNITY_COLUMNS)
    _ensure_empty_file(home.raw / _COVERAGE / "_empty.parquet", contract.COVERAGE_COLUMNS)


def _ensure_empty_file(file: Path, columns: Sequence[Column]) -> None:
    if parquet.fault_of(file, is_deep=True) is None:
        names = parquet.column_names(file)
        if names == [column.name for column in columns]:
            return
        # Under both names until the new one stands there: somebody may be reading.
        try:
            with contextlib.suppress(FileExistsError):
                file.with_name(f"{_EARLIER}{len(names)}_columns.parquet").hardlink_to(file)
        except OSError as error:
            raise storage_error(file, error) from error
    parquet.ensure_empty_file(file, columns)


def has_earlier_columns(home: Home) -> bool:
    """Whether raw may hold files of a contract that had fewer columns; what they lack is NULL then."""
    return any(home.raw.glob(f"*/{_EARLIER}*.parquet"))


def promote(
    home: Home, load: Load, *, erased: Collection[tuple[str, int, int]] = frozenset(), timeout_s: float = 600.0
) -> Promotion:
    """Bring a load that gate 1 accepted into raw.

    A replayable load replaces every day of its window for the communities it speaks for, days without rows included;
    a live load adds its rows. What either saw removed goes from older rows (:mod:`pulse.lake.erasure`). Repeating a
    promotion changes nothing. The dates to build again are noted under ``warehouse/pending`` before the first visible
    change, and stay until a publish that included them.

    Args:
        erased: compacted files, and their state, that need not be searched for what has to go (:func:`make_way`).

    Raises:
        LockBusy: another process writes to raw or the warehouse.
        StorageError: disk full or not writable; raw is as before.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        finish_all(home)
        staging = home.raw / "_promotions" / load.load_id
        try:
            concerned = _concerned(home, load)
            if _is_held_already(home, load, concerned, staging):
                promotion = Promotion(load.load_id, (), (), load.manifest.rows_n)
            else:
                _take_out(home, [concerned], staging)
                promotion = _prepare(home, load, staging, damaged=concerned.damaged, erased=erased)
                _finish(home, staging)
        except (OSError, duckdb.IOException, duckdb.InvalidInputException) as error:
            damaged = damaged_files(home, is_deep=True)
            if damaged:
                raise damage_error(home, damaged) from error
            raise storage_error(staging, error) from error
    log.info(
        "raw: %d rows of %s in %d partitions, %d dates to build",
        promotion.rows_n, load.load_id, len(promotion.partitions), len(promotion.contribution_dates),
    )  # fmt: skip
    return promotion


@dataclass(frozen=True)
class TakenBack:
    """What taking contributions back changed.

    Attributes:
        contributions_n: contributions that have a tombstone of it now.
        rows_n, files_n: rows of raw that lost something, and the files that they are in.
        tombstones: the files that say so.
    """

    contributions_n: int = 0
    rows_n: int = 0
    files_n: int = 0
    tombstones: tuple[Path, ...] = ()


def take_back(
    home: Home,
    name: str,
    *,
    persons: Collection[str] = (),
    gone: pa.Table | None = None,
    timeout_s: float = 600.0,
) -> TakenBack:
    """Take contributions back that no load says are gone (:func:`pulse.lake.erasure.prepare_taking_back`).

    By the journal, like a promotion; the dates to build again are noted. Can be repeated, under the same name too.

    Args:
        name: of the request or sweep; unique, and safe as a file name.
        persons: pseudonyms of those whose contributions lose all.
        gone: other contributions, as :data:`pulse.lake.erasure.TOMBSTONES`.

    Raises:
        LockBusy: another process writes to raw or the warehouse.
        StorageError: disk full or not writable; raw is as before.
    """
    named = gone if gone is not None else erasure.TOMBSTONES.arrow_schema.empty_table()
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        finish_all(home)
        staging = home.raw / "_promotions" / name
        spill = staging / "spill"
        shutil.rmtree(staging, ignore_errors=True)
        try:
            staging.mkdir(parents=True)
            with memory_database.workbench(spill) as connection:
                taking = erasure.prepare_taking_back(
                    home, name, staging, persons=persons, gone=named, connection=connection
                )
            shutil.rmtree(spill, ignore_errors=True)
            if taking.erasure.puts:
                write_json(
                    staging / JOURNAL,
                    {
                        "load_id": name,
                        "puts": [
                            [file.name, str(target.relative_to(home.raw))]
                            for target, file in taking.erasure.puts.items()
                        ],
                        "removes": [],
                        "tombstones": [str(file.relative_to(home.raw)) for file in taking.erasure.tombstones],
                        "contribution_dates": [day.isoformat() for day in _contribution_dates(list(taking.rows))],
                    },
                )
            _finish(home, staging)
        except (OSError, duckdb.Error) as error:
            raise storage_error(staging, error) from error
    return TakenBack(taking.contributions_n, sum(taking.rows.values()), len(taking.rows), taking.erasure.tombstones)


def make_way(home: Home, loads: Sequence[Load], *, timeout_s: float = 600.0) -> frozenset[tuple[str, int, int]]:
    """Do to compacted days, once for all loads of a run, what each promotion would do for itself.

    What the loads may replace becomes small files again, and raw holds the same rows after it. What they saw removed
    goes from the days that are compacted: that much earlier than the promotion leaves its tombstone.

    Returns:
        States of compacted files, for :func:`promote`: they hold nothing that has to go.

    Raises:
        LockBusy: another process writes to raw or the warehouse.
        StorageError: disk full or not writable; raw holds what it held.
    """
    files = {
        file
        for platform in {load.manifest.platform for load in loads}
        for file in compacted.files_of_platform(home.raw / _CONTRIBUTIONS, platform)
    }
    if not files:
        return frozenset()
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        finish_all(home)
        staging = home.raw / "_promotions" / "make-way"
        try:
            changing = [
                (load, concerned)
                for load in loads
                if not _is_held_already(home, load, concerned := _concerned(home, load), staging)
            ]
            _take_out(home, [concerned for _, concerned in changing], staging)
            _erase_compacted(home, [load for load, _ in changing], staging)
            return frozenset(compacted.state_of(file) for file in files if file.exists())
        except (OSError, duckdb.IOException) as error:
            raise storage_error(staging, error) from error


def _erase_compacted(home: Home, loads: Sequence[Load], staging: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    spill = staging / "spill"
    with memory_database.workbench(spill) as connection:
        puts = erasure.prepare_compacted(home, loads, staging, connection=connection)
    shutil.rmtree(spill, ignore_errors=True)
    rearrange(home, staging, Change(puts))


def recover(home: Home, *, timeout_s: float = 600.0) -> int:
    """Finish changes that a killed process left half done. Returns how many there were."""
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        return finish_all(home)


def heal(home: Home, *, is_deep: bool = False, timeout_s: float = 600.0) -> tuple[Path, ...]:
    """Finish what a killed process left half done, then make damaged files of raw again, as far as possible here.

    They come from sealed loads in landing; tombstones from the rows they were made of.

    Only the damaged files are written: another load may have replaced the rest of what their load once brought. Their
    dates are noted to be built again.

    Args:
        is_deep: read every value of every file (:func:`pulse.core.parquet.fault_of`), not the ends alone.

    Returns:
        The damaged files that are left.
    """
    with exclusive(home, WAREHOUSE_LOCK, timeout_s=timeout_s):
        finish_all(home)
        ensure_empty_file(home)
        damaged = damaged_files(home, is_deep=is_deep)
        left = damaged
        for _ in range(2):  # tombstones are made from rows, and rows are held against tombstones
            for file in left:
                _make_again(home, file)
            left = [file for file in left if _is_damaged(file, is_deep=is_deep)]
    for file in damaged:
        log.warning("raw: %s was damaged; %s", file, "it still is" if file in left else "it was made again")
    return tuple(left)


def damaged_files(home: Home, *, is_deep: bool = False) -> list[Path]:
    """Files of raw that cannot be read, in order; those without rows among them."""
    files = [
        file
        for record in (_CONTRIBUTIONS, _COMMUNITIES, "coverage", _TOMBSTONES, "business_results")
        for file in sorted((home.raw / record).rglob("*.parquet"))
    ]
    counted = parquet.counted(files, "raw", is_deep=is_deep)
    return [file for file in counted if _is_damaged(file, is_deep=is_deep)] + [
        beside.with_name(compacted.ROWS_FILE)
        for beside in sorted(home.raw.glob(f"*/platform=*/{compacted.FOLDER}/*/{compacted.CONTENTS_FILE}"))
        if not beside.with_name(compacted.ROWS_FILE).exists()
    ]


def _is_damaged(file: Path, *, is_deep: bool) -> bool:
    if compacted.is_compacted(file) and not compacted.is_damaged(file):
        return file.exists() and parquet.fault_of(file, is_deep=is_deep) is not None
    return parquet.fault_of(file, is_deep=is_deep) is not None


def damage_error(home: Home, damaged: Sequence[Path]) -> DamagedFile:
    """The error that names the first of damaged files of raw and says which command heals it."""
    more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
    fault = parquet.fault_of(damaged[0], is_deep=True) or "was damaged a moment ago"
    return DamagedFile(f"file {damaged[0]}", value=f"{fault}{more}", next_step=way_back(home, damaged[0]))


def way_back(home: Home, file: Path) -> str:
    """Which command makes a damaged file of raw again, or goes on without it."""
    record, aside = file.relative_to(home.raw).parts[0], f"`pulse set-aside {file.relative_to(home.root)}`"
    if record == "business_results":
        return f"put its CSV file into imports/ again and run `pulse import`; or {aside}, which says what is lost"
    if file.name.startswith("_empty") or can_be_replayed(home, file):
        return "`pulse rebuild` makes it again"
    day = file.parent.name.removeprefix("day=")
    if compacted.is_compacted(file):
        return _way_back_of_compacted(file, aside)
    if is_replayable(file.stem):
        which = f"`pulse run --day {day}`" if record in {_CONTRIBUTIONS, _COMMUNITIES} else "running its days again"
        return f"{which} makes it again from its archive; without that archive, {aside}, which says what is lost"
    return f"it cannot be made again: {aside} says what is lost and goes on without it"


def _way_back_of_compacted(file: Path, aside: str) -> str:
    held = compacted.contents(file)
    period = file.parent.name.partition("=")[2]
    if held and all(is_replayable(one.load_id) for one in held):
        days = f"`pulse run --day {period}`" if compacted.day_of(file) else f"running the days of {period} again"
        return f"{days} makes it again from its archives; without them, {aside}, which says what is lost"
    return f"it cannot be made again, or not all of it: {aside} says what is lost and goes on without it"


def is_replayable(load_id: str) -> bool:
    """Whether the source of a load gives the same rows again when it is asked again."""
    return landing.is_replayable(load_id)


def can_be_replayed(home: Home, file: Path) -> bool:
    """Whether the load that brought a file of raw is in landing still; all of them for a compacted file."""
    if not compacted.is_compacted(file):
        return _load_in_landing(home, file.stem) is not None
    held = compacted.contents(file)
    return bool(held) and all(_load_in_landing(home, one.load_id) is not None for one in held or ())


def _make_again(home: Home, file: Path) -> None:
    """Make one damaged file again if that can be done; else it stays as it is."""
    if file.name.startswith(_EARLIER):  # its name is what counts
        shutil.rmtree(file, ignore_errors=True)
        shutil.copyfile(file.with_name("_empty.parquet"), file)
        return
    if _TOMBSTONES in file.relative_to(home.raw).parts[:1] and erasure.remake_tombstones(home, file):
        return
    if compacted.is_compacted(file):
        _make_compacted_again(home, file)
        return
    load = _load_in_landing(home, file.stem)
    if load is None:
        return
    _replay(home, load, only=frozenset({file}))


def _replay(home: Home, load: Load, *, only: frozenset[Path]) -> None:
    staging = home.raw / "_promotions" / load.load_id
    try:
        damaged = {
            (record, file): lost
            for (record, file), held in _concerned(home, load).damaged.items()
            if (lost := frozenset(one for one in held if compacted.small_file(record, file, one) in only))
        }
        _prepare(home, load, staging, only=only, damaged=damaged)
        _finish(home, staging)
    except (OSError, duckdb.Error) as error:
        shutil.rmtree(staging, ignore_errors=True)
        log.warning("raw: %s cannot be replayed from landing: %s", load.load_id, storage_error(staging, error))


def _make_compacted_again(home: Home, file: Path) -> None:
    """Bring again what landing has of a damaged compacted file, as small files; the file goes when nothing is left."""
    record = compacted.RECORDS[file.relative_to(home.raw).parts[0]]
    by_load: dict[str, set[Held]] = {}
    for held in compacted.contents(file) or ():
        by_load.setdefault(held.load_id, set()).add(held)
    for load_id, of_load in by_load.items():
        load = _load_in_landing(home, load_id)
        if load is None:
            continue
        if record is compacted.COVERAGE:  # a small file has all its months
            take_out_coverage(home, file.parents[2].name, {load_id})
        _replay(home, load, only=frozenset(compacted.small_file(record, file, held) for held in of_load))


def _load_in_landing(home: Home, load_id: str) -> Load | None:
    try:
        return landing.find(home, load_id)
    except StorageError:
        return None


def partition_files(home: Home, partition: Partition) -> list[Path]:
    """The small files of a partition, in order; none where all of it is compacted (:func:`compacted_file`)."""
    return sorted(home.contributions_dir(partition.platform, partition.community, partition.day).glob("*.parquet"))


def compacted_file(home: Home, platform: str, day: date) -> Path:
    """Where compacted contributions of a platform and day lie, if there are any."""
    return compacted.file_of(home.raw / _CONTRIBUTIONS, platform, day)


def partitions_of(load: Load) -> tuple[Partition, ...]:
    """The partitions that a load's accepted rows belong to, in order."""
    files = load.accepted_files()
    with memory_database.cursor() as connection:
        return tuple(
            sorted(
                Partition(platform, community, day)
                for day, file in files.items()
                for platform, community in _communities_in(connection, file)
            )
        )


def pending_dates(home: Home) -> dict[Path, tuple[date, ...]]:
    """Dates to build again, by the note that asks for them; none for a note that asks for everything."""
    return {file: _dates_of_note(file) or () for file in sorted((home.warehouse / "pending").glob("*.json"))}


def asks_for_everything(note: Path) -> bool:
    """Whether a note asks for all dates: :func:`require_everything` left it, or it cannot be read any more."""
    return _dates_of_note(note) is None


def require_everything(home: Home, name: str) -> None:
    """Note that all dates have to be built again; the note goes with a publish that included it."""
    write_json(home.warehouse / "pending" / f"{path_value(name)}.json", {"contribution_dates": None})


def _dates_of_note(note: Path) -> tuple[date, ...] | None:
    try:
        days = read_json(note)["contribution_dates"]
        return None if days is None else tuple(map(date.fromisoformat, days))
    except (StorageError, KeyError, TypeError, ValueError) as error:
        log.warning("raw: %s cannot be read, so everything will be built: %s", note, error)
        return None


def pending_files(home: Home) -> list[Path]:
    """Files of contributions that the promotions behind the notes brought, as far as they are still there."""
    return [
        file
        for note in sorted((home.warehouse / "pending").glob("*.json"))
        for name in _files_of_note(note)
        for file in sorted(home.raw.glob(name) if "*" in name else [home.raw / name])
        if file.is_file()
    ]


# ---- preparing: nothing visible changes ------------------------------------


def _prepare(
    home: Home,
    load: Load,
    staging: Path,
    *,
    damaged: "_Parts",
    erased: Collection[tuple[str, int, int]] = frozenset(),
    only: frozenset[Path] | None = None,
) -> Promotion:
    """Copy the load's rows beside raw, split by partition, and write the journal.

    Args:
        damaged: what is brought again, or replaced, of compacted files that cannot be read.
        erased: states of compacted files that hold nothing that has to go.
        only: of all that the load brings, write these files of raw and touch no other rows.
    """
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    with _database(load, staging / "spill") as connection:
        arriving = _split_by_partition(connection, load, staging)
        puts = {_partition_file(home, load, _CONTRIBUTIONS, partition): file for partition, file in arriving.items()}
        puts |= _stage_communities(connection, home, load, staging)
        looked = _stage_coverage(connection, home, load, staging)
        puts |= looked.puts
        if only is not None:
            puts = {target: file for target, file in puts.items() if target in only}
            arriving = {partition: file for partition, file in arriving.items() if file in puts.values()}
        is_replayable = load.manifest.is_replayable and only is None
        leaving = _files_to_remove(home, load, _CONTRIBUTIONS, puts) if is_replayable else []
        leaving_communities = _files_to_remove(home, load, _COMMUNITIES, puts) if is_replayable else []
        is_changed = bool(leaving or leaving_communities or damaged or (looked.is_changed and only is None))
        if not is_changed and len(parquet.whole(puts, is_deep=True)) == len(puts):
            return Promotion(load.load_id, (), (), load.manifest.rows_n)  # promoted before, nothing to change
        days = {day for _, file in damaged if (day := compacted.day_of(file)) is not None}
        dates = tuple(sorted({*_contribution_dates([*leaving, *arriving.values()]), *looked.days, *days}))
        erasing = erasure.prepare(
            home, load, _by_community(arriving), staging, connection=connection,
            untouched=frozenset({*puts, *leaving}), erased=erased,
        )  # fmt: skip
        puts |= erasing.puts
        rest = Change()
        for (_, file), lost in damaged.items():
            rest = compacted.stage_forgotten(file, lost, staging, rest)
        puts |= rest.puts
    shutil.rmtree(staging / "spill", ignore_errors=True)
    write_json(
        staging / JOURNAL,
        {
            "load_id": load.load_id,
            "puts": [[file.name, str(target.relative_to(home.raw))] for target, file in puts.items()],
            "removes": [
                str(file.relative_to(home.raw))
                for file in (*leaving, *leaving_communities, *looked.leaving, *rest.removes)
            ],
            "tombstones": [str(file.relative_to(home.raw)) for file in erasing.tombstones],
            "contribution_dates": [day.isoformat() for day in dates],
        },
    )
    return Promotion(load.load_id, tuple(sorted(arriving)), dates, load.manifest.rows_n)


# ---- compacted days ----------------------------------------------------------


def rearrange(home: Home, staging: Path, change: Change) -> None:
    """Carry out a prepared change that no figure depends on; nothing has to be built for it.

    Only whoever holds the lock of raw may call this.
    """
    write_json(
        staging / JOURNAL,
        {
            "load_id": None,
            "puts": [[file.name, str(target.relative_to(home.raw))] for target, file in change.puts.items()],
            "removes": [str(file.relative_to(home.raw)) for file in change.removes],
        },
    )
    _finish(home, staging)


# By record and compacted file: some of what the file holds.
_Parts = Mapping[tuple[Record, Path], frozenset[Held]]


@dataclass(frozen=True)
class _Concerned:
    """What compacted files hold that a load brought before, or that its promotion replaces.

    Attributes:
        whole, damaged: in files that can be read, and in those that cannot.
    """

    whole: _Parts
    damaged: _Parts


def _concerned(home: Home, load: Load) -> _Concerned:
    manifest = load.manifest
    platform, days = manifest.platform, manifest.window.days()
    contributions, communities, of_coverage = compacted.CONTRIBUTIONS, compacted.COMMUNITIES, compacted.COVERAGE
    files: set[tuple[Record, Path]] = set()
    for day in days:
        files.add((contributions, compacted.file_of(home.raw / _CONTRIBUTIONS, platform, day)))
        files.add((communities, compacted.file_of(home.raw / _COMMUNITIES, platform, day)))
        files.add((of_coverage, compacted.coverage_file_of(home.raw / _COVERAGE, platform, day)))
    whole: dict[tuple[Record, Path], frozenset[Held]] = {}
    damaged: dict[tuple[Record, Path], frozenset[Held]] = {}
    for record, file in sorted(files, key=lambda one: one[1]):
        # A wildcard's promotion may concern any community; in coverage a load stands under the community of its entry.
        is_of_all = manifest.community == WILDCARD and record is not of_coverage
        held_there = compacted.contents(file, community=None if is_of_all else manifest.community)
        held = frozenset(held for held in held_there or () if _concerns(manifest, record, held))
        if held:
            (damaged if compacted.is_damaged(file, is_deep=True) else whole)[record, file] = held
    return _Concerned(whole, damaged)


def _concerns(manifest: LoadManifest, record: Record, held: Held) -> bool:
    """Whether a load brought these rows, or replaces them as it does small files.

    See :func:`_files_to_remove` and :func:`_coverage_to_replace`.
    """
    if held.load_id == manifest.load_id:
        return True
    if not manifest.is_replayable or not held.load_id.startswith(f"{manifest.source}-"):
        return False
    if record is compacted.COVERAGE:
        return held.community == manifest.community and _may_speak_of(held.load_id, manifest.window)
    if manifest.community != WILDCARD:
        return held.community == manifest.community
    return held.community not in manifest.named_elsewhere


def _take_out(home: Home, concerned: Iterable[_Concerned], staging: Path) -> None:
    """Make small files again of what compacted files hold that promotions may replace.

    Those that are damaged cannot give it: they lose it with the promotion.
    """
    leaving: dict[tuple[Record, Path], set[Held]] = {}
    for of_load in concerned:
        for place, held in of_load.whole.items():
            leaving.setdefault(place, set()).update(held)
    for (record, file), of_all_loads in leaving.items():
        take_out(home, record, file, of_all_loads, staging=staging)


def take_out(home: Home, record: Record, file: Path, leaving: Collection[Held], *, staging: Path | None = None) -> None:
    """Make small files again of some of what a compacted file holds; raw holds the same rows after it.

    Only whoever holds the lock of raw may call this.
    """
    if not leaving:
        return
    staging = staging or home.raw / "_promotions" / "take-out"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    spill = staging / "spill"
    with memory_database.workbench(spill) as connection:
        change = compacted.stage_taken_out(connection, record, file, leaving, staging, Change())
    shutil.rmtree(spill, ignore_errors=True)
    rearrange(home, staging, change)


def take_out_coverage(home: Home, platform_folder: str, load_ids: Collection[str]) -> None:
    """Make small files again of what some loads say that they looked at; raw holds the same rows after it.

    Only whoever holds the lock of raw may call this.

    Args:
        platform_folder: ``platform=…``.
    """
    for file in sorted((home.raw / _COVERAGE / platform_folder / compacted.FOLDER).glob(f"*/{compacted.ROWS_FILE}")):
        own = [held for held in compacted.contents(file) or () if held.load_id in load_ids]
        if own and not compacted.is_damaged(file, is_deep=True):
            take_out(home, compacted.COVERAGE, file, own)


def _is_held_already(home: Home, load: Load, concerned: _Concerned, staging: Path) -> bool:
    """Whether raw holds exactly what the load brings, some or all of it compacted, so that there is nothing to do."""
    if concerned.damaged or not concerned.whole:
        return False
    if any(held.load_id != load.load_id for of_file in concerned.whole.values() for held in of_file):
        return False
    held_n = {
        (record.name, held.community, compacted.day_of(file)): held.rows_n
        for (record, file), of_file in concerned.whole.items()
        for held in of_file
        if record is not compacted.COVERAGE
    }
    brought = [(_CONTRIBUTIONS, day, file) for day, file in load.accepted_files().items()]
    if load.community_file.exists():
        brought.append((_COMMUNITIES, load.manifest.last_day, load.community_file))
    small: list[Path] = []
    with memory_database.cursor() as connection:
        for record_name, day, file in brought:
            for platform, community, rows_n in connection.execute(
                "select platform, community, count(*) from read_parquet(?, hive_partitioning = false) group by all",
                [str(file)],
            ).fetchall():
                of_partition = held_n.pop((record_name, community, day), None)
                if of_partition is None:
                    small.append(_partition_file(home, load, record_name, Partition(platform, community, day)))
                elif of_partition != rows_n:
                    return False
        if held_n or parquet.whole(small) != small:
            return False
        if load.manifest.is_replayable and any(
            _files_to_remove(home, load, record_name, small) for record_name in (_CONTRIBUTIONS, _COMMUNITIES)
        ):
            return False
        return _said(connection, home, load, concerned, staging) == coverage.in_order(coverage_of(load))


def _said(
    connection: duckdb.DuckDBPyConnection, home: Home, load: Load, concerned: _Concerned, staging: Path
) -> list[coverage.Look]:
    """What raw has of what the load looked at, in both forms."""
    manifest = load.manifest
    small = coverage_folder(home, manifest.platform, manifest.community) / f"{load.load_id}.parquet"
    looks = coverage.read(small) if small.exists() else []
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for record, file in concerned.whole:
        if record is compacted.COVERAGE:
            own = staging / "coverage-of-before.parquet"
            connection.execute(
                "copy (select * from read_parquet($file, hive_partitioning = false) where load_id = $load_id) "
                f"to {sql_text(own)} (format parquet)",
                {"file": str(file), "load_id": load.load_id},
            )
            looks += coverage.read(own)
    shutil.rmtree(staging, ignore_errors=True)
    return coverage.in_order(looks)


# ---- what a load brings ------------------------------------------------------


@contextmanager
def _database(load: Load, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """For a load of few rows the one that this process has open; what is created in it must be temporary."""
    if load.manifest.rows_n < _FEW_ROWS:
        with memory_database.cursor() as connection:
            yield connection
    else:
        with memory_database.workbench(spill) as connection:
            yield connection


def _partition_file(home: Home, load: Load, record: str, partition: Partition) -> Path:
    """Where the load's rows of a partition belong."""
    path = partition_path(partition.platform, partition.community, partition.day)
    return home.raw / record / path / f"{load.load_id}.parquet"


def _by_community(files: Mapping[Partition, Path]) -> dict[tuple[str, str], list[Path]]:
    found: dict[tuple[str, str], list[Path]] = {}
    for partition, file in files.items():
        found.setdefault((partition.platform, partition.community), []).append(file)
    return found


def _split_by_partition(connection: duckdb.DuckDBPyConnection, load: Load, staging: Path) -> dict[Partition, Path]:
    """One file per partition; a load of a single community is linked, a wildcard's is split."""
    found: dict[Partition, Path] = {}
    for day, file in load.accepted_files().items():
        communities = _communities_in(connection, file)
        for platform, community in communities:
            target = staging / f"{len(found):06d}.parquet"
            if len(communities) == 1:
                shutil.copyfile(file, target)
            else:
                _copy_community(connection, file, target, platform, community)
            fsync_file(target)
            found[Partition(platform, community, day)] = target
    return found


def _stage_communities(
    connection: duckdb.DuckDBPyConnection, home: Home, load: Load, staging: Path
) -> dict[Path, Path]:
    """What the load saw of communities themselves, one file per community, under the last day of its window."""
    file = load.community_file
    if not file.exists():
        return {}
    found: dict[Path, Path] = {}
    for platform, community in _communities_in(connection, file):
        staged = staging / f"communities-{len(found):06d}.parquet"
        _copy_community(connection, file, staged, platform, community, order_by="observed_at")
        fsync_file(staged)
        partition = Partition(platform, community, load.manifest.last_day)
        found[_partition_file(home, load, _COMMUNITIES, partition)] = staged
    return found


@dataclass(frozen=True)
class _Looked:
    """What a promotion does to the record of what was looked at.

    Attributes:
        puts: prepared file by where it belongs.
        leaving: files of which nothing stays.
        is_changed: whether raw says something else than before.
        days: days that the load speaks of.
    """

    puts: dict[Path, Path]
    leaving: tuple[Path, ...]
    is_changed: bool
    days: tuple[date, ...]


def _stage_coverage(connection: duckdb.DuckDBPyConnection, home: Home, load: Load, staging: Path) -> _Looked:
    """What the load looked at, in one file for its entry; what an earlier load of its source said of those days goes.

    A live load only adds: what was looked at stays looked at.
    """
    manifest = load.manifest
    target = coverage_folder(home, manifest.platform, manifest.community) / f"{load.load_id}.parquet"
    staged = staging / "coverage.parquet"
    looks = coverage_of(load)
    coverage.write(staged, looks, source=manifest.source, load_id=load.load_id)
    fsync_file(staged)
    puts, leaving = {target: staged}, []
    for number, file in enumerate(_coverage_to_replace(target, manifest) if manifest.is_replayable else []):
        rest = _coverage_outside(connection, file, manifest.window, staging / f"coverage-{number:06d}.parquet")
        if rest is None:
            leaving.append(file)
        elif rest != file:
            puts[file] = rest
    is_same = len(puts) == 1 and not leaving and target.exists() and coverage.read(target) == coverage.in_order(looks)
    return _Looked(puts, tuple(leaving), not is_same, tuple(manifest.window.days()))


def _coverage_to_replace(target: Path, manifest: LoadManifest) -> list[Path]:
    """What other loads of the same source and entry said, if their names tell that their days meet the window."""
    return [
        file
        for file in sorted(target.parent.glob(f"{manifest.source}-*.parquet"))
        if file != target and _may_speak_of(file.stem, manifest.window)
    ]


def _may_speak_of(load_id: str, window: Window) -> bool:
    """Whether the days that a load's id names meet the window; also where it names none."""
    days = _DAYS_OF_LOAD.search(load_id)
    return days is None or (days[1] <= f"{window.last_day:%Y%m%d}" and f"{window.first_day:%Y%m%d}" <= days[2])


def _coverage_outside(connection: duckdb.DuckDBPyConnection, file: Path, window: Window, rest: Path) -> Path | None:
    """Write what a file says of days outside a window; the file itself if that is all, None if it is nothing."""
    condition = "not day between $first and $last"
    parameters = {"file": str(file), "first": window.first_day, "last": window.last_day}
    outside_n, rows_n = connection.execute(
        f"select count(*) filter (where {condition}), count(*) from read_parquet($file, hive_partitioning = false)",
        parameters,
    ).fetchall()[0]
    if outside_n == rows_n:
        return file
    if not outside_n:
        return None
    connection.execute(
        f"copy (select * from read_parquet($file, hive_partitioning = false) where {condition} "
        f"order by community, day, kind, looked_from nulls first) to {sql_text(rest)} (format parquet)",
        parameters,
    )
    fsync_file(rest)
    return rest


def coverage_folder(home: Home, platform: str, community: str) -> Path:
    """Where the loads of one entry say what they looked at; ``*`` for a wildcard's."""
    return home.raw / _COVERAGE / f"platform={path_value(platform)}" / f"community={path_value(community)}"


def _communities_in(connection: duckdb.DuckDBPyConnection, file: Path) -> list[tuple[str, str]]:
    return connection.execute(
        "select distinct platform, community from read_parquet(?, hive_partitioning = false) order by all", [str(file)]
    ).fetchall()


def _copy_community(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    target: Path,
    platform: str,
    community: str,
    *,
    order_by: str = "created_at, contribution_id, observed_at",
) -> None:
    connection.execute(
        "copy (select * from read_parquet($file, hive_partitioning = false) "
        "where platform = $platform and community = $community "
        f"order by {order_by}) to {sql_text(target)} (format parquet, compression zstd)",
        {"file": str(file), "platform": platform, "community": community},
    )


def _files_to_remove(home: Home, load: Load, record: str, arriving: Iterable[Path]) -> list[Path]:
    """What an earlier load of the same source left in the window, for the communities this load speaks for.

    A named entry speaks for its community; a wildcard for all that no other entry names. Rows that a live source
    observed stay: they cannot be asked for again.
    """
    staying = frozenset(arriving)
    return [
        file
        for day in load.manifest.window.days()
        for folder in _folders_spoken_for(home, load.manifest, record, day)
        for file in sorted(folder.glob(f"{load.manifest.source}-*.parquet"))
        if file not in staying
    ]


def _folders_spoken_for(home: Home, manifest: LoadManifest, record: str, day: date) -> Iterable[Path]:
    root = home.raw / record
    if manifest.community != WILDCARD:
        return [root / partition_path(manifest.platform, manifest.community, day)]
    named = {root / partition_path(manifest.platform, name, day) for name in manifest.named_elsewhere}
    platform_folder = root / f"platform={path_value(manifest.platform)}"
    return [folder for folder in sorted(platform_folder.glob(f"community=*/day={day}")) if folder not in named]


def _contribution_dates(files: Sequence[Path]) -> tuple[date, ...]:
    """Dates of creation in the files. Of one that cannot be read, and is on its way out: the day of its partition."""
    try:
        return _dates_in(files)
    except (OSError, pa.ArrowException):
        damaged = [file for file in files if parquet.fault_of(file, is_deep=True) is not None]
        if not damaged:
            raise
        days = {date.fromisoformat(file.parent.name.removeprefix("day=")) for file in damaged}
        return tuple(sorted(days.union(_dates_in([file for file in files if file not in damaged]))))


def _dates_in(files: Iterable[Path]) -> tuple[date, ...]:
    days: set[date] = set()
    for file in files:
        created_at = pq.ParquetFile(file).read(["created_at"])["created_at"]  # in UTC, like its days
        days.update(pc.unique(created_at.cast(pa.date32())).to_pylist())
    return tuple(sorted(days))


# ---- carrying out: every step can be repeated ------------------------------


def finish_all(home: Home) -> int:
    """Carry out what was written down, and drop what was not; only whoever holds the lock of raw may call this.

    Returns:
        How many changes a killed process had left half done.
    """
    finished = int(arriving.finish(home))
    for staging in sorted((home.raw / "_promotions").glob("*")):
        if (staging / JOURNAL).is_file() and _has_readable_journal(home, staging):
            _finish(home, staging)
            finished += 1
        else:
            shutil.rmtree(staging, ignore_errors=True)
    if finished:
        log.warning("raw: finished %d changes that an earlier run left half done", finished)
    return finished


def _has_readable_journal(home: Home, staging: Path) -> bool:
    """Whether it can be carried out; if not, whoever runs that day again promotes it anew, and everything is built."""
    try:
        read_json(staging / JOURNAL)
    except StorageError as error:
        log.warning("raw: the journal of %s cannot be read, so its day has to run again: %s", staging.name, error)
        require_everything(home, f"journal of {staging.name}")
        return False
    return True


def _finish(home: Home, staging: Path) -> None:
    """Carry out the journal if there is one, then remove the staging folder."""
    if (staging / JOURNAL).is_file():
        journal = read_json(staging / JOURNAL)
        if journal["load_id"] is not None:
            _note_what_came(home, journal)
        _carry_out(home, staging, journal)
        erasure.erase_landed(home, [home.raw / relative for relative in journal.get("tombstones", ())])
        (staging / JOURNAL).unlink()
    shutil.rmtree(staging, ignore_errors=True)


def _note_what_came(home: Home, journal: Mapping[str, Any]) -> None:
    prefix, suffix = f"{_CONTRIBUTIONS}/", f"/{journal['load_id']}.parquet"
    files = [relative for _, relative in journal["puts"] if relative.startswith(prefix) and relative.endswith(suffix)]
    _note_dates(home, journal["load_id"], journal["contribution_dates"], files)


def _note_dates(home: Home, load_id: str, days: Sequence[str], files: Sequence[str] = ()) -> None:
    """Note dates to build again, and files that came, beside what a note of the same load asks for already."""
    note = home.warehouse / "pending" / f"{load_id}.json"
    before = _dates_of_note(note) if note.exists() else ()
    dates = None if before is None else sorted({*days, *(day.isoformat() for day in before)})
    if note.is_dir():  # damage
        shutil.rmtree(note)
    came = sorted({*files, *_files_of_note(note)})
    write_json(note, {"load_id": load_id, "contribution_dates": dates, "files": came})


def _files_of_note(note: Path) -> list[str]:
    """Files of contributions that a note names, under raw; those of its load where it is of a version before."""
    try:
        content = read_json(note)
        named = content.get("files")
        return list(named) if named is not None else [f"{_CONTRIBUTIONS}/*/*/*/{content['load_id']}.parquet"]
    except (StorageError, KeyError, TypeError, AttributeError):
        return []


def _carry_out(home: Home, staging: Path, journal: dict[str, list[Any]]) -> None:
    changed: set[Path] = set()
    for name, relative in journal["puts"]:
        target = home.raw / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if (staging / name).exists():
            if target.is_dir():  # damage: a folder in place of the file
                shutil.rmtree(target)
            (staging / name).replace(target)
        changed.add(target.parent)
    for relative in journal["removes"]:
        if (home.raw / relative).is_dir():
            shutil.rmtree(home.raw / relative)
        (home.raw / relative).unlink(missing_ok=True)
        changed.add((home.raw / relative).parent)
    for folder in changed:
        if folder.is_dir():
            fsync_folder(folder)
            with contextlib.suppress(OSError):  # it is not empty, and stays
                folder.rmdir()
