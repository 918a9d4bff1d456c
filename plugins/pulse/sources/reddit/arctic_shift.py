"""Source ``arctic_shift``: Reddit's past and present from an archive that answers without a key."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint, says_429
from pulse.sources.live.look_up import LookUp, open_look_up
from pulse.sources.live.run_plan import Costs
from pulse.sources.reddit.arctic_shift_entry import SOURCE, ArcticShiftEntry, ArcticShiftPolicy
from pulse.sources.reddit.arctic_shift_reading import MOST_FOUND, MOST_NAMED, SERVICE, SETTLED_AFTER, ArcticShiftReader
from pulse.sources.reddit.entry import UNOBSERVABLE
from pulse.sources.reddit.mapping import MAPPING_VERSION, RedditMapping

_REFUSED_QUESTIONS = frozenset({400, 422})
_BUSY = ("slow down", "timed out", "timeout")


def asks_to_wait(status: int, document: object) -> bool:
    """Whether the archive is busy: it says so in a sentence, in JSON or as text, with whatever status."""
    if says_429(status, document) or (status in _REFUSED_QUESTIONS and document is None):
        return True
    told = document.get("error") if isinstance(document, dict) else document
    return isinstance(told, str) and any(word in told.lower() for word in _BUSY)


def _mapping(entry: ArcticShiftEntry, context: SourceContext) -> RedditMapping:
    return RedditMapping(
        source=SOURCE,
        author_key=context.author_key,
        is_encoded=True,
        with_extra=entry.extra_fields,
        unobservable=UNOBSERVABLE,
        counts_settle_after_s=int(SETTLED_AFTER.total_seconds()),
    )


ARCTIC_SHIFT = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=ArcticShiftEntry,
    policy=ArcticShiftPolicy,
    mapping_version=MAPPING_VERSION,
    # Posts and comments each end with two questions that bring nothing new.
    costs=Costs(fixed_n=4, page_items=MOST_FOUND, again_items=MOST_NAMED, listings_n=2),
    endpoint=lambda _, context: Endpoint(
        SERVICE, context.policy(ArcticShiftPolicy).url, is_rate_limit=asks_to_wait, default_wait_s=10.0
    ),
    reader=ArcticShiftReader,
    question=lambda entry: ("/api/posts/search", {"subreddit": entry.name, "limit": 1}),
    mapping=_mapping,
    counts_settle_after=SETTLED_AFTER,
    is_relay=True,
)

# What the protocol asks of a source's module.
extract = ARCTIC_SHIFT.extract
describe_plan = ARCTIC_SHIFT.describe_plan
probe = ARCTIC_SHIFT.probe


def look_up(
    entry: ArcticShiftEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.reddit.arctic_shift_look_up import QUESTIONS  # which knows this module

    return open_look_up(ARCTIC_SHIFT, QUESTIONS, entry, context, on_call)
