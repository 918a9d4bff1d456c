"""Which questions a thread's left-out comments are asked for with."""

from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.core.window import Window
from pulse.sources.live.response_cache import SealedPage
from pulse.sources.reddit.entry import RedditApiPolicy
from pulse.sources.reddit.extraction import Extraction, _Gap, _Stubs
from pulse.sources.reddit.pages import Stub, stub_notes
from pulse.sources.reddit.plan import PAGE_ITEMS, Group, Plan
from support import NOON

THREAD = "p1"
Question = tuple[str, dict[str, str | int]]


def children_of(question: Question | None) -> list[str]:
    """The ids that a question by id asks for."""
    assert question is not None
    path, params = question
    assert path == "/api/morechildren"
    assert params.keys() == {"api_type", "link_id", "children", "sort"}
    assert params["link_id"] == f"t3_{THREAD}"
    return str(params["children"]).split(",")


def branch_of(question: Question | None) -> str:
    """The comment at which a question for a deeper branch begins."""
    assert question is not None
    head, _, comment_id = question[0].rpartition("/")
    assert head == f"/comments/{THREAD}/_"
    return comment_id


def questions(stubs: _Stubs, known: set[str], *, answers: bool = True) -> list[Question]:
    """All questions until there are none; the comments asked for become known if there are answers."""
    found: list[Question] = []
    while (question := stubs.next_question(THREAD, known)) is not None:
        found.append(question)
        assert len(found) < 1_000, "it goes on for ever"
        if answers and question[0] == "/api/morechildren":
            known.update(f"t1_{child}" for child in children_of(question))
    return found


def asked_for(found: Iterable[Question]) -> tuple[Counter[str], Counter[str]]:
    """How often each comment was asked for by id, and each deeper branch."""
    by_id: Counter[str] = Counter()
    branches: Counter[str] = Counter()
    for question in found:
        if question[0] == "/api/morechildren":
            by_id.update(children_of(question))
        else:
            branches[branch_of(question)] += 1
    return by_id, branches


def numbered(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"c{number}" for number in range(first, last))


# ---- single cases ----------------------------------------------------------


def test_next_question__nothing_left_out_is_nothing_to_ask():
    assert _Stubs().next_question(THREAD, set()) is None


def test_next_question__known_children_are_left_out():
    stubs = _Stubs([Stub("t1_a", ("b", "c", "d")), Stub("t1_e", ("f",))])
    assert children_of(stubs.next_question(THREAD, {"t1_c", "t1_f", "t3_b"})) == ["b", "d"]
    assert stubs.next_question(THREAD, {"t1_b", "t1_c", "t1_d", "t1_f"}) is None


def test_next_question__stub_whose_children_are_all_known_asks_for_nothing():
    assert _Stubs([Stub("t1_a", ("b", "c"))]).next_question(THREAD, {"t1_b", "t1_c"}) is None


def test_next_question__hundreds_are_filled_across_stubs_and_the_rest_stays():
    stubs = _Stubs([Stub("t3_p1", numbered(0, 60)), Stub("t1_a", numbered(60, 150)), Stub("t1_b", numbered(150, 205))])
    sizes = [len(children_of(question)) for question in questions(stubs, set())]
    assert sizes == [PAGE_ITEMS, PAGE_ITEMS, 5]


def test_next_question__a_hundred_known_ones_take_no_room():
    stubs = _Stubs([Stub("t3_p1", numbered(0, 200))])
    known = {f"t1_{child}" for child in numbered(0, 100)}
    assert tuple(children_of(stubs.next_question(THREAD, known))) == numbered(100, 200)


def test_next_question__comments_by_id_come_before_deeper_branches():
    stubs = _Stubs([Stub("t1_deep"), Stub("t1_a", ("b",)), Stub("t1_deeper")])
    found = questions(stubs, set())
    assert children_of(found[0]) == ["b"]
    assert {branch_of(question) for question in found[1:]} == {"deep", "deeper"}
    assert len(found) == 3


def test_next_question__deeper_branch_is_asked_for_as_a_tree_of_its_own():
    path, params = _Stubs([Stub("t1_deep")]).next_question(THREAD, set()) or ("", {})
    assert path == "/comments/p1/_/deep"
    assert params == {"limit": 500, "sort": "new"}


def test_next_question__what_became_known_meanwhile_is_not_asked_for():
    stubs = _Stubs([Stub("t3_p1", numbered(0, 150))])
    known = {f"t1_{child}" for child in children_of(stubs.next_question(THREAD, set()))}
    known |= {f"t1_{child}" for child in numbered(100, 149)}
    assert children_of(stubs.next_question(THREAD, known)) == ["c149"]


def test_next_question__comment_that_was_asked_for_in_vain_is_not_asked_for_again():
    """Reddit names comments that it does not give: it counts removed ones."""
    stubs = _Stubs([Stub("t1_a", ("b", "c"))])
    assert len(questions(stubs, set(), answers=False)) == 1
    stubs.open.append(Stub("t1_a", ("b", "c")))
    assert stubs.next_question(THREAD, set()) is None


def test_next_question__deeper_branch_that_names_itself_again_is_not_asked_for_again():
    stubs = _Stubs([Stub("t1_deep")])
    assert branch_of(stubs.next_question(THREAD, set())) == "deep"
    stubs.open.append(Stub("t1_deep"))
    assert stubs.next_question(THREAD, set()) is None


def test_take__what_had_no_room_in_an_answer_is_asked_for_again():
    """An answer holds a hundred comments, those below them included; the rest comes back as a stub."""
    stubs = _Stubs([Stub("t3_p1", ("a", "b", "c"))])
    known: set[str] = set()
    assert children_of(stubs.next_question(THREAD, known)) == ["a", "b", "c"]
    known |= {"t1_a", "t1_below_a"}
    stubs.take(page_with(Stub("t3_p1", ("b", "c"))), brought_n=2)
    assert children_of(stubs.next_question(THREAD, known)) == ["b", "c"]
    stubs.take(page_with(Stub("t3_p1", ("b", "c"))), brought_n=0)
    assert stubs.next_question(THREAD, known) is None


def page_with(*stubs: Stub) -> SealedPage:
    return SealedPage(observed_at=NOON, after=None, ids=(), oldest_s=None, notes=stub_notes(stubs))


class Thread:
    """Answers that all hold the same stubs; only new questions are calls."""

    def __init__(self, *stubs: Stub) -> None:
        self.stubs = stubs
        self.asked: Counter[str] = Counter()

    def page(self, path: str, params: dict[str, str | int], *_: object, **__: object) -> SealedPage:
        self.asked[f"{path} {params}"] += 1
        assert self.asked.total() < 100, "it goes on for ever"
        return SealedPage(NOON, None, (), None, stub_notes(self.stubs))

    def calls(self) -> Counter[str]:
        return Counter({"tea": len(self.asked)})


@pytest.mark.parametrize("stub", [Stub("t1_deep"), Stub("t1_a", ("b",))], ids=["branch", "children"])
def test_read_into__ends_although_the_thread_never_gives_what_it_counts(stub: Stub):
    """A question that was asked finds its page without a call, so that the budget for calls ends nothing."""
    answers: Any = Thread(stub)
    nothing: Any = SimpleNamespace(policy=lambda _: RedditApiPolicy())
    group, plan = Group((), 1, 0, max_calls_n=50), Plan((), (), 50)
    known: set[str] = set()
    extraction = Extraction(answers, nothing, group, plan, Window.one_day(NOON.date()))
    extraction._read_into(known, _Gap("tea", "t3_p1", 5), 5)
    assert known == set()
    assert set(answers.asked.values()) == {1}


# ---- any forest ------------------------------------------------------------

IDS = st.integers(min_value=0, max_value=400).map(lambda number: f"c{number}")
STUBS = st.lists(
    st.builds(Stub, IDS.map(lambda one: f"t1_{one}"), st.lists(IDS, max_size=120).map(tuple)), max_size=5
)  # fmt: skip
FEW_STUBS = st.lists(
    st.builds(Stub, IDS.map(lambda one: f"t1_{one}"), st.lists(IDS, max_size=4).map(tuple)), max_size=4
)  # fmt: skip
KNOWN = st.sets(IDS.map(lambda one: f"t1_{one}"), max_size=200)


@given(stubs=STUBS, known=KNOWN)
def test_next_question__every_unknown_child_is_asked_for_exactly_once(stubs: list[Stub], known: set[str]):
    """Also where stubs name the same comment: real threads do."""
    unknown = {child for stub in stubs for child in stub.children} - {full_id[3:] for full_id in known}
    found = questions(_Stubs(list(stubs)), set(known))
    by_id, branches = asked_for(found)
    assert by_id == dict.fromkeys(unknown, 1)
    assert branches == dict.fromkeys({stub.parent_id[3:] for stub in stubs if not stub.children}, 1)
    sizes = [len(children_of(question)) for question in found if question[0] == "/api/morechildren"]
    assert sizes[:-1] == [PAGE_ITEMS] * (len(sizes) - 1), "no call that could have asked for more"
    assert sum(sizes) == len(unknown)


@given(children=st.lists(IDS, unique=True, min_size=1), cuts=st.lists(st.integers(1, 130), max_size=6), known=KNOWN)
def test_next_question__however_the_children_are_spread_the_calls_are_as_few_as_possible(
    children: list[str], cuts: list[int], known: set[str]
):
    stubs, rest = [], list(children)
    for cut in cuts:
        if rest[:cut]:
            stubs.append(Stub(f"t1_x{len(stubs)}", tuple(rest[:cut])))
        rest = rest[cut:]
    if rest:
        stubs.append(Stub("t1_rest", tuple(rest)))
    unknown_n = sum(f"t1_{child}" not in known for child in children)
    found = questions(_Stubs(stubs), set(known))
    assert len(found) == -(-unknown_n // PAGE_ITEMS)
    assert sum(len(children_of(question)) for question in found) == unknown_n


@given(stubs=FEW_STUBS, replies=st.lists(FEW_STUBS, max_size=4))
def test_next_question__ends_whatever_the_answers_name_again(stubs: list[Stub], replies: list[list[Stub]]):
    """Nothing is ever answered, and each answer names more: the questions still end, and none comes twice."""
    open_stubs, found, later = _Stubs(list(stubs)), [], list(replies)
    while (question := open_stubs.next_question(THREAD, set())) is not None:
        found.append(question)
        assert len(found) < 1_000, "it goes on for ever"
        if later:
            open_stubs.open += later.pop()
    by_id, branches = asked_for(found)
    assert max(by_id.values(), default=1) == 1
    assert max(branches.values(), default=1) == 1
