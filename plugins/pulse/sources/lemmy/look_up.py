"""Whether posts and comments are still there: one to a call, at the home instance, in the version of its API.

A post that is gone is not found, whoever took it down; a comment is shown, and marked.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pulse.sources.context import SourceContext
from pulse.sources.lemmy.entry import LemmyEntry
from pulse.sources.lemmy.live import LEMMY
from pulse.sources.lemmy.reading import NOT_FOUND, NOT_FOUND_ERRORS, SERVICE, endpoint_of
from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, LookUp, Questions, changed_form, open_look_up
from pulse.sources.live.question import Params


class _Version:
    """The version of the API that the instance has: 4 until it says that it does not know it."""

    number = 4


def _is_absent(status: int, document: object) -> bool:
    """Whether the instance itself says that a thing is not there: a web server that knows no such path does not."""
    if status not in NOT_FOUND:
        return False
    error = document.get("error") if isinstance(document, dict) else None
    return error in NOT_FOUND_ERRORS


class LemmyLookUp:
    """Finds out the version with the first question; see :class:`pulse.sources.live.look_up.LookUp`."""

    ids_per_call = 1
    needs_permalink = False

    def __init__(self, asked: LookUp, asked_for_version: LookUp, version: _Version) -> None:
        self._asked = asked
        self._asked_for_version = asked_for_version
        self._version = version
        self._is_known = False

    def group_of(self, known: KnownId) -> str:
        """See :class:`pulse.sources.live.look_up.LookUp`."""
        return self._asked.group_of(known)

    def ask(self, batch: Sequence[KnownId]) -> list[LookedUp]:
        """See :class:`pulse.sources.live.look_up.LookUp`."""
        if not self._is_known:
            self._asked_for_version.ask(batch)
            self._is_known = True
        return self._asked.ask(batch)


@contextmanager
def open_lemmy(entry: LemmyEntry, context: SourceContext, on_call: Callable[[], None]) -> Iterator[LookUp]:
    """Ask about a community's contributions."""
    version = _Version()

    def note_version(answer: JsonAnswer, _: Sequence[KnownId]) -> list[LookedUp]:
        document = answer.document if isinstance(answer.document, dict) else {}
        if answer.status == 404 and document.get("error") in {None, "unknown"}:
            version.number = 3
        elif "community_view" not in document:
            raise changed_form(SERVICE, expected="`community_view`")
        return []

    def question(_: object, batch: Sequence[KnownId]) -> tuple[str, Params]:
        kind, _, number = batch[0].contribution_id.partition("/")
        return f"/api/v{version.number}/{kind}", {"id": int(number)}

    of_version = Questions(
        ids_per_call=1,
        endpoint=lambda entry, _: replace(endpoint_of(entry), answer_statuses=frozenset({404})),
        question=lambda entry, _: ("/api/v4/community", {"name": entry.local_name}),
        states=note_version,
    )
    of_things = Questions(
        ids_per_call=1,
        endpoint=lambda entry, _: replace(endpoint_of(entry), is_absent=_is_absent),
        question=question,
        states=states,
    )
    with (
        open_look_up(LEMMY, of_things, entry, context, on_call) as asked,
        open_look_up(LEMMY, of_version, entry, context, on_call) as asked_for_version,
    ):
        yield LemmyLookUp(asked, asked_for_version, version)


def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
    """What a view says of its thing."""
    (known,) = batch
    seen_at = answer.answered_at
    if answer.document is None:
        return [LookedUp(known.contribution_id, "absent", seen_at)]
    kind, _, number = known.contribution_id.partition("/")
    view = answer.document.get(f"{kind}_view") if isinstance(answer.document, dict) else None
    thing = view.get(kind) if isinstance(view, dict) else None
    if not isinstance(view, dict) or not isinstance(thing, dict) or thing.get("id") != int(number):
        raise changed_form(SERVICE, expected=f"the {kind} that was asked for")
    if thing.get("deleted") is True:
        return [LookedUp(known.contribution_id, "deleted_by_author", seen_at)]
    if thing.get("removed") is True:
        return [LookedUp(known.contribution_id, "removed", seen_at)]
    creator = view.get("creator")
    is_author_gone = isinstance(creator, dict) and creator.get("deleted") is True
    return [LookedUp(known.contribution_id, "present", seen_at, is_author_gone)]
