"""What `pulse ui` says before it starts: what switching `community_daily` on would ask, of whom, and with what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pulse.core.text import printable
from pulse.platforms.entry import CommunityEntry
from pulse.sources.reddit.credentials import REDDIT_URL, connection_id

DAILY = "community_daily"
_LIVE = "reddit_api"
_SHOWN_N = 12


@dataclass(frozen=True)
class Credentials:
    """What a live source would be asked with.

    Attributes:
        place: where they come from, in words; None if there are none.
        url: the server that is asked.
        fault: why those that are there cannot be used; None if they can.
    """

    place: str | None
    url: str = REDDIT_URL
    fault: str | None = None


def lines(
    communities: Sequence[CommunityEntry], credentials: Credentials, *, day: date, is_switched_on: bool
) -> list[str]:
    """The notice.

    Args:
        day: the UTC day that the DAG would run at once, the last one that is over.
        is_switched_on: whether the DAG is not paused, so that all this happens without anybody doing anything.
    """
    live = [entry.entry_id for entry in communities if entry.source == _LIVE]
    from_files = [entry.entry_id for entry in communities if entry.source != _LIVE]
    then = "and then each midnight UTC"
    said = [f"{DAILY} is paused and asks nobody. Switched on in the UI, it runs at once for {day} (UTC), {then}."]
    if is_switched_on:
        said = [f"{DAILY} is switched ON: it runs now for {day} (UTC), if it has not yet, {then}."]
    if from_files:
        said.append(f"  read from files: {_listed(from_files)}")
    if not live:
        return [*said, "  asked live: nobody; no entry has source reddit_api"]
    said.append(f"  asked live at {credentials.url}: {_listed(live)}")
    if credentials.fault is not None:
        said.append(f"  credentials that cannot be used, so these would fail: {credentials.fault}")
    elif credentials.place is not None:
        said.append(f"  with credentials from {credentials.place}")
    else:
        in_airflow = f'or add the connection {connection_id()} in the UI (docs/operations.md, "Credentials");'
        said.append(f"  WITHOUT CREDENTIALS, so these would fail: {_listed(live)}")
        said.append(f"  Next: set PULSE_REDDIT_CLIENT_ID and what goes with it before `pulse ui`, {in_airflow}")
        said.append("  or try it without an account: `pulse sandbox serve` answers as Reddit does (docs/sandbox.md)")
    return said


def _listed(entry_ids: Sequence[str]) -> str:
    names = ", ".join(printable(entry_id, max_chars=80) for entry_id in entry_ids[:_SHOWN_N])
    more = f" and {len(entry_ids) - _SHOWN_N} more" if len(entry_ids) > _SHOWN_N else ""
    return f"{len(entry_ids)} {'entry' if len(entry_ids) == 1 else 'entries'}: {names}{more}"
