"""Names as platforms compare them, and the pseudonyms made of them."""

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from pulse.platforms import names
from pulse.platforms.registry import NAME, PLATFORMS, platform_named


@given(st.binary(min_size=1, max_size=100), st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_author_key__python_and_sql_agree(key: bytes, name: str):
    with duckdb.connect() as connection:
        in_sql = connection.execute(f"select {names.author_key_sql(key, 'reddit', '$name')}", {"name": name}).fetchone()
    assert in_sql == (names.author_key(key, "reddit", name),)


def test_author_key__ignores_case_where_the_platform_does():
    assert names.author_key(b"k", "reddit", "Ann") == names.author_key(b"k", "reddit", "aNN")
    assert names.author_key(b"k", "discord", "Ann") != names.author_key(b"k", "discord", "ann")
    assert names.author_key(b"k", "reddit", "ann") != names.author_key(b"l", "reddit", "ann")


def test_registry__names_each_platform_by_its_own_name():
    assert all(NAME.fullmatch(name) and one.name == name for name, one in PLATFORMS.items())


def test_platform_named__is_careful_about_one_it_does_not_know():
    unknown = platform_named("some_forum")
    assert not unknown.ignores_case
    assert not unknown.terms.may_rank_persons
    assert unknown.kinds == ("post", "comment", "message")
