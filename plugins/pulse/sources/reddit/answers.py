"""Reddit's answers to one extraction: from the response cache, or from Reddit and then sealed there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime

from pulse.core.errors import SourceError
from pulse.core.window import Window
from pulse.sources.context import SourceContext
from pulse.sources.live import response_cache
from pulse.sources.live.refusals import is_refusal
from pulse.sources.live.response_cache import ResponseCache, SealedPage, open_response_cache
from pulse.sources.reddit.client import Answer, RedditClient, Told
from pulse.sources.reddit.credentials import RedditCredentials
from pulse.sources.reddit.entry import SOURCE, UNOBSERVABLE, RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.mapping import RedditMapping
from pulse.sources.reddit.pages import CommunityFacts, Page, community_facts, stub_notes

Parse = Callable[[object, datetime], Page]


@dataclass(frozen=True)
class SealedCommunity:
    """What a community said of itself, or why Reddit would not tell.

    Attributes:
        refused: the error's text; None when the community answered.
    """

    observed_at: datetime
    facts: CommunityFacts | None
    refused: str | None


class RedditAnswers:
    """Asks Reddit whatever the cache does not hold.

    Attributes:
        cache: the sealed answers.
    """

    def __init__(self, context: SourceContext, cache: ResponseCache) -> None:
        self.cache = cache
        self._context = context
        self._client: RedditClient | None = None
        self._community: str | None = None

    def page(
        self, path: str, params: Mapping[str, str | int], parse: Parse, *, community: str | None = None
    ) -> SealedPage:
        """The answer to a question.

        Args:
            parse: takes the answer apart; what it refuses is not sealed, so that it is asked again.
            community: whom to charge the call to; None shares it.

        Raises:
            CallsSpent: it would have to be asked, and no call is left.
            SourceError: see :meth:`pulse.sources.reddit.client.RedditClient.get`, and what ``parse`` raises.
            StorageError: landing cannot be written.
        """

        def fetch() -> response_cache.Page:
            answer = self._ask(path, params, parse, community)
            page = answer.told
            return response_cache.Page(
                page.records, page.ids, answer.observed_at, page.after, page.oldest_s, stub_notes(page.stubs)
            )

        return self.cache.page(path, params, fetch)

    def about(self, entry: RedditApiEntry) -> SealedCommunity:
        """What a community says of itself; a refusal is an answer too.

        Raises:
            SourceUnavailable, RateLimited, BadCredentials: nobody can tell.
        """
        path = f"/r/{entry.name}/about"

        def fetch() -> dict[str, object]:
            try:
                answer = self._ask(path, {}, community_facts, entry.community)
            except SourceError as error:
                if not is_refusal(error):
                    raise
                return {"observed_at": self._context.clock().isoformat(), "facts": None, "refused": error.value}
            return {
                "observed_at": answer.observed_at.isoformat(),
                "facts": list(astuple(answer.told)),
                "refused": None,
            }

        content = self.cache.document(path, {}, fetch)
        facts = CommunityFacts(*content["facts"]) if content["facts"] else None
        return SealedCommunity(datetime.fromisoformat(content["observed_at"]), facts, content["refused"])

    def close(self) -> None:
        """Close the connection to Reddit, if one was needed."""
        if self._client is not None:
            self._client.close()

    def _ask(
        self,
        path: str,
        params: Mapping[str, str | int],
        parse: Callable[[object, datetime], Told],
        community: str | None,
    ) -> Answer[Told]:
        self.cache.budget.require_one()
        if self._client is None:
            context = self._context
            credentials = context.credentials(RedditCredentials)
            policy = context.policy(RedditApiPolicy)
            self._client = RedditClient(context.home, credentials, policy, on_call=self._note_call)
        self._community = community
        return self._client.get(path, params, parse)

    def _note_call(self) -> None:
        """Each request counts, but a question once begun may be repeated beyond the limit."""
        self.cache.budget.note(self._community)


def mapping_of(entries: Sequence[RedditApiEntry], context: SourceContext) -> RedditMapping:
    """What the records of answers about these communities mean."""
    return RedditMapping(
        source=SOURCE,
        author_key=context.author_key,
        # PRAW asks for texts as they are (raw_json=1), so there is nothing to undo.
        is_encoded=False,
        with_extra=any(entry.extra_fields for entry in entries),
        unobservable=UNOBSERVABLE,
    )


@contextmanager
def open_answers(
    context: SourceContext,
    entries: Sequence[RedditApiEntry],
    window: Window,
    *,
    for_entry: RedditApiEntry,
    max_calls_n: int,
) -> Iterator[RedditAnswers]:
    """The answers for these communities and this window; see :func:`open_response_cache`, also for what it raises."""
    mapping = mapping_of(entries, context)
    with open_response_cache(
        context, entries, window, mapping, for_entry=for_entry, max_calls_n=max_calls_n, service="Reddit"
    ) as cache:
        answers = RedditAnswers(context, cache)
        try:
            yield answers
        finally:
            answers.close()
