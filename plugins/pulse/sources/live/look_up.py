"""Asking a platform by id whether what was kept is still there; what a source adds is a :class:`Questions`.

A source that can be asked so has a function ``look_up(entry, context, on_call)`` in its module, which opens a
:class:`LookUp`. A source that has none cannot be asked (:func:`pulse.sources.routes.look_up` says so).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pulse.core.errors import BadCredentials, SourceError
from pulse.platforms.entry import CommunityEntry
from pulse.sources.context import SourceContext
from pulse.sources.live import extraction
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint, JsonAnswer, open_api
from pulse.sources.live.question import Params

State = Literal["present", "deleted_by_author", "removed", "absent"]


@dataclass(frozen=True)
class KnownId:
    """A contribution as raw knows it; permalink and thread are what some platforms need to find it."""

    contribution_id: str
    kind: str
    thread_id: str
    permalink: str | None


@dataclass(frozen=True)
class LookedUp:
    """What a complete, well-formed answer says of one contribution.

    Attributes:
        state: ``absent`` if the answer leaves it out without a word why.
        seen_at: when the platform said so, UTC.
        is_author_gone: the contribution is there, and its account is not.
    """

    contribution_id: str
    state: State
    seen_at: datetime
    is_author_gone: bool = False


class LookUp(Protocol):
    """One way to ask, open.

    Attributes:
        ids_per_call: how many contributions one call may ask for.
        needs_permalink: whether a contribution without one cannot be asked for.
    """

    ids_per_call: int
    needs_permalink: bool

    def group_of(self, known: KnownId) -> str:
        """What may be asked for in one call: contributions of one group alone."""

    def ask(self, batch: Sequence[KnownId]) -> list[LookedUp]:
        """Ask for at most ``ids_per_call`` contributions of one group; an answer for each.

        Raises:
            SourceError: see :func:`is_about_community`; anything else passes.
        """


@dataclass(frozen=True)
class Questions:
    """What a source of the live layer says of asking by id.

    Attributes:
        endpoint: where an entry is asked; ``is_absent`` says which refusals are about the one thing asked for.
        question: path and query for some contributions.
        states: what the answer says of them; it raises :func:`changed_form` for what it does not understand.
        group: contributions of which group may be asked for in one call, where not all may.
    """

    ids_per_call: int
    endpoint: Callable[[Any, SourceContext], Endpoint]
    question: Callable[[Any, Sequence[KnownId]], tuple[str, Params]]
    states: Callable[[JsonAnswer, Sequence[KnownId]], list[LookedUp]]
    needs_permalink: bool = False
    group: Callable[[KnownId], str] = lambda _: ""


class _LiveLookUp:
    def __init__(self, questions: Questions, entry: CommunityEntry, api: Any) -> None:
        self.ids_per_call = questions.ids_per_call
        self.needs_permalink = questions.needs_permalink
        self._questions = questions
        self._entry = entry
        self._api = api

    def group_of(self, known: KnownId) -> str:
        """See :class:`LookUp`."""
        return self._questions.group(known)

    def ask(self, batch: Sequence[KnownId]) -> list[LookedUp]:
        path, params = self._questions.question(self._entry, batch)
        found: list[LookedUp] = self._api.get(path, params, lambda answer: self._questions.states(answer, batch))
        return found


@contextmanager
def open_look_up(
    source: LiveSource,
    questions: Questions,
    entry: CommunityEntry,
    context: SourceContext,
    on_call: Callable[[], None],
) -> Iterator[LookUp]:
    """Ask about an entry's contributions under its policy's pace and retries.

    Args:
        on_call: called before every request; whatever it raises stops the call.
    """
    endpoint = extraction.led_to_sandbox(questions.endpoint(entry, context), source.name, entry)
    policy = context.policy(source.policy)
    with closing(open_api(context.home, endpoint, policy, client=source.client(context), on_call=on_call)) as api:
        yield _LiveLookUp(questions, entry, api)


def batches(asking: LookUp, known: Sequence[KnownId]) -> Iterator[list[KnownId]]:
    """What to ask for in each call, in the order given as far as groups let it be."""
    waiting: dict[str, list[KnownId]] = {}
    for one in known:
        batch = waiting.setdefault(asking.group_of(one), [])
        batch.append(one)
        if len(batch) == asking.ids_per_call:
            yield waiting.pop(asking.group_of(one))
    yield from waiting.values()


def states_of_all(states: Mapping[str, LookedUp], batch: Sequence[KnownId], seen_at: datetime) -> list[LookedUp]:
    """What an answer says of each of a batch; those that it leaves out are absent."""
    return [states.get(one.contribution_id) or LookedUp(one.contribution_id, "absent", seen_at) for one in batch]


def changed_form(service: str, *, expected: str) -> SourceError:
    """An answer that is not what such a question is answered with: nobody knows then what it says of deletions."""
    return SourceError(
        f"{service}'s answer by id", value="JSON of another shape", limit=expected,
        next_step=f"see whether {service} changed its API; nothing was erased",
    )  # fmt: skip


def is_about_community(error: SourceError) -> bool:
    """Whether an error says something of the community or of the form of answers, not of a passing fault.

    401, 403, 404 and 410 of the community, and answers of another form: nothing may be taken for a deletion then.
    """
    return isinstance(error, BadCredentials) or type(error) is SourceError
