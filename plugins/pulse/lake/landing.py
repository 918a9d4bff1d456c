"""Landing: a load on its way from a source to raw.

A load is what one run extracted for one entry of the config over one window of days. It becomes visible only when it
is sealed: a draft folder, flushed, is renamed to its final name, with the manifest inside. Gate 1 then decides; only
accepted rows go on to raw. Sealed loads stay for a while and can be replayed.
"""

import hashlib
import logging
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pulse.core import coverage
from pulse.core.contract import (
    COMMUNITY_COLUMNS,
    CONTRACT_VERSION,
    CommunityObservation,
)
from pulse.core.errors import StorageError
from pulse.core.files import fsync_file, fsync_folder, read_json, storage_error, write_json
from pulse.core.home import Home
from pulse.core.table import arrow_schema
from pulse.core.window import Window
from pulse.lake import forgotten

log = logging.getLogger(__name__)

MANIFEST = "load.json"
_LIVE = "_live"
# How the first word of a live load's id ends: a platform shows no state twice, so it cannot be had again. The second is
# that of sources whose own name says so.
LIVE_ENDINGS = (_LIVE, "_api")
COMMUNITIES_FILE = "communities.parquet"
BAD_LINES_COLUMNS = (
    "file VARCHAR, line_number BIGINT, fault VARCHAR, detail VARCHAR, line BLOB, community VARCHAR, day DATE"
)
_DAY_FILE = re.compile(r"day=(\d{4}-\d{2}-\d{2})\.parquet")


class FileAccount(BaseModel):
    """What became of each line of one file that a load was taken from; a live source's answers count as one file.

    Attributes:
        file: its path, made printable; what a live source calls its answers.
        content: tells one content of the file from another as far as its ``unplaced_n`` lines go, whatever the entry,
            the window and the path: they are booked once for each content.
        lines_n: lines read, blank ones included.
        landed_n: lines that are rows of the load.
        quarantined_n: unusable lines that tell a community and a day of the load: they are in ``bad_lines.parquet``.
        unplaced_n: unusable lines that do not tell whose, or of which day, they are.
        skipped: documented skips by reason: ``blank_line``, ``duplicate_record``, ``profile_community``.
        outside_n: lines of other communities or days, usable or not; for a live source also what it was shown again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    content: str
    lines_n: int
    landed_n: int
    quarantined_n: int
    unplaced_n: int
    skipped: dict[str, int] = {}
    outside_n: int

    @property
    def unaccounted_n(self) -> int:
        """Lines of which nobody knows what became, or that were counted twice."""
        known_n = self.landed_n + self.quarantined_n + self.unplaced_n + sum(self.skipped.values()) + self.outside_n
        return abs(self.lines_n - known_n)

    @property
    def unplaced_share(self) -> float:
        """Unplaced lines among those that are not blank; 0 without any."""
        return self.unplaced_n / max(self.lines_n - self.skipped.get("blank_line", 0), 1)


class UnplacedContent:
    """What :class:`FileAccount` calls the content: a digest of the booked lines and of what they stand in.

    Args:
        whole: tells one whole from another in which the same lines may stand: how many lines, or whose answers.
    """

    def __init__(self, whole: str) -> None:
        self._digest = hashlib.sha256(whole.encode())

    def add(self, line_number: int, fault: str, line: bytes) -> None:
        """Take the next unplaced line."""
        self._digest.update(f"|{line_number}|{fault}|{len(line)}|".encode() + line)

    @property
    def name(self) -> str:
        """The digest, safe in a file name."""
        return self._digest.hexdigest()[:20]


class LoadManifest(BaseModel):
    """What a sealed load holds and how it came about.

    Attributes:
        entry_id: ``platform/community`` of the config entry; the community is ``*`` for the wildcard.
        is_replayable: the source can give the same rows again, so the load replaces its days; else it adds to them.
        rows_by_day: contributions by raw partition day; days without rows are left out.
        earlier_rows_n: how many of the last day's rows are looks again at contributions from before the window.
        community_observations_n: observations of the community itself, in ``communities.parquet``; no file where 0.
        bad_lines_n: records of the load's community and days that could not be used, in ``bad_lines.parquet``.
        skipped: documented skips by reason (``duplicate_record``, ``profile_community``, ``not_returned``,
            ``not_speech``). Blank lines are nobody's: they stand in ``files``.
        files: where every line went, by file; empty for loads made before there were accounts.
        coverage_rows_n: rows of ``coverage.parquet``, which says what was looked at; None in loads that were sealed
            before there was such a file.
        kinds_read: the kinds that the source reads for this entry, whether or not it reached each day. Loads of before
            there were messages do not always say it.
        observes: the contract's observable columns that the source can see; all others are NULL in every row. None in
            loads from before sources said so.
        is_never_seen: nothing that the source holds bears the community's name.
        incomplete_days: days of the window that the source could not prove to have listed from end to end. Only loads
            without coverage say it so; see :func:`coverage_of`.
        counts_settle_after_s: how old a contribution must be for its counts to be seen, in seconds.
        is_relay: the source tells what it saw earlier, and when, instead of what is so now.
        partial_reason: why days are incomplete, in the source's words; None where it has nothing to add.
        api_calls_n: calls to the platform that this load took.
        unknown_keys: how often each field name occurred that neither the contract nor the source's list knows, among
            ``unknown_keys_sampled_n`` records looked at.
        named_elsewhere: communities that a wildcard load leaves to other entries of the config.
        waived_rules: gate 1 rules that somebody waived when releasing this load from quarantine.
        released_from: the quarantined load that this one was made from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    load_id: str
    platform: str
    entry_id: str
    community: str
    source: str
    is_replayable: bool
    first_day: date
    last_day: date
    rows_by_day: dict[date, int]
    earlier_rows_n: int = 0
    community_observations_n: int = 0
    bad_lines_n: int = 0
    skipped: dict[str, int] = {}
    coverage_rows_n: int | None = None
    kinds_read: tuple[str, ...] = ("post", "comment")
    observes: tuple[str, ...] | None = None
    counts_settle_after_s: int = 0
    is_relay: bool = False
    is_never_seen: bool = False
    files: tuple[FileAccount, ...] = ()
    incomplete_days: tuple[date, ...] = ()
    partial_reason: str | None = None
    api_calls_n: int = 0
    unknown_keys: dict[str, int] = {}
    unknown_keys_sampled_n: int = 0
    named_elsewhere: tuple[str, ...] = ()
    waived_rules: tuple[str, ...] = ()
    released_from: str | None = None
    contract_version: int = CONTRACT_VERSION
    sealed_at: AwareDatetime

    @property
    def window(self) -> Window:
        """The days the load speaks for."""
        return Window(self.first_day, self.last_day)

    @property
    def created_by_day(self) -> dict[date, int]:
        """Contributions by the day on which they were created; days without any are left out."""
        counts = Counter(self.rows_by_day)
        counts[self.last_day] -= self.earlier_rows_n
        return dict(+counts)

    @property
    def rows_n(self) -> int:
        """Contributions in the load."""
        return sum(self.rows_by_day.values())


@dataclass(frozen=True)
class Load:
    """A sealed load on disk."""

    folder: Path
    manifest: LoadManifest

    @property
    def load_id(self) -> str:
        """Its id, also its folder's name."""
        return self.manifest.load_id

    @property
    def bad_lines_file(self) -> Path:
        """Records that could not be read; always there, maybe without rows. Columns: ``BAD_LINES_COLUMNS``."""
        return self.folder / "bad_lines.parquet"

    def unplaced_file(self, account: FileAccount) -> Path:
        """Lines of a file that tell no community or no day; there only if there are any. Columns: at least
        ``BAD_LINES_COLUMNS``.
        """
        return self.folder / unplaced_name(account.content)

    @property
    def community_file(self) -> Path:
        """What the source saw of the community itself; there only if it saw anything. Columns: the contract's second
        record.
        """
        return self.folder / COMMUNITIES_FILE

    @property
    def coverage_file(self) -> Path:
        """What was looked at. Columns: the contract's third record. See :func:`coverage_of` for loads without one."""
        return self.folder / coverage.COVERAGE_FILE

    @property
    def accepted_folder(self) -> Path:
        """Where gate 1 puts the rows it accepts when it has to leave some out."""
        return self.folder / "accepted"

    def rows_files(self) -> dict[date, Path]:
        """Contract rows by raw partition day, as the source gave them."""
        return _day_files(self.folder / "rows")

    def accepted_files(self) -> dict[date, Path]:
        """Contract rows by day that gate 1 accepted; meaningful only after a passing verdict."""
        return _day_files(self.accepted_folder) if self.accepted_folder.is_dir() else self.rows_files()


def coverage_of(load: Load) -> list[coverage.Look]:
    """What was looked at, as the load says it.

    For one that was sealed before there was coverage, see :func:`pulse.lake.old_loads.looks_of_load`.
    """
    if load.coverage_file.is_file():
        return coverage.read(load.coverage_file)
    from pulse.lake import old_loads  # which knows loads

    return old_loads.looks_of_load(load)


def unproven_days(load: Load) -> set[date]:
    """Days of the load's window that were not read from end to end, of a kind that its source reads."""
    return unproven_days_by_community(load)[load.manifest.community]


def unproven_days_by_community(load: Load, communities: Iterable[str] = ()) -> dict[str, set[date]]:
    """The same for the load as a whole, under its own community's name, and for some communities of a wildcard's.

    A wildcard proves some communities by their own records, all others together; as a whole it proves days on which
    it does so for each.
    """
    manifest = load.manifest
    days = set(manifest.window.days())
    if manifest.is_never_seen:
        return {manifest.community: days}
    looks = coverage_of(load)
    own = {look.community for look in looks}
    proven = {name: coverage.whole_days(looks, community=name, kinds=manifest.kinds_read) for name in own}
    together = proven.get(manifest.community, set())
    each = own - {manifest.community}
    as_a_whole = together or (set.intersection(*(proven[name] for name in each)) if each else set())
    return {name: days - proven.get(name, together) for name in communities} | {manifest.community: days - as_a_whole}


def unplaced_name(content: str) -> str:
    """Name of the file in a load that holds the unplaced lines of an input of that content."""
    return f"unplaced-{content}.parquet"


def is_replayable(load_id: str) -> bool:
    """Whether a load's id is that of a source that gives the same rows again; for where no manifest is left."""
    return not load_id.partition("-")[0].endswith(LIVE_ENDINGS)


def source_of(load_id: str) -> str:
    """Name of the source that made the load; for where no manifest is left."""
    return load_id.partition("-")[0].removesuffix(_LIVE)


def load_id_for(source: str, entry_id: str, window: Window, *identity: str, is_replayable: bool) -> str:
    """A load id that is safe as a file name and tells a reader what it is.

    A file of raw is called after its load: what the id says of the source is known also where all else of it is lost.

    Args:
        identity: whatever decides the content (input fingerprints, versions); for a live source also the run.
        is_replayable: whether the source gives the same rows again. If not, the id's first word ends in one of
            :data:`LIVE_ENDINGS`.
    """
    digest = hashlib.sha256("\x00".join((source, entry_id, str(window), *identity)).encode()).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9]+", "-", entry_id.lower()).strip("-")[:40] or "x"
    first = source if is_replayable or source.endswith(LIVE_ENDINGS) else f"{source}{_LIVE}"
    return f"{first}-{slug}-{window.first_day:%Y%m%d}-{window.last_day:%Y%m%d}-{digest}"


def draft(home: Home, load_id: str) -> Path:
    """A fresh folder to write a load into; what a killed run left there is removed."""
    folder = home.landing / "loads" / f".draft-{load_id}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "rows").mkdir(parents=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder


def write_community_observations(folder: Path, observations: Sequence[CommunityObservation]) -> int:
    """Write what was seen of the community itself into a draft; without any, no file is made.

    Args:
        folder: the draft, see :func:`draft`.

    Returns:
        How many: what the manifest's ``community_observations_n`` must say.

    Raises:
        StorageError: the draft cannot be written.
    """
    if not observations:
        return 0
    file = folder / COMMUNITIES_FILE
    ordered = sorted(observations, key=lambda one: (one.platform, one.community, one.observed_at))
    try:
        content = pa.Table.from_pylist([asdict(one) for one in ordered], schema=arrow_schema(COMMUNITY_COLUMNS))
        pq.write_table(content, file)
    except OSError as error:
        raise storage_error(file, error) from error
    return len(observations)


def seal(home: Home, folder: Path, manifest: LoadManifest) -> Load:
    """Flush the draft and rename it to its final name; an older load of the same id is replaced.

    Before that it loses what persons wrote who asked to be forgotten (:mod:`pulse.lake.forgotten`).
    """
    final = _folder(home, manifest.load_id)
    forgotten.hold(home, [folder])
    try:
        write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
        for file in folder.rglob("*.parquet"):
            fsync_file(file)
        fsync_folder(folder / "rows")
        fsync_folder(folder)
        shutil.rmtree(final, ignore_errors=True)
        folder.rename(final)
        fsync_folder(final.parent)
    except OSError as error:
        raise storage_error(final, error) from error
    return Load(final, manifest)


def find(home: Home, load_id: str) -> Load | None:
    """The sealed load of that id in landing, if there is one."""
    folder = _folder(home, load_id)
    return open_load(folder) if (folder / MANIFEST).is_file() else None


def require(home: Home, load_id: str) -> Load:
    """The same, but its absence is an error.

    Raises:
        StorageError: no such sealed load.
    """
    load = find(home, load_id)
    if load is None:
        raise StorageError(f"load {load_id}", value="not in landing", next_step="run the extraction of that day again")
    return load


def sealed_loads(home: Home) -> Iterator[Load]:
    """The sealed loads in landing, by id. One whose manifest cannot be read is left out, with a warning."""
    for folder in sorted((home.landing / "loads").glob("[!.]*")):
        try:
            yield open_load(folder)
        except StorageError as error:
            log.warning("landing: %s", error)


def open_load(folder: Path) -> Load:
    """Read a sealed load wherever it lies (landing or quarantine).

    Raises:
        StorageError: there is no readable manifest.
    """
    content = read_json(folder / MANIFEST)
    try:
        return Load(folder, LoadManifest.model_validate(content))
    except ValidationError as error:
        raise StorageError(
            f"manifest of {folder}", value=str(error.errors()[0]["msg"]), next_step="extract that day again"
        ) from error


def _folder(home: Home, load_id: str) -> Path:
    return home.landing / "loads" / load_id


def _day_files(folder: Path) -> dict[date, Path]:
    found = {}
    for path in sorted(folder.glob("day=*.parquet")):
        match = _DAY_FILE.fullmatch(path.name)
        if match:
            found[date.fromisoformat(match[1])] = path
    return found
