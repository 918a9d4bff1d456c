"""Whether things of Reddit are still there: a hundred to a call, by ``/api/info``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from pulse.core import memory_database
from pulse.platforms.reddit_notices import notice_sql
from pulse.sources.context import SourceContext
from pulse.sources.live.look_up import KnownId, LookedUp, LookUp, State, changed_form
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy

_IDS_PER_CALL = 100
_DELETED = "[deleted]"


class RedditLookUp:
    """Asks through Reddit's API; see :class:`pulse.sources.live.look_up.LookUp`."""

    ids_per_call = _IDS_PER_CALL
    needs_permalink = False

    def __init__(self, client: Any) -> None:
        self._client = client

    def group_of(self, known: KnownId) -> str:  # noqa: ARG002
        """Posts and comments may be asked for together."""
        return ""

    def ask(self, batch: Sequence[KnownId]) -> list[LookedUp]:
        """An answer for each; those that Reddit leaves out are absent."""
        ids = ",".join(known.contribution_id for known in batch)
        answer = self._client.get("/api/info", {"id": ids}, lambda content, at: states(content, at, batch))
        found: list[LookedUp] = answer.told
        return found


@contextmanager
def look_up(entry: RedditApiEntry, context: SourceContext, on_call: Callable[[], None]) -> Iterator[LookUp]:  # noqa: ARG001
    """Open it; see :mod:`pulse.sources.live.look_up`."""
    from pulse.sources.reddit.client import RedditClient  # PRAW comes with it
    from pulse.sources.reddit.credentials import RedditCredentials

    credentials, policy = context.credentials(RedditCredentials), context.policy(RedditApiPolicy)
    with closing(RedditClient(context.home, credentials, policy, on_call=on_call)) as client:
        yield RedditLookUp(client)


def states(content: object, seen_at: datetime, batch: Sequence[KnownId]) -> list[LookedUp]:
    """What ``/api/info`` says of each.

    Raises:
        SourceError: the answer has another form.
    """
    things = _things(content)
    notices = _notices([_text_of(thing) for thing in things])
    by_id: dict[str, LookedUp] = {}
    for thing, notice in zip(things, notices, strict=True):
        name = str(thing["name"])
        category = thing.get("removed_by_category")
        state: State = "present"
        if category == "deleted" or (category is None and notice == "by_author"):
            state = "deleted_by_author"
        elif category is not None or notice is not None:
            state = "removed"
        by_id[name] = LookedUp(name, state, seen_at, thing.get("author") == _DELETED)
    absent = [LookedUp(known.contribution_id, "absent", seen_at) for known in batch]
    return [by_id.get(one.contribution_id, one) for one in absent]


def _things(content: object) -> list[dict[str, Any]]:
    data = content.get("data") if isinstance(content, dict) and content.get("kind") == "Listing" else None
    children = data.get("children") if isinstance(data, dict) else None
    if not isinstance(children, list):
        raise changed_form("Reddit", expected="a listing")
    things = [child.get("data") if isinstance(child, dict) else None for child in children]
    good = [thing for thing in things if isinstance(thing, dict) and isinstance(thing.get("name"), str)]
    if len(good) < len(children):
        raise changed_form("Reddit", expected="things with a name")
    return good


def _text_of(thing: dict[str, Any]) -> str:
    text = thing.get("body") if thing["name"].startswith("t1_") else thing.get("selftext")
    return text if isinstance(text, str) else ""


def _notices(texts: Sequence[str]) -> list[str | None]:
    """Who took each text away, if what stands there is the platform's own notice."""
    if not texts:
        return []
    with memory_database.cursor() as connection:
        rows = connection.execute(
            f"select {notice_sql('text')} from (select unnest($texts) as text, unnest(range(len($texts))) as place) "
            "order by place",
            {"texts": list(texts)},
        ).fetchall()
    return [notice for (notice,) in rows]
