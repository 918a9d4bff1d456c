"""Whether statuses are still there: twenty to a call, of instances that can be asked so (Mastodon 4.3 and later).

An instance leaves out what is gone, and what is no longer for everybody, and does not say which. One that cannot be
asked so answers 404, which stops the sweep of the community and erases nothing.
"""

from collections.abc import Sequence

from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, changed_form, states_of_all
from pulse.sources.mastodon.reading import MOST_AT_ONCE, PUBLIC, SERVICE, endpoint_of


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """What is listed, and still for everybody, is there."""
    statuses, seen_at = answer.document, answer.answered_at
    if answer.status != 200 or not isinstance(statuses, list):
        raise changed_form(SERVICE, expected="a list of statuses")
    found: dict[str, LookedUp] = {}
    for status in statuses:
        status_id = status.get("id") if isinstance(status, dict) else None
        if not isinstance(status_id, str):
            raise changed_form(SERVICE, expected="statuses with their ids")
        if status.get("visibility", PUBLIC) == PUBLIC:
            found[status_id] = LookedUp(status_id, "present", seen_at)
    return states_of_all(found, batch, seen_at)


QUESTIONS = Questions(
    ids_per_call=MOST_AT_ONCE,
    endpoint=lambda entry, _: endpoint_of(entry),
    question=lambda _, batch: ("/api/v1/statuses", {"id[]": [str(int(one.contribution_id)) for one in batch]}),
    states=states,
)
