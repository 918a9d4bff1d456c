"""Which questions Arctic Shift is asked; what its records mean is Reddit's own mapping.

The archive notes each post and comment when it is written, and looks at it once more after 36 hours: until then counts
are placeholders, and deletions are not known. A search gives the things of a community between two times, 100 to 1,000
at once as it sees fit, without a cursor: a window is read from its end backwards, each question ending at the second
where the one before ended, until one brings nothing. (The other direction works as well, but what was read before calls
were spent would prove nothing.) It is at no question told whether bounds are inclusive, so one second more is asked
for on either side.

After the second look nothing changes any more, so nothing is looked at again.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from pulse.core.contract import Kind
from pulse.core.errors import CallsSpent, SourceError
from pulse.sources.lines.ndjson import number_in
from pulse.sources.live.extraction import Asking, Due, Members, Reached, back_from
from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.items import Understood
from pulse.sources.live.paging import Progress
from pulse.sources.live.refusals import wrong_shape
from pulse.sources.live.response_cache import SealedPage
from pulse.sources.reddit.arctic_shift_entry import ArcticShiftEntry
from pulse.sources.reddit.mapping import EARLIEST_S, LATEST_S

SERVICE = "Arctic Shift"
MOST_FOUND = 1_000
MOST_NAMED = 500
# "After roughly 36 hours, all data is updated": a little less, for what is a second look.
SETTLED_AFTER = timedelta(hours=35)
_THINGS = {"post": ("posts", "t3_"), "comment": ("comments", "t1_")}


class ArcticShiftReader:
    """Reads one entry; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: ArcticShiftEntry) -> None:
        self._entry = entry
        self._has_found = False

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All posts and comments of the window."""
        posts = self._search(asking, "post")
        try:
            comments = self._search(asking, "comment")
        except CallsSpent:
            comments = Reached(asking.window.end_at, "the calls of this run were spent")
        if not self._has_found:
            self._require_known(asking)
        return {"post": posts, "comment": comments}

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """By their ids, 500 to a call; those alone that the archive had not looked at again."""
        wanted = self._not_settled(asking, due)
        shown: set[str] = set()
        for name, prefix in _THINGS.values():
            ids = [one.removeprefix(prefix) for one in wanted if one.startswith(prefix)]
            for at in range(0, len(ids), MOST_NAMED):
                params = {"ids": ",".join(ids[at : at + MOST_NAMED])}
                page = asking.page(f"/api/{name}/ids", params, partial(_named, name=name, prefix=prefix))
                shown.update(page.ids)
        return len(wanted.keys() - shown)

    def members(self, asking: Asking) -> Members | None:  # noqa: ARG002
        """The archive updates what it says of communities now and then."""
        return None

    def _search(self, asking: Asking, kind: Kind) -> Reached:
        name, prefix = _THINGS[kind]
        start_s, end_s = int(asking.window.start_at.timestamp()), int(asking.window.end_at.timestamp())

        def ask(cursor: str | None, progress: Progress) -> SealedPage:
            before_s = end_s if cursor is None else int(cursor)
            params: dict[str, str | int] = {
                "subreddit": self._entry.name, "after": start_s - 1, "before": before_s, "sort": "desc",
                "limit": "auto",
            }  # fmt: skip
            parse = partial(_found, name=name, prefix=prefix, before_s=before_s, known=progress)
            page = asking.page(f"/api/{name}/search", params, parse)
            self._has_found = self._has_found or bool(page.ids)
            return page

        return back_from(asking, f"{SERVICE}'s {name}", ask, asking.window.start_at)

    def _require_known(self, asking: Asking) -> None:
        """Refuse a name that the archive has never heard: it answers with nothing, as for a quiet day."""

        def is_known(answer: JsonAnswer) -> dict[str, Any]:
            return {"is_known": bool(_data_in(answer, "subreddits"))}

        told = asking.document("/api/subreddits/search", {"subreddit": self._entry.name, "limit": 1}, is_known)
        if not told["is_known"]:
            raise SourceError(
                f"{SERVICE} at r/{self._entry.name}", value="no community of this name",
                next_step="check its name in the config; of a new one, wait some days",
            )  # fmt: skip

    def _not_settled(self, asking: Asking, due: Sequence[Due]) -> dict[str, Due]:
        """What was not seen as the archive's second look found it: it has no score then."""
        settled = asking.cache.connection.execute(
            "select contribution_id from known where score is not null"
        ).fetchall()
        done = {contribution_id for (contribution_id,) in settled}
        return {one.contribution_id: one for one in due if one.contribution_id not in done}


def _found(
    answer: JsonAnswer, *, name: str, prefix: str, before_s: int, known: Progress
) -> tuple[Understood, str | None]:
    found = _understood(_data_in(answer, name), prefix)
    after = None
    if found.oldest_s is not None:
        oldest_s = int(found.oldest_s)
        # The second at the border is asked for again, until it brings nothing; then what is older than it.
        after = str(oldest_s + 1) if oldest_s + 1 < before_s else str(oldest_s) if oldest_s < before_s else None
    new = [one for one in found.ids if one not in set(known.ids)]
    known.require_new(f"{SERVICE}'s {name}", new, after)
    return found, after


def _named(answer: JsonAnswer, *, name: str, prefix: str) -> tuple[Understood, str | None]:
    return _understood(_data_in(answer, name), prefix), None


def _understood(things: Sequence[Any], prefix: str) -> Understood:
    """Records as Reddit has them; their ids in full, as a listing knows them."""
    records = [thing if isinstance(thing, dict) else {"no_record": thing} for thing in things]
    ids = [
        f"{prefix}{told}" if isinstance(told := record.get("id"), str) and told else f"?{number}"
        for number, record in enumerate(records)
    ]
    told_s = (number_in(record.get("created_utc")) for record in records)
    times = [time for time in told_s if time is not None and EARLIEST_S <= time <= LATEST_S]
    return Understood(records, ids, min(times, default=None), max(times, default=None))


def _data_in(answer: JsonAnswer, name: str) -> list[Any]:
    document = answer.document
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list):
        raise wrong_shape(f"{SERVICE}'s {name}", expected="an object with `data`", service=SERVICE)
    return data
