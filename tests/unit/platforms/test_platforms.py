"""What is said of platforms, and that gates ask it instead of naming one."""

import duckdb
import pytest

from pulse.core.contract import KINDS
from pulse.core.home import REPOSITORY
from pulse.platforms.registry import PLATFORMS, platform_named

GATES = REPOSITORY / "plugins" / "pulse" / "gates"


def test_gates__name_no_platform():
    words = {name.split("_")[0] for name in PLATFORMS}
    files = sorted(GATES.rglob("*.py"))
    assert files
    assert "reddit" in words
    naming = {file.name: word for file in files for word in words if word in file.read_text(encoding="utf-8").lower()}
    assert naming == {}


@pytest.mark.parametrize("name", [*PLATFORMS, "some_forum"])
def test_platform__speaks_of_kinds_that_the_contract_has_and_in_patterns_that_can_be_read(name: str):
    platform = platform_named(name)
    assert {*platform.kinds, *platform.chat_kinds, *platform.id_patterns} <= {*KINDS}
    assert {*platform.id_patterns} <= {*platform.kinds}
    patterns = [*platform.id_patterns.values(), platform.thread_id_pattern]
    with duckdb.connect() as connection:
        for pattern in filter(None, patterns):
            connection.execute("select regexp_matches('', $pattern)", {"pattern": pattern})


# ---- links that may be sent ----------------------------------------------------

LINKS = {
    ("reddit", "/r/tea/comments/abc/what_people_wrote/"): "https://www.reddit.com/r/tea/comments/abc/",
    ("reddit", "https://www.reddit.com/r/tea/comments/abc/what/def/"): "https://www.reddit.com/r/tea/comments/abc/_/def/",
    ("reddit", "/r/tea/comments/abc/_/def"): "https://www.reddit.com/r/tea/comments/abc/_/def/",
    ("reddit", "/r/tea/comments/abc/"): "https://www.reddit.com/r/tea/comments/abc/",
    ("reddit", "/r/u_somebody/comments/abc/what/"): None,
    ("reddit", "/user/somebody/comments/abc/what/"): None,
    ("reddit", "https://evil.example/r/tea/comments/abc/"): None,
    ("reddit", "/r/tea/comments/abc/what/def/ghi/"): None,
    ("reddit", "/r/tea/comments/abc/\n/def/?utm=somebody"): None,
    ("hacker_news", "https://news.ycombinator.com/item?id=12"): "https://news.ycombinator.com/item?id=12",
    ("hacker_news", "https://news.ycombinator.com/user?id=somebody"): None,
    ("lemmy", "https://lemmy.example/comment/3"): "https://lemmy.example/comment/3",
    ("discourse", "https://forum.example/t/12/3"): "https://forum.example/t/12/3",
    ("discourse", "https://forum.example/t/what-people-wrote/12/3"): None,
    ("mastodon", "https://social.example/statuses/9"): "https://social.example/statuses/9",
    ("mastodon", "https://social.example/@somebody/9"): None,
    ("stack_exchange", "https://cooking.example/questions/1#comment2_3"): "https://cooking.example/questions/1#comment2_3",
    ("stack_exchange", "https://cooking.example/a/1\n"): None,
}  # fmt: skip


@pytest.mark.parametrize(("platform", "permalink"), LINKS)
def test_plain_link__spells_neither_words_nor_an_account(platform: str, permalink: str):
    plain_link = PLATFORMS[platform].plain_link
    assert plain_link is not None
    assert plain_link(permalink) == LINKS[platform, permalink]


def test_plain_link__is_of_platforms_whose_terms_were_read_and_that_anybody_may_read():
    linking = {name for name, platform in PLATFORMS.items() if platform.plain_link is not None}
    assert linking == {name for name, _ in LINKS}
    assert all(PLATFORMS[name].terms.addresses for name in linking)
