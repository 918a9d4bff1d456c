"""Source ``stack_exchange``: wired to the live layer."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import LiveSource
from pulse.sources.live.http import Endpoint
from pulse.sources.live.look_up import LookUp, open_look_up
from pulse.sources.live.run_plan import Costs
from pulse.sources.stack_exchange.credentials import StackExchangeCredentials
from pulse.sources.stack_exchange.entry import SOURCE, StackExchangeEntry, StackExchangePolicy
from pulse.sources.stack_exchange.reading import MAPPING_VERSION, MOST_ITEMS, SERVICE, StackExchangeReader

# Refusals come with status 400 and a number of their own: too many calls, broken, and down for a while.
_ASKS_TO_WAIT = frozenset({500, 502, 503})


def asks_to_wait(status: int, document: object) -> bool:
    """Whether an answer says "not now", by the API's own numbers of errors."""
    return status == 429 or (isinstance(document, dict) and document.get("error_id") in _ASKS_TO_WAIT)


def _endpoint(_: StackExchangeEntry, context: SourceContext) -> Endpoint:
    key = context.credentials(StackExchangeCredentials).key
    return Endpoint(
        SERVICE, context.policy(StackExchangePolicy).url,
        credentials_hint="it needs none for what is public: check the key, or leave it out",
        secret_params={"key": key} if key else {}, is_rate_limit=asks_to_wait,
    )  # fmt: skip


STACK_EXCHANGE = LiveSource(
    name=SOURCE,
    service=SERVICE,
    entry=StackExchangeEntry,
    policy=StackExchangePolicy,
    mapping_version=MAPPING_VERSION,
    # The filter and the number of accounts; then questions, answers and comments.
    costs=Costs(fixed_n=2, page_items=MOST_ITEMS, again_items=MOST_ITEMS, listings_n=3),
    endpoint=_endpoint,
    reader=StackExchangeReader,
    question=lambda entry: ("/info", {"site": entry.site}),
)

# What the protocol asks of a source's module.
extract = STACK_EXCHANGE.extract
listen = STACK_EXCHANGE.listen
describe_plan = STACK_EXCHANGE.describe_plan
probe = STACK_EXCHANGE.probe


def look_up(
    entry: StackExchangeEntry, context: SourceContext, on_call: Callable[[], None]
) -> AbstractContextManager[LookUp]:
    """See :func:`pulse.sources.live.look_up.open_look_up`."""
    from pulse.sources.stack_exchange.look_up import QUESTIONS  # which knows this module

    return open_look_up(STACK_EXCHANGE, QUESTIONS, entry, context, on_call)
