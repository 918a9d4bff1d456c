"""What parsed archives tell of a config: names that match nothing, days that a line of `covers` may be missing for."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path

from pulse.core.errors import SourceError
from pulse.core.text import printable
from pulse.lake.spans import DAY_MIN, Stretch, minute_of
from pulse.sources.context import SourceContext
from pulse.sources.lines.archive import EntryArchive, entries_of
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.staging import StagedArchive, source_of, staged

# Files as their entries read them; None where one was not read yet.
Parsed = dict[tuple[Path, Hashable], StagedArchive | None]
# A file that ends so many days before the month does was most likely meant to hold the month.
_SHORTLY_DAYS = 5


@dataclass(frozen=True)
class Remark:
    """One thing to look at.

    Attributes:
        is_never_seen: nothing bears the entry's name; else it is a proposal.
    """

    entry_id: str
    is_never_seen: bool
    found: str
    next_step: str


def review(context: SourceContext) -> list[Remark]:
    """Remarks on entries whose files were all parsed before; others say nothing yet. Reads no archive."""
    remarks = []
    parsed: Parsed = {}
    for entry in context.entries:
        if not isinstance(entry, FileEntry):
            continue
        archive = _parsed(entry, context, parsed)
        if archive is None:
            continue
        if archive.is_never_seen:
            remarks.append(_never_seen(archive))
        elif not archive.speaks_for_parts:  # such files say themselves where they end
            remarks += _proposals(archive, context.clock().date())
    return remarks


def _parsed(entry: FileEntry, context: SourceContext, parsed: Parsed) -> EntryArchive | None:
    """The entry's archives if all were parsed; ``parsed`` remembers those that were looked for."""
    reading = entry.reading
    for path in entry.path:
        if (path, reading) not in parsed:
            try:
                parsed[path, reading] = staged(path, entries_of(path, entry, context.entries), context)
            except SourceError:  # a file that is gone; the run itself says so
                parsed[path, reading] = None
    found = tuple(file for path in entry.path if (file := parsed[path, reading]) is not None)
    return EntryArchive(entry, found, source_of(entry)) if found and len(found) == len(entry.path) else None


def _never_seen(archive: EntryArchive) -> Remark:
    entry = archive.entry
    held = sorted({name for file in archive.files for name in file.coverage.communities})
    close = get_close_matches(entry.community.removeprefix("r/"), held, n=1, cutoff=0.75)
    hint = f"; did you mean {printable(close[0], max_chars=100)}?" if close else ""
    return Remark(
        entry.entry_id,
        is_never_seen=True,
        found=f"no file of it holds a community of that name: never seen, so nothing is known{hint}",
        next_step="check the spelling of `name`; without prefix, as the platform writes it",
    )


def _proposals(archive: EntryArchive, today: date) -> Iterator[Remark]:
    """A line of `covers` for each kind that ends shortly before its month, or begins shortly after it began."""
    entry = archive.entry
    for kind in archive.kinds:
        stretches = [stretch for file in archive.files for stretch in file.coverage.of(kind, entry.community)]
        if not stretches:
            continue
        first, last = _day_of(min(stretches).first_min), _day_of(max(one.end_min for one in stretches) - 1)
        month_start, month_end = first.replace(day=1), _month_end(last)
        open_days = [day for day in (month_start, month_end) if not _is_known(archive, stretches, kind, day)]
        is_short = (month_end - last).days <= _SHORTLY_DAYS and (first - month_start).days <= _SHORTLY_DAYS
        if open_days and is_short and month_end < today:
            yield Remark(
                entry.entry_id,
                is_never_seen=False,
                found=f"its {kind}s end at {last}, shortly before the end of the month"
                if month_end in open_days
                else f"its {kind}s begin at {first}, shortly after the beginning of the month",
                next_step=f"if the files hold all of it, say so: covers: {{from: {month_start}, to: {month_end}, "
                f"kinds: [{kind}]}}",
            )


def _is_known(archive: EntryArchive, stretches: list[Stretch], kind: str, day: date) -> bool:
    declared = any(
        one.first_day <= day <= one.last_day and kind in (one.kinds or archive.kinds) for one in archive.entry.covers
    )
    return declared or any(stretch.covers_day(minute_of(day)) for stretch in stretches)


def _day_of(minute: int) -> date:
    return date(1970, 1, 1) + timedelta(days=minute // DAY_MIN)


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
