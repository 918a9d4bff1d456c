"""Stack Exchange: a community is a site, or one tag of a site.

Questions and answers share one row of numbers, comments have another, so ids say which: ``q1``, ``a2``, ``c3``.
Numbers and accounts are a site's own.
"""

from datetime import date

from pulse.platforms.platform import Platform, whole_links
from pulse.platforms.terms import Terms

# The longest post is 30,000 characters of markup.
STACK_EXCHANGE = Platform(
    name="stack_exchange",
    kinds=("post", "comment"),
    ignores_case=True,
    opened_on=date(2008, 7, 31),
    id_patterns={"post": "q[0-9]{1,12}", "comment": "[ac][0-9]{1,12}"},
    thread_id_pattern="q[0-9]{1,12}",
    longest_title_chars=500,
    longest_body_chars=100_000,
    ids_shared_within="host",
    plain_link=whole_links(
        "https://[a-z0-9.-]{1,253}/(?:(?:questions|a)/[0-9]{1,12}(?:#comment[0-9]{1,12}_[0-9]{1,12})?)"
    ),
    terms=Terms(
        addresses=("https://stackoverflow.com/help/licensing", "https://stackoverflow.com/legal/api-terms-of-use"),
        looked_up_on=date(2026, 11, 28),
        attribution="author, link to both, CC BY-SA",
        remark="Texts are licensed CC BY-SA: whoever shows one names its author and links to both.",
    ),
)
