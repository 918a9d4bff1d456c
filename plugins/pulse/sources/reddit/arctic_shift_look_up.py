"""What Arctic Shift knows of things of Reddit: 500 posts or comments to a call.

The archive itself looked twice, when a thing was written and some 36 hours later. What it says is true of the time when
it looked, not of the time when it is asked; so that is the time of what it says, and a report of how much is within
the terms' limit counts no more than that.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, State, changed_form, states_of_all
from pulse.sources.live.question import Params
from pulse.sources.reddit.arctic_shift import ARCTIC_SHIFT
from pulse.sources.reddit.arctic_shift_reading import MOST_NAMED, SERVICE

_NAMES = {"t3_": "posts", "t1_": "comments"}
_STATES: dict[object, State] = {"deleted": "deleted_by_author"}


def _question(_: object, batch: Sequence[KnownId]) -> tuple[str, Params]:
    prefix = batch[0].contribution_id[:3]
    return f"/api/{_NAMES[prefix]}/ids", {"ids": ",".join(one.contribution_id.removeprefix(prefix) for one in batch)}


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """Present, or how it was gone at the second look."""
    data = answer.document.get("data") if isinstance(answer.document, dict) else None
    if not isinstance(data, list):
        raise changed_form(SERVICE, expected="an object with `data`")
    prefix = batch[0].contribution_id[:3]
    found: dict[str, LookedUp] = {}
    for record in data:
        told_id = record.get("id") if isinstance(record, dict) else None
        if not isinstance(told_id, str):
            raise changed_form(SERVICE, expected="records with their ids")
        meta = record.get("_meta") if isinstance(record.get("_meta"), dict) else {}
        state: State = "present"
        if meta.get("was_deleted_later") is True:
            state = _STATES.get(meta.get("removal_type"), "removed")
        looked_at = _time_of(meta.get("retrieved_2nd_on")) or _time_of(record.get("retrieved_on"))
        is_author_gone = record.get("author") == "[deleted]"
        found[prefix + told_id] = LookedUp(prefix + told_id, state, looked_at or answer.answered_at, is_author_gone)
    return states_of_all(found, batch, answer.answered_at)


def _time_of(told_s: object) -> datetime | None:
    if type(told_s) is not int or not 0 < told_s < 2**32:
        return None
    return datetime.fromtimestamp(told_s, UTC)


QUESTIONS = Questions(
    ids_per_call=MOST_NAMED,
    endpoint=ARCTIC_SHIFT.endpoint,
    question=_question,
    states=states,
    group=lambda known: known.contribution_id[:3],
)
