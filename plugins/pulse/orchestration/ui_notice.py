"""What `pulse ui` says before it starts: what switching `community_daily` on would ask, of whom, and with what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pulse.core.text import printable
from pulse.platforms.entry import CommunityEntry
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES

DAILY = "community_daily"
_SHOWN_N = 12


@dataclass(frozen=True)
class Credentials:
    """What a live source would be asked with.

    Attributes:
        place: where they come from, in words; None if there are none.
        url: the server that is asked; empty if it is the platform's own.
        fault: why those that are there cannot be used; None if they can.
    """

    place: str | None
    url: str = ""
    fault: str | None = None


def lines(
    communities: Sequence[CommunityEntry], credentials: Mapping[str, Credentials], *, day: date, is_switched_on: bool
) -> list[str]:
    """The notice.

    Args:
        credentials: of each live source that is used and needs any, by name.
        day: the UTC day that the DAG would run at once, the last one that is over.
        is_switched_on: whether the DAG is not paused, so that all this happens without anybody doing anything.
    """
    live = [source for source in SOURCES.values() if source.is_live]
    from_files = [entry.entry_id for entry in communities if not SOURCES[entry.source].is_live]
    then = "and then each midnight UTC"
    said = [f"{DAILY} is paused and asks nobody. Switched on in the UI, it runs at once for {day} (UTC), {then}."]
    if is_switched_on:
        said = [f"{DAILY} is switched ON: it runs now for {day} (UTC), if it has not yet, {then}."]
    if from_files:
        said.append(f"  read from files: {_listed(from_files)}")
    asked = [(source, [entry.entry_id for entry in communities if entry.source == source.name]) for source in live]
    asked = [(source, entry_ids) for source, entry_ids in asked if entry_ids]
    if not asked:
        return [*said, f"  asked live: nobody; no entry has source {' or '.join(source.name for source in live)}"]
    for source, entry_ids in asked:
        said += _asked_live(source, entry_ids, credentials.get(source.name))
    return said


def _asked_live(source: Source, entry_ids: Sequence[str], credentials: Credentials | None) -> list[str]:
    kind = source.credentials
    if kind is None or credentials is None or (kind.is_optional and credentials.fault is None):
        return [f"  asked live, source {source.name}: {_listed(entry_ids)}"]
    said = [f"  asked live at {credentials.url or kind.own_url()}: {_listed(entry_ids)}"]
    if credentials.fault is not None:
        return [*said, f"  credentials that cannot be used, so these would fail: {credentials.fault}"]
    if credentials.place is not None:
        return [*said, f"  with credentials from {credentials.place}"]
    if kind.is_optional:
        return [*said, f"  without credentials: {kind.way_to_get}"]
    in_airflow = f'or add the connection {kind.connection_id()} in the UI (docs/operations.md, "Credentials");'
    return [
        *said,
        f"  WITHOUT CREDENTIALS, so these would fail: {_listed(entry_ids)}",
        f"  Next: set {kind.variable(kind.key_field)} and what goes with it before `pulse ui`, {in_airflow}",
        "  or try it without an account: `pulse sandbox serve` answers as Reddit does (docs/sandbox.md)",
    ]


def _listed(entry_ids: Sequence[str]) -> str:
    names = ", ".join(printable(entry_id, max_chars=80) for entry_id in entry_ids[:_SHOWN_N])
    more = f" and {len(entry_ids) - _SHOWN_N} more" if len(entry_ids) > _SHOWN_N else ""
    return f"{len(entry_ids)} {'entry' if len(entry_ids) == 1 else 'entries'}: {names}{more}"
