"""Files that are not as they were written, what can be done about each, and setting aside what cannot be made again.

What can be made again heals by itself: scores by the next score step, the working file by the next build, raw from
landing by the next run or `pulse rebuild`, raw of an archive by running its day again, what is published by the next
publish. What cannot is named here, and goes on being named until somebody restores it or sets it aside.

A file that is set aside is moved to ``PULSE_HOME/damaged`` with a note beside it; what it held is unknown from then on,
never zero: its outcomes say so, its coverage goes, its dates are built again, its frozen version keeps its number.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pulse.config.lake import on_lake
from pulse.core import locks, memory_database, parquet
from pulse.core.clock import Clock
from pulse.core.errors import ConfigError, StorageError
from pulse.core.files import read_json, sql_text, storage_error, write_json
from pulse.core.home import Home, path_value
from pulse.core.locks import KPI_LOCK, WAREHOUSE_LOCK, exclusive
from pulse.lake import compacted, kpi_store, landing, outcomes, quality, raw
from pulse.listening import store as mentions
from pulse.texts import store as scores
from pulse.warehouse import builds

log = logging.getLogger(__name__)

_NOTE = ".set-aside.json"
_RECORDS = {
    "contributions": "all that load {load} brought of {community} on {day}: unknown until loaded again",
    "communities": "how many members and active accounts load {load} saw of {community} on {day}",
    "coverage": "what load {load} looked at in {community}: those days are unknown until they are loaded again",
    "tombstones": "what load {load} saw taken back in {community}: an archive that is loaded later may bring it back",
    "business_results": "the results that the file {load} brought",
}
_TABLES = {
    quality.LOAD_OUTCOMES: "what became of the communities' days in that run: they count as not tried",
    quality.GATE_RESULTS: "what the rules of that gate found; no figure depends on it",
    quality.QUARANTINED_ROWS: "which records that load was rid of; the records themselves are in quarantine",
    kpi_store.KPI_MONTHLY: "the figures of that version of the month, for good; its number is never given again",
    kpi_store.KPI_RESTATEMENTS: "what that version of the month changed, and why; its figures are another file",
}


@dataclass(frozen=True)
class Damage:
    """One damaged file.

    Attributes:
        fault: what is wrong with it, in one line.
        way_back: which command heals it, or goes on without it.
        loss: what is lost by setting it aside; None where it is made again and there is nothing to set aside.
    """

    file: Path
    fault: str
    way_back: str
    loss: str | None


@dataclass(frozen=True)
class SetAside:
    """A file that was set aside: where it lay, and where it was moved to and lies until it is pruned."""

    file: Path
    moved_to: Path
    fault: str
    loss: str
    set_aside_at: str


def find(home: Home, *, is_deep: bool = False) -> list[Damage]:
    """Every damaged file of raw, scores, listening, quality, kpi, warehouse and published; changes nothing.

    Args:
        is_deep: read every value of all of them. Otherwise only what is quick to look at: databases and their states,
            pending notes, frozen months, outcomes and results of gates.
    """
    found = [*_in_warehouse(home, is_deep=is_deep), *_in_kpi(home), *_in_quality(home, is_deep=is_deep)]
    if is_deep:
        found += [_of_parquet(home, file) for file in raw.damaged_files(home, is_deep=True)]
        found += [_of_parquet(home, file) for file in scores.damaged_files(home, is_deep=True)]
        found += [_of_parquet(home, file) for file in mentions.damaged_files(home, is_deep=True)]
    return found


@on_lake
def require(home: Home, given: Path) -> Damage:
    """The damage of one file.

    Args:
        given: absolute, relative to the working directory, or to the home.

    Raises:
        ConfigError: there is no such file in the home, it is not damaged, or is of a kind that heals by itself.
    """
    file = _within(home, given)
    lost = [one for one in kpi_store.lost_versions(home) if one.file == file and not one.is_set_aside]
    if lost:
        return _of_lost(home, lost[0])
    found = next((damage for damage in _in_warehouse(home, is_deep=True) if damage.file == file), None)
    is_there = file.exists() or compacted.is_damaged(file)
    if found is None and file.suffix == ".parquet" and is_there and parquet.fault_of(file, is_deep=True):
        found = _of_parquet(home, file)
    if found is None:
        raise ConfigError(
            "file to set aside", value=file, limit="a damaged file", next_step="`pulse doctor --deep` names them"
        )
    if found.loss is None:
        raise ConfigError(
            "file to set aside", value=file, limit="a file that cannot be made again", next_step=found.way_back
        )
    return found


@on_lake
def set_aside(home: Home, damage: Damage, *, clock: Clock) -> SetAside:
    """Move a damaged file away and note that what it held is unknown.

    Can be repeated after a kill: the file goes last.

    Raises:
        LockBusy: another process writes there.
        StorageError: disk full or not writable; the file is where it was.
    """
    relative = damage.file.relative_to(home.root)
    target = home.root / "damaged" / relative
    while target.exists() or _note_of(target).exists():
        target = target.with_name(f"{target.name}.again")
    at = clock().astimezone(UTC)
    lock = KPI_LOCK if relative.parts[0] == "kpi" else WAREHOUSE_LOCK
    done = SetAside(damage.file, target, damage.fault, damage.loss or "", at.isoformat(timespec="seconds"))
    with exclusive(home, lock):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            (home.root / "damaged").chmod(0o700)
            _forget_what_it_held(home, damage, clock=clock)
            if damage.file.exists():
                damage.file.rename(target)
            if compacted.is_compacted(damage.file):
                damage.file.with_name(compacted.CONTENTS_FILE).unlink(missing_ok=True)
            write_json(_note_of(target), {name: str(value) for name, value in vars(done).items()})
        except OSError as error:
            raise storage_error(damage.file, error) from error
    log.warning("set aside: %s, now %s; lost: %s", damage.file, target, damage.loss)
    return done


def set_aside_before(home: Home) -> list[SetAside]:
    """What was set aside, oldest first."""
    found = []
    for note in (home.root / "damaged").rglob(f"*{_NOTE}"):
        try:
            facts: Mapping[str, Any] = read_json(note)
            found.append(
                SetAside(
                    Path(facts["file"]), Path(facts["moved_to"]), facts["fault"], facts["loss"], facts["set_aside_at"]
                )
            )
        except (StorageError, KeyError, TypeError):
            log.warning("set aside: %s cannot be read", note)
    return sorted(found, key=lambda one: (one.set_aside_at, one.file))


# ---- finding -----------------------------------------------------------------


def _in_warehouse(home: Home, *, is_deep: bool) -> Iterator[Damage]:
    """The databases and what is known of them; all of it is made again."""
    is_being_written = locks.holder_pid(home, WAREHOUSE_LOCK) is not None
    working, published = builds.working_file(home), builds.published_file(home)
    if working.exists() and not is_being_written and (fault := builds.fault_of(working, is_deep=is_deep)):
        yield Damage(
            working, fault, "nothing: the next run or `pulse rebuild` restores it from what is published", None
        )
    if published.exists() and (fault := builds.fault_of(published, is_deep=is_deep)):
        yield Damage(published, fault, "`pulse rebuild` publishes again", None)
    if is_deep:
        states = sorted((home.published / "states").glob("*.duckdb"))
        for file in states:
            same = published.is_file() and file.is_file() and file.samefile(published)
            if not same and (fault := builds.fault_of(file, is_deep=True)):
                yield Damage(file, fault, "nothing: it is an earlier state, and goes with the next publishes", None)
    notes = sorted((home.warehouse / "pending").glob("*.json"))
    for file in (home.published / "state.json", home.warehouse / "state.json", *notes):
        if file.exists() and (fault := _fault_of_json(file)):
            yield Damage(
                file, fault, "nothing: the next run or `pulse rebuild` builds everything, and writes it again", None
            )


def _fault_of_json(file: Path) -> str | None:
    try:
        content = read_json(file)
    except StorageError as error:
        return f"cannot be read: {error.value}"
    return None if isinstance(content, dict) else "cannot be read: no JSON object"


def _in_kpi(home: Home) -> Iterator[Damage]:
    for table in kpi_store.TABLES:
        empty = home.kpi / table / "_empty.parquet"
        if empty.exists() and (fault := parquet.fault_of(empty, is_deep=True)):
            yield Damage(empty, fault, "nothing: `pulse sql` or the next run writes it again", None)
    for lost in kpi_store.lost_versions(home):
        if not lost.is_set_aside:
            yield _of_lost(home, lost)


def _of_lost(home: Home, lost: kpi_store.LostVersion) -> Damage:
    way_back = f"restore it from its backup; without one, {_command(home, lost.file)} says what is lost"
    return Damage(
        lost.file, lost.reason, way_back, f"month {lost.month}, version {lost.version}: {_TABLES[lost.table]}"
    )


def _in_quality(home: Home, *, is_deep: bool) -> Iterator[Damage]:
    for table in quality.TABLES:
        for file in quality.damaged_files(home, table, is_deep=is_deep):
            yield _of_parquet(home, file)


def _of_parquet(home: Home, file: Path) -> Damage:
    folder, *parts = file.relative_to(home.root).parts
    fault = parquet.fault_of(file, is_deep=True) or "was damaged a moment ago"
    if file.name.startswith("_empty"):
        return Damage(
            file, fault, "nothing: it holds no rows, and the next run or `pulse rebuild` writes it again", None
        )
    if folder == "scores":
        return Damage(file, fault, "nothing: the next run or `pulse rebuild` judges its texts again", None)
    if folder == "listening":
        return Damage(file, fault, "nothing: the next run or `pulse rebuild` finds its mentions again", None)
    if folder == "raw" and compacted.is_compacted(file):
        return Damage(file, fault, raw.way_back(home, file), _loss_of_compacted(file, parts[0]))
    if folder == "raw":
        facts = {"load": unquote(file.stem), "community": _community_of(file), "day": _day_of(file) or "its day"}
        return Damage(file, fault, raw.way_back(home, file), _RECORDS[parts[0]].format(**facts))
    way_back = f"restore it from its backup; without one, {_command(home, file)} says what is lost"
    return Damage(file, fault, way_back, f"{file.stem}: {_TABLES[parts[0]]}")


def _loss_of_compacted(file: Path, record: str) -> str:
    period, held = file.parent.name.partition("=")[2], compacted.contents(file)
    if held is None:
        return f"all that {record} of every community hold of {period}: unknown until loaded again"
    loads_n, communities_n = len({one.load_id for one in held}), len({one.community for one in held})
    return (
        f"what {loads_n} loads brought to the {record} of {communities_n} communities on {period}, "
        f"{sum(one.rows_n for one in held)} rows: unknown until loaded again"
    )


def _command(home: Home, file: Path) -> str:
    return f"`pulse set-aside {file.relative_to(home.root)}`"


def _within(home: Home, given: Path) -> Path:
    """The file that was meant, if it lies in the home."""
    root = home.root.resolve()
    for file in (given.absolute(), home.root / given):
        # The file itself is not resolved: it may be a link that leads elsewhere.
        place = file.parent.resolve() / file.name
        if place.is_relative_to(root) and (place.exists() or place.parent.is_dir()):
            return home.root / place.relative_to(root)
    raise ConfigError(
        "file to set aside",
        value=given,
        limit=f"a file under {home.root}",
        next_step="`pulse doctor --deep` names them",
    )


# ---- setting aside -----------------------------------------------------------


def _forget_what_it_held(home: Home, damage: Damage, *, clock: Clock) -> None:
    folder, *parts = damage.file.relative_to(home.root).parts
    if folder == "kpi":
        kpi_store.mark_lost(damage.file, damage.fault)
        return
    day = _day_of(damage.file)
    if folder == "raw" and parts[0] == "contributions" and day is not None:
        if compacted.is_compacted(damage.file):
            _forget_compacted(home, damage, day, clock=clock)
        else:
            _forget_coverage(home, damage.file, day)
            _say_in_outcomes(home, damage, day, damage.file, clock=clock)
    if folder == "raw" or parts[0] == quality.LOAD_OUTCOMES:
        raw.require_everything(home, f"without {damage.file.relative_to(home.root)}")


def _forget_compacted(home: Home, damage: Damage, day: date, *, clock: Clock) -> None:
    """The same as for a small file, of each load and community that the compacted file held."""
    held = compacted.contents(damage.file) or ()
    raw.take_out_coverage(home, damage.file.parents[2].name, {one.load_id for one in held})
    for one in held:
        small = compacted.small_file(compacted.CONTRIBUTIONS, damage.file, one)
        _forget_coverage(home, small, day)
        _say_in_outcomes(home, damage, day, small, clock=clock)


def _forget_coverage(home: Home, file: Path, day: date) -> None:
    """Take the lost day, and what else the lost rows were the proof of, out of the coverage of that load.

    A live load keeps rows that were created before its window in the file of its last day: what it looked at on earlier
    days, as far as those have no file of their own, is lost with it.
    """
    of_community = file.parent.parent
    compacted_days = [
        _day_of(other)
        for other in sorted((of_community.parent / compacted.FOLDER).glob("day=*/*.parquet"))
        for held in compacted.contents(other) or ()
        if held.load_id == file.stem and f"community={path_value(held.community)}" == of_community.name
    ]
    coverage = home.raw / "coverage" / of_community.relative_to(home.raw / "contributions") / file.name
    if not coverage.is_file() or parquet.fault_of(coverage, is_deep=True):
        return
    small_days = [_day_of(other) for other in of_community.glob(f"day=*/{file.name}")]
    others = [other for other in (*small_days, *compacted_days) if other != day]
    is_live = not raw.is_replayable(file.stem)
    with memory_database.cursor() as connection:
        rows = f"read_parquet({sql_text(coverage)}, hive_partitioning = false)"
        lost = f"day = date '{day}'"
        if is_live:
            kept = "".join(f" and day <> date '{other}'" for other in others if other is not None)
            lost = f"({lost} or (day < date '{day}'{kept}))"
        parquet.write_query(connection, f"from {rows} where not {lost}", coverage)


def _say_in_outcomes(home: Home, damage: Damage, day: date, file: Path, *, clock: Clock) -> None:
    """Record the day of the lost file as failed, in the words of whoever recorded it before.

    Args:
        file: the small file that was lost, or that the rows would be which were lost with a compacted one.
    """
    load_id, community = file.stem, _community_of(file)
    segment = file.parent.parent.name.removeprefix("community=")
    rows = [row for row in _recorded(home, load_id, day) if path_value(row["community"]) == segment]
    platform = unquote(file.parent.parent.parent.name.removeprefix("platform="))
    if not rows:
        of_entry = {"entry_id": f"{platform}/{community}", "source": landing.source_of(load_id)}
        rows = [{"load_id": load_id, "platform": platform, "community": community, "day": day, **of_entry}]
    facts = {
        "run_id": f"set-aside__{clock().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}",
        "outcome": "failed",
        "contributions_n": 0,
        "quarantined_rows_n": 0,
        "skipped_n": 0,
        "api_calls_n": 0,
        "reason": f"what was loaded was damaged and set aside: {damage.fault}",
        "recorded_at": clock(),
    }
    quality.ensure_tables(home)
    outcomes.record(home, [{**row, **facts} for row in rows], stem=f"set-aside-{load_id}-{community}-{day}")


def _recorded(home: Home, load_id: str, day: date) -> list[dict[str, Any]]:
    """Whose day was recorded of that load: entry, platform, community, source."""
    names = ("load_id", "platform", "entry_id", "community", "source", "day")

    def read(files: Sequence[Path]) -> list[dict[str, Any]]:
        if not files:
            return []
        with memory_database.cursor() as connection:
            rows = connection.execute(
                f"select distinct {', '.join(names)} from read_parquet($files, hive_partitioning = false) "
                "where load_id = $load_id and day = $day order by all",
                {"files": list(map(str, files)), "load_id": load_id, "day": day},
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    return parquet.read_what_can_be(quality.files(home, quality.LOAD_OUTCOMES), read)


def _community_of(file: Path) -> str:
    """The community of a raw file, from its folder; a hash where the name is too long for one."""
    for part in file.parts:
        if part == compacted.FOLDER:
            break
        if part.startswith("community="):
            return unquote(part.removeprefix("community="))
    return "every community"


def _day_of(file: Path) -> date | None:
    name = file.parent.name
    return date.fromisoformat(name.removeprefix("day=")) if name.startswith("day=") else None


def _note_of(moved_to: Path) -> Path:
    return moved_to.with_name(f"{moved_to.name}{_NOTE}")
