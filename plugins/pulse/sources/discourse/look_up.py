"""Whether posts of a forum are still there: one to a call, by its number in its topic."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pulse.sources.context import SourceContext
from pulse.sources.discourse.reading import SERVICE, endpoint_of
from pulse.sources.live.http import Endpoint, JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, changed_form
from pulse.sources.live.question import Params

# The forum's own words for what is gone, and for a topic that moved to where we may not look; a forum that shows
# nothing to guests any more says `not_logged_in`, which is no word about a post.
_NOT_SHOWN = frozenset({"not_found", "invalid_access"})


def is_absent(status: int, document: object) -> bool:
    """Whether a refusal says that the post is not there for us."""
    return status in {403, 404, 410} and isinstance(document, dict) and document.get("error_type") in _NOT_SHOWN


def _endpoint(entry: Any, context: SourceContext) -> Endpoint:
    return replace(endpoint_of(entry, context), answer_statuses=frozenset(), is_absent=is_absent)


def _question(_: Any, batch: Sequence[KnownId]) -> tuple[str, Params]:
    (known,) = batch
    topic, _, number = known.contribution_id.partition("/")
    return f"/posts/by_number/{int(topic)}/{int(number)}.json", {}


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """An author's own deletion leaves a notice for a day; hidden posts are kept from everybody."""
    (known,) = batch
    post, seen_at = answer.document, answer.answered_at
    if post is None:
        return [LookedUp(known.contribution_id, "absent", seen_at)]
    if not isinstance(post, dict) or f"{post.get('topic_id')}/{post.get('post_number')}" != known.contribution_id:
        raise changed_form(SERVICE, expected="the post that was asked for")
    if post.get("user_deleted") is True:
        return [LookedUp(known.contribution_id, "deleted_by_author", seen_at)]
    if post.get("deleted_at") is not None or post.get("hidden") is True:
        return [LookedUp(known.contribution_id, "removed", seen_at)]
    return [LookedUp(known.contribution_id, "present", seen_at, post.get("username") is None)]


QUESTIONS = Questions(ids_per_call=1, endpoint=_endpoint, question=_question, states=states)
