"""Whether things of Stack Exchange are still there: a hundred questions, answers or comments to a call.

The API leaves out what was deleted, and does not say by whom.
"""

from collections.abc import Sequence
from typing import Any

from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, changed_form, states_of_all
from pulse.sources.live.question import Params
from pulse.sources.stack_exchange.entry import StackExchangeEntry
from pulse.sources.stack_exchange.live import STACK_EXCHANGE
from pulse.sources.stack_exchange.reading import MOST_ITEMS, SERVICE

_NAMES = {"q": "question", "a": "answer", "c": "comment"}


def _question(entry: StackExchangeEntry, batch: Sequence[KnownId]) -> tuple[str, Params]:
    numbers = ";".join(str(int(one.contribution_id[1:])) for one in batch)
    path = f"/{_NAMES[batch[0].contribution_id[0]]}s/{numbers}"
    return path, {"site": entry.site, "pagesize": MOST_ITEMS, "page": 1}


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """What is listed is there; an account that is gone has no number."""
    document, seen_at = answer.document, answer.answered_at
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or document.get("has_more") is not False:
        raise changed_form(SERVICE, expected="an object with `items`, and no more of them")
    letter = batch[0].contribution_id[0]
    found: dict[str, LookedUp] = {}
    for item in items:
        number = item.get(f"{_NAMES[letter]}_id") if isinstance(item, dict) else None
        if type(number) is not int:
            raise changed_form(SERVICE, expected=f"{_NAMES[letter]}s with their numbers")
        found[f"{letter}{number}"] = LookedUp(f"{letter}{number}", "present", seen_at, _is_gone(item.get("owner")))
    return states_of_all(found, batch, seen_at)


def _is_gone(owner: Any) -> bool:
    return isinstance(owner, dict) and owner.get("user_type") == "does_not_exist"


QUESTIONS = Questions(
    ids_per_call=MOST_ITEMS,
    endpoint=STACK_EXCHANGE.endpoint,
    question=_question,
    states=states,
    group=lambda known: known.contribution_id[0],
)
