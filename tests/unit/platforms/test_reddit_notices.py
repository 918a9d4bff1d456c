"""Which texts are notices of the platform, and which are what people say."""

from functools import cache

import duckdb
import pytest

from pulse.core.files import sql_text
from pulse.platforms.reddit_notices import is_notice_sql, notice_sql

BY_AUTHOR = [
    "[deleted]", "[Deleted]", " [deleted]\n", "[deleted by user]", "[ Deleted by user ]", "[deleted by user]\r\n",
    "*[deleted]*", "\\[deleted\\]", "\u200b[deleted]\xa0", "[deleted by author]", "[removed by author]",
    "Comment deleted by user", "User deleted comment :(", "deleted by user",
    "Sorry, this post was deleted by the person who originally posted it.", "[ post deleted by author ]",
]  # fmt: skip
BY_MODERATOR = [
    "[removed]", "[Removed]", "[removed] ", "\\[removed\\]", "**[removed]**", "[ REMOVED ]", "[ Removed by Reddit ]",
    "[removed by reddit]", "[ Removed by moderator ]", "[removed by moderator]", "[removed by mods]",
    "[removed by automoderator]", "[removed by admins]", "[removed by the moderators of r/cool_tea]",
    "[ Removed by reddit in response to a copyright notice. ]",
    "[ Removed by Reddit in response to a copyright notice. ]",
    "[ Removed by reddit in response to a legal request. ]", "[ Removed by Reddit in response to a trademark notice ]",
    "[ Removed by Reddit on account of violating the [content policy](/help/contentpolicy). ]",
    "[Removed by Reddit on account of violating the [content policy](/help/contentpolicy).]",
    "[ Removed by reddit on account of violating the content policy ]",
    "[ Removed by Reddit on account of violating the content policy. ]", "[ Removed by Reddit due to a court order ]",
    "[ Removed by Reddit for legal reasons ]", "[ Content removed due to a legal demand. ]",
    "[unavailable]", "[Unavailable]", "[unavailable in your country]", "[post unavailable]", "[removed too many times]",
    "[content removed]", "[comment removed by moderator]", "[This comment has been removed by moderators]",
    "[deleted by moderator]", "[taken down due to a copyright claim]", "[copyright takedown]",
    "Comment removed by moderator", "comment removed by Reddit", "Removed by Reddit", "*Moderator removed thread*",
    "Sorry, this post was removed by Reddit's spam filters.", "Sorry, this post was removed by Reddit’s filters.",
    "Sorry, this post was removed by Reddit's Anti-Evil Operations team.",
    "Sorry, this post has been removed by the moderators of r/tea.",
]  # fmt: skip
SPEECH = [
    None, "", " ", "[]", "[", "removed", "Deleted", "deleted", "I deleted it", "they wrote [removed]",
    "[removed] is all I see", "[deleted] said it best", "[Serious] removed?", "[deleted scene]",
    "[deleted scenes from the film]", "[Removed by popular demand]", "[removed from my diet]", "[removed for privacy]",
    "[unavailable] sizes", "[out of stock, unavailable]", "[banned]", "[filtered coffee]", "Banned", "Blocked!",
    "It was removed by moderators yesterday and I am angry", "removed by the moderators again, why?",
    "Comment removed by moderator? Why was mine, then?", "[removed]\n\nEdit: it is back", "[removed] [removed]",
    "[50/50] removing a stain", "Sorry, this was deleted before I could answer.", "Unavailable", "[redacted]",
]  # fmt: skip


@cache
def prepared() -> duckdb.DuckDBPyConnection:
    """One for all texts: the expressions take longer to prepare than to answer."""
    connection = duckdb.connect()
    connection.execute(
        f"prepare judge as select {notice_sql('body')}, {is_notice_sql('body')} "
        "from (select cast($1 as varchar) as body)"
    )
    return connection


def judged(text: str | None) -> tuple[str | None, bool]:
    row = prepared().execute(f"execute judge({'null' if text is None else sql_text(text)})").fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("text", BY_AUTHOR)
def test_notice__of_the_author(text: str):
    assert judged(text) == ("by_author", True)


@pytest.mark.parametrize("text", BY_MODERATOR)
def test_notice__of_the_platform_or_a_moderator(text: str):
    assert judged(text) == ("by_moderator", True)


@pytest.mark.parametrize("text", SPEECH)
def test_notice__is_not_what_people_say(text: str | None):
    assert judged(text) == (None, False)


@pytest.mark.parametrize(("marks", "who"), [("*" * 20, "by_moderator"), ("*" * 21, None), ("-", None)])
def test_notice__has_few_blanks_and_marks_before_it(marks: str, who: str | None):
    assert judged(f"{marks}[removed by reddit]") == (who, who is not None)


def test_notice__a_long_text_is_none_and_costs_nothing_to_tell():
    assert judged("[removed by reddit in response to " + "a copyright notice " * 1_000_000 + "]") == (None, False)
