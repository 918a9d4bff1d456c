"""The way to Stack Exchange."""

from pulse.sources.protocol import Source
from pulse.sources.stack_exchange.credentials import StackExchangeCredentials
from pulse.sources.stack_exchange.entry import SOURCE, StackExchangeEntry, StackExchangePolicy

STACK_EXCHANGE = Source(
    SOURCE,
    StackExchangeEntry,
    "pulse.sources.stack_exchange.live",
    is_live=True,
    policy=StackExchangePolicy,
    credentials=StackExchangeCredentials,
)
