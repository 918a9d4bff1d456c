"""Hacker News, as its public search and its own API show it. Ids are numbers that stories and comments share."""

from datetime import date

from pulse.platforms.platform import Platform, whole_links
from pulse.platforms.terms import Terms

_ID = "[0-9]{1,12}"

HACKER_NEWS = Platform(
    name="hacker_news",
    kinds=("post", "comment"),
    opened_on=date(2006, 10, 9),
    id_patterns={"post": _ID, "comment": _ID},
    thread_id_pattern=_ID,
    longest_title_chars=500,
    ids_shared_within="platform",
    plain_link=whole_links("https://news[.]ycombinator[.]com/item[?]id=[0-9]{1,12}"),
    terms=Terms(
        addresses=("https://github.com/HackerNews/API", "https://hn.algolia.com/api"),
        looked_up_on=date(2026, 11, 28),
        remark="Neither interface states terms for reading; persons are not ranked, for nobody there was asked.",
    ),
    scored_kinds=("post",),  # points of a comment are shown to its author
)
