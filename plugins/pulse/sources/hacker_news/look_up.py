"""Whether items of Hacker News are still there: Firebase tells, one to a call."""

from collections.abc import Sequence

from pulse.sources.hacker_news.entry import HackerNewsPolicy
from pulse.sources.hacker_news.reading import SERVICE
from pulse.sources.live.http import Endpoint, JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, changed_form


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """Null for what is gone without a trace; ``deleted`` by its author, ``dead`` by others."""
    (known,) = batch
    item, seen_at = answer.document, answer.answered_at
    if item is None:
        return [LookedUp(known.contribution_id, "absent", seen_at)]
    if not isinstance(item, dict) or str(item.get("id")) != known.contribution_id:
        raise changed_form(SERVICE, expected="null, or the item that was asked for")
    if item.get("deleted") is True:
        return [LookedUp(known.contribution_id, "deleted_by_author", seen_at)]
    if item.get("dead") is True:
        return [LookedUp(known.contribution_id, "removed", seen_at)]
    return [LookedUp(known.contribution_id, "present", seen_at)]


QUESTIONS = Questions(
    ids_per_call=1,
    endpoint=lambda _, context: Endpoint(SERVICE, context.policy(HackerNewsPolicy).items_url),
    question=lambda _, batch: (f"/v0/item/{int(batch[0].contribution_id)}.json", {}),
    states=states,
)
