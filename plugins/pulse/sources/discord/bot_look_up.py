"""Whether messages of Discord are still there: one to a call, in the channel that the permalink names."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pulse.platforms.discord import DELETED_ACCOUNT
from pulse.sources.context import SourceContext
from pulse.sources.discord.bot_live import DISCORD_BOT
from pulse.sources.discord.bot_reading import SERVICE
from pulse.sources.live.http import Endpoint, JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, changed_form
from pulse.sources.live.question import Params

# Discord's numbers for an unknown channel and an unknown message (docs.discord.com, JSON Error Codes).
_UNKNOWN = frozenset({10003, 10008})
_PLACE = re.compile(r"/channels/\d+/(\d+)/\d+$")


def is_absent(status: int, document: object) -> bool:
    """Whether a refusal says that the message is not there, nor its channel."""
    return status == 404 and isinstance(document, dict) and document.get("code") in _UNKNOWN


def _endpoint(entry: Any, context: SourceContext) -> Endpoint:
    return replace(DISCORD_BOT.endpoint(entry, context), is_absent=is_absent)


def _question(_: Any, batch: Sequence[KnownId]) -> tuple[str, Params]:
    (known,) = batch
    place = _PLACE.search(known.permalink or "")
    # A message whose address nobody knows stands in a thread of its own, or in none that can be asked.
    place_id = place[1] if place else known.thread_id
    return f"/channels/{int(place_id)}/messages/{int(known.contribution_id)}", {}


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """The message, or nothing; Discord does not say who deleted it."""
    (known,) = batch
    message, seen_at = answer.document, answer.answered_at
    if message is None:
        return [LookedUp(known.contribution_id, "absent", seen_at)]
    if not isinstance(message, dict) or message.get("id") != known.contribution_id:
        raise changed_form(SERVICE, expected="the message that was asked for")
    author = message.get("author")
    is_author_gone = isinstance(author, dict) and author.get("id") == DELETED_ACCOUNT
    return [LookedUp(known.contribution_id, "present", seen_at, is_author_gone)]


QUESTIONS = Questions(ids_per_call=1, endpoint=_endpoint, question=_question, states=states, needs_permalink=True)
