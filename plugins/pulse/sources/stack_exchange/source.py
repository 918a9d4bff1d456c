"""The way to Stack Exchange."""

from pulse.sources.protocol import Source
from pulse.sources.recognition import Address
from pulse.sources.stack_exchange.credentials import StackExchangeCredentials
from pulse.sources.stack_exchange.entry import SOURCE, StackExchangeEntry, StackExchangePolicy

STACK_EXCHANGE = Source(
    SOURCE,
    StackExchangeEntry,
    "pulse.sources.stack_exchange.live",
    is_live=True,
    policy=StackExchangePolicy,
    credentials=StackExchangeCredentials,
    days="any, as far back as the site goes",
    addresses=(
        Address(
            r"(?P<site>stackoverflow|superuser|serverfault|askubuntu|mathoverflow|stackapps)\.(?:com|net)"
            r"/(?:questions/tagged|tags)/(?P<tag>[^/?+]+)(?:[/?].*)?",
            {"name": "{tag}@{site}"},
        ),
        Address(
            r"(?P<site>stackoverflow|superuser|serverfault|askubuntu|mathoverflow|stackapps)\.(?:com|net)(?:[/?].*)?",
            {"name": "{site}"},
        ),
        Address(
            r"(?P<site>[a-z0-9-]+)\.stackexchange\.com/(?:questions/tagged|tags)/(?P<tag>[^/?+]+)(?:[/?].*)?",
            {"name": "{tag}@{site}"},
        ),
        Address(r"(?P<site>[a-z0-9-]+)\.stackexchange\.com(?:[/?].*)?", {"name": "{site}"}),
    ),
)
