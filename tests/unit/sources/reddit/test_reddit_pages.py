"""What an answer of Reddit's API holds, whatever it looks like."""

import copy
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.core.errors import SourceUnavailable
from pulse.sources.reddit.pages import (
    CommunityFacts,
    Page,
    Stub,
    community_facts,
    listing_page,
    more_children_page,
    tree_page,
)

SEEN_AT = datetime(2026, 5, 4, 12, 0, 0, 900_000, tzinfo=UTC)
SEEN_S = 1_777_896_000
ABSURD: dict[str, Any] = {
    "many_digits": 10**400, "many_digits_below_zero": -(10**400), "large": 1e300, "far_below_zero": -1e300,
    "infinity": math.inf, "minus_infinity": -math.inf, "nan": math.nan, "text_of_infinity": "1e999",
}  # fmt: skip


def comment(comment_id: str, *replies: Any, **facts: Any) -> dict[str, Any]:
    """A comment as a tree has it, with what hangs from it."""
    data = {"id": comment_id, "name": f"t1_{comment_id}", "created_utc": 1_777_000_000.0, "body": "x"}
    return {"kind": "t1", "data": data | {"replies": listing(*replies) if replies else ""} | facts}


def post(post_id: str, **facts: Any) -> dict[str, Any]:
    data = {"id": post_id, "name": f"t3_{post_id}", "created_utc": 1_776_000_000.0, "title": "x"}
    return {"kind": "t3", "data": data | facts}


def more(parent_id: str, *children: str) -> dict[str, Any]:
    return {"kind": "more", "data": {"id": "_", "name": "t1__", "parent_id": parent_id, "children": list(children)}}


def listing(*things: Any, after: Any = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "before": None, "dist": len(things), "children": list(things)}}


def tree(*things: Any) -> list[Any]:
    return [listing(post("p")), listing(*things)]


def children(*things: Any) -> dict[str, Any]:
    return {"json": {"errors": [], "data": {"things": list(things)}}}


def about(**facts: Any) -> dict[str, Any]:
    return {"kind": "t5", "data": {"display_name": "Tea", "subscribers": 5_000} | facts}


# ---- listings --------------------------------------------------------------


def test_listing_page__records_in_order_with_where_to_go_on_and_when_they_were_seen():
    page = listing_page(listing(post("b"), comment("a"), after="t1_a"), SEEN_AT)
    assert page.ids == ["t3_b", "t1_a"]
    assert page.after == "t1_a"
    assert page.stubs == ()
    assert [record["retrieved_on"] for record in page.records] == [SEEN_S, SEEN_S]
    assert page.records[0]["title"] == "x"


def test_listing_page__answer_itself_is_left_as_it_was():
    content = tree(comment("a", comment("b")))
    before = copy.deepcopy(content)
    tree_page(content, SEEN_AT)
    listing_page(content[0], SEEN_AT)
    assert content == before


@pytest.mark.parametrize("after", [None, False, 7, ["t3_a"], {}])
def test_listing_page__only_text_leads_on(after: Any):
    assert listing_page(listing(post("a"), after=after), SEEN_AT).after is None


def test_listing_page__empty_one_has_no_records_and_no_oldest():
    assert listing_page(listing(), SEEN_AT) == Page([])
    assert listing_page(listing(), SEEN_AT).oldest_s is None


@pytest.mark.parametrize(
    ("created", "oldest_s"),
    [
        ([SEEN_S + 2, SEEN_S, SEEN_S + 1], SEEN_S),
        ([SEEN_S, f"{SEEN_S - 1}.5"], SEEN_S - 0.5),
        ([f"{SEEN_S}e0", SEEN_S + 1], SEEN_S),
        ([None, SEEN_S], SEEN_S),
        (["soon", [], {}, " 1700000000", SEEN_S], SEEN_S),
        ([None], None),
        (["", "0x5", "٣"], None),
        # Reddit opened in June 2005: what is earlier is no time, and would say that a listing reached back to it.
        ([0, False, True, -1, 1_119_484_799, SEEN_S], SEEN_S),
        ([1_119_484_800, SEEN_S], 1_119_484_800),
        ([4_102_444_801, SEEN_S * 1_000], None),
    ],
    ids=range(10),
)
def test_oldest_s__is_the_earliest_time_that_is_possible(created: list[Any], oldest_s: float | None):
    page = listing_page(listing(*(post(f"p{value}", created_utc=value) for value in created)), SEEN_AT)
    assert page.oldest_s == oldest_s


def test_oldest_s__record_without_a_time_does_not_count():
    assert Page([{"name": "t3_a"}, {"name": "t3_b", "created_utc": SEEN_S}]).oldest_s == SEEN_S


@pytest.mark.parametrize("absurd", ABSURD.values(), ids=ABSURD)
def test_oldest_s__is_a_time_that_can_be_reckoned_with_or_none(absurd: Any):
    """The mapping refuses such a record; how far back a listing reached must not hang on it."""
    page = listing_page(listing(post("a", created_utc=absurd), post("b", created_utc=1_777_000_000)), SEEN_AT)
    assert page.oldest_s == 1_777_000_000
    assert listing_page(listing(post("a", created_utc=absurd)), SEEN_AT).oldest_s is None


def test_listing_page__things_that_are_neither_post_nor_comment_are_left_out():
    other = {"kind": "t5", "data": {"name": "t5_x", "display_name": "Tea"}}
    assert listing_page(listing(post("a"), other, more("t3_a", "b"), comment("c")), SEEN_AT).ids == ["t3_a", "t1_c"]


# ---- trees -----------------------------------------------------------------


def test_tree_page__is_laid_flat_in_reading_order_without_replies():
    page = tree_page(tree(comment("a", comment("b", comment("c")), comment("d")), comment("e")), SEEN_AT)
    assert page.ids == ["t3_p", "t1_a", "t1_b", "t1_c", "t1_d", "t1_e"]
    assert page.after is None
    assert all("replies" not in record for record in page.records)
    assert {record["retrieved_on"] for record in page.records} == {SEEN_S}


def test_tree_page__depth_is_no_limit():
    depth = 1_000
    nested = comment(f"c{depth}", more(f"t1_c{depth}", "x"))
    for level in reversed(range(depth)):
        nested = comment(f"c{level}", nested)
    page = tree_page(tree(nested, comment("last")), SEEN_AT)
    assert page.ids == ["t3_p", *(f"t1_c{level}" for level in range(depth + 1)), "t1_last"]
    assert page.stubs == (Stub(f"t1_c{depth}", ("x",)),)


def test_tree_page__names_what_was_left_out_wherever_it_stands():
    page = tree_page(tree(comment("a", comment("b", more("t1_b")), more("t1_a", "c", "d")), more("t3_p", "e")), SEEN_AT)
    assert page.stubs == (Stub("t1_b"), Stub("t1_a", ("c", "d")), Stub("t3_p", ("e",)))
    assert page.ids == ["t3_p", "t1_a", "t1_b"]


@pytest.mark.parametrize("replies", ["", None, [], 0, "x"])
def test_tree_page__replies_that_are_no_listing_are_none(replies: Any):
    page = tree_page(tree(comment("a", replies=replies), comment("b")), SEEN_AT)
    assert page.ids == ["t3_p", "t1_a", "t1_b"]


@pytest.mark.parametrize(
    "odd", [{"kind": "more", "data": {"children": ["a"]}}, {"kind": "more", "data": {"parent_id": "t1_a"}}]
)
def test_tree_page__stub_that_does_not_say_where_or_what_is_left_out(odd: Any):
    assert tree_page(tree(odd), SEEN_AT) == tree_page(tree(), SEEN_AT)


def test_tree_page__other_things_are_left_out():
    assert tree_page(tree({"kind": "t5", "data": {"name": "t5_x"}}, comment("a")), SEEN_AT).ids == ["t3_p", "t1_a"]


# ---- comments by id --------------------------------------------------------


def test_more_children_page__comments_come_flat_with_stubs_of_their_own():
    page = more_children_page(children(comment("a"), more("t1_a", "b"), comment("c"), more("t1_c")), SEEN_AT)
    assert page.ids == ["t1_a", "t1_c"]
    assert page.stubs == (Stub("t1_a", ("b",)), Stub("t1_c"))
    assert [record["retrieved_on"] for record in page.records] == [SEEN_S, SEEN_S]
    assert all("replies" not in record for record in page.records)


def test_more_children_page__nothing_to_give_is_an_answer():
    assert more_children_page(children(), SEEN_AT) == Page([])


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"kind": None}, {"kind": "t5", "data": {}}], ids=repr)
def test_more_children_page__nothing_that_follows_an_odd_thing_is_lost_in_silence(odd: Any):
    try:
        page = more_children_page(children(comment("a"), odd, comment("b")), SEEN_AT)
    except SourceUnavailable:
        return
    assert page.ids == ["t1_a", "t1_b"]


def test_more_children_page__error_of_reddit_is_none():
    content = {"json": {"errors": [["TOO_MANY", "no", "children"]]}}
    with pytest.raises(SourceUnavailable, match="another shape"):
        more_children_page(content, SEEN_AT)


# ---- the community itself --------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "active_n"),
    [
        ({"active_user_count": 42, "accounts_active": 7}, 42),
        ({"active_user_count": 0, "accounts_active": 7}, 0),
        ({"active_user_count": None, "accounts_active": 7}, 7),
        ({"accounts_active": 7}, 7),
        ({"accounts_active": None}, None),
        ({}, None),
        ({"active_user_count": -1}, None),
        ({"active_user_count": "12"}, 12),
        ({"active_user_count": "many"}, None),
    ],
)
def test_community_facts__active_accounts_stand_in_either_field(facts: dict[str, Any], active_n: int | None):
    assert community_facts(about(**facts), SEEN_AT) == CommunityFacts("Tea", 5_000, active_n)


@pytest.mark.parametrize(
    ("subscribers", "members_n"), [(0, 0), (None, None), (-5, None), (5.0, 5), ("5", 5), ([], None), ({}, None)]
)
def test_community_facts__members_are_a_count_or_unknown(subscribers: Any, members_n: int | None):
    assert community_facts(about(subscribers=subscribers), SEEN_AT).members_n == members_n


@pytest.mark.parametrize("absurd", ABSURD.values(), ids=ABSURD)
def test_community_facts__absurd_count_is_unknown(absurd: Any):
    told = community_facts(about(subscribers=absurd, active_user_count=absurd), SEEN_AT)
    assert (told.members_n, told.active_n) == (None, None), "a count of the contract is a whole number of 64 bits"


# ---- answers of another shape ----------------------------------------------

PARSERS: dict[str, Callable[[Any], Page | CommunityFacts]] = {
    "listing": lambda content: listing_page(content, SEEN_AT),
    "tree": lambda content: tree_page(content, SEEN_AT),
    "more_children": lambda content: more_children_page(content, SEEN_AT),
    "about": lambda content: community_facts(content, SEEN_AT),
}
GARBAGE: tuple[Any, ...] = (
    None, True, 0, 1.5, "", "Listing", [], {}, [{}], [[]], [None, None], [[], []], {"kind": "Listing"},
    {"kind": "Listing", "data": None}, {"kind": "Listing", "data": []}, {"kind": "Listing", "data": {}},
    {"kind": "Listing", "data": {"children": None}}, {"kind": "Listing", "data": {"children": {}}},
    {"kind": "Listing", "data": {"children": "abc"}}, listing(None), listing("t3_a"), listing([]), listing({}),
    listing({"kind": "t3"}), listing({"kind": "t3", "data": None}), listing({"kind": "t3", "data": "x"}),
    {"kind": "listing", "data": {"children": []}}, [listing()], [listing(), listing(), listing()],
    [listing(), None], [None, listing()], [listing(), listing(None)], tree({"kind": "t1"}), tree({"kind": "more"}),
    tree({"kind": "more", "data": []}), tree(comment("a", replies={})), tree(comment("a", replies={"kind": "t1"})),
    tree(comment("a", replies=listing(None))), {"json": None}, {"json": []}, {"json": {}}, {"json": {"data": None}},
    {"json": {"data": {}}}, {"json": {"data": {"things": None}}}, {"json": {"data": {"things": {}}}},
    children({"kind": "t1"}), children({"kind": "more", "data": 5}), {"kind": "t5"}, {"kind": "t5", "data": None},
    {"kind": "t5", "data": {}}, {"kind": "t5", "data": {"display_name": None}},
    {"kind": "t5", "data": {"display_name": 5}}, {"kind": "t2", "data": {"display_name": "x"}},
    {"message": "Forbidden", "error": 403}, {"kind": [], "data": {}}, listing({"kind": [], "data": {}}),
    listing({"kind": "t3", "data": {}}, after="t3_"), [listing(), listing({"kind": {}, "data": {}})],
    children({"kind": [], "data": {}}),
)  # fmt: skip


def parsed_or_refused(parse: Callable[[Any], Page | CommunityFacts], content: Any) -> Page | CommunityFacts | None:
    """What came of it: a result that can be reckoned with, or None where the answer was refused."""
    try:
        result = parse(content)
    except SourceUnavailable:
        return None
    if isinstance(result, Page):
        assert len(result.ids) == len(result.records)
        assert result.oldest_s is None or math.isfinite(result.oldest_s)
        assert all(isinstance(child, str) for stub in result.stubs for child in stub.children)
    return result


@pytest.mark.parametrize("number", range(len(GARBAGE)))
def test_parsers__wrong_shape_is_refused_or_a_page_and_nothing_else(number: int):
    for parse in PARSERS.values():
        parsed_or_refused(parse, GARBAGE[number])


@pytest.mark.parametrize("content", [None, [], {}, "x", {"message": "Forbidden", "error": 403}], ids=repr)
@pytest.mark.parametrize("parser", PARSERS)
def test_parsers__what_has_nothing_of_the_shape_is_refused(parser: str, content: Any):
    with pytest.raises(SourceUnavailable, match="Reddit changed its API"):
        PARSERS[parser](content)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
# Words of the API, so that what is made up gets past the first look.
KEYS = st.sampled_from(
    ["kind", "data", "children", "after", "json", "things", "replies", "parent_id", "name", "created_utc",
     "display_name", "subscribers", "active_user_count", "accounts_active", "id"]
)  # fmt: skip
WORDS = st.sampled_from(["Listing", "t1", "t3", "t5", "more", "", "t1_a"])
ANYTHING = st.recursive(
    LEAVES | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)


def thing_of(data: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"kind": st.sampled_from(["t1", "t3", "t5", "more"]) | ANYTHING, "data": data})


DATA = st.dictionaries(KEYS, ANYTHING, max_size=5)
LISTINGS = st.recursive(
    st.just("") | ANYTHING,
    lambda replies: st.fixed_dictionaries(
        {
            "kind": st.just("Listing"),
            "data": st.fixed_dictionaries(
                {
                    "after": ANYTHING,
                    "children": st.lists(
                        thing_of(st.fixed_dictionaries({"created_utc": ANYTHING, "replies": replies}) | DATA)
                        | ANYTHING,
                        max_size=3,
                    ),
                }
            ),
        }
    ),
    max_leaves=4,
)
ANSWERS = {
    "listing": LISTINGS,
    "tree": st.lists(LISTINGS, min_size=2, max_size=2),
    "more_children": st.builds(
        lambda things: {"json": {"data": {"things": things}}}, st.lists(thing_of(DATA) | ANYTHING, max_size=4)
    ),
    "about": st.fixed_dictionaries({"kind": st.just("t5"), "data": DATA}),
}


@pytest.mark.parametrize("parser", PARSERS)
@given(data=st.data())
def test_parsers__made_up_json_gives_a_page_or_is_refused_and_nothing_else(parser: str, data: st.DataObject):
    parsed_or_refused(PARSERS[parser], data.draw(ANSWERS[parser] | ANYTHING))
