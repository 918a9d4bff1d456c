"""Who is asked together, and whether the calls fit the budget."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.errors import ConfigError
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy
from pulse.sources.reddit.plan import Plan, make_plan
from support import contribution, write_contract_rows

DAY = date(2026, 3, 10)
WINDOW = Window.one_day(DAY)
# How long before the end of the day something was written that is due for an age then.
DUE_AFTER_H = {1: 30, 3: 3 * 24, 7: 7 * 24 + 12, 30: 30 * 24}


def entry(name: str) -> RedditApiEntry:
    return RedditApiEntry(platform="reddit", name=name, source="reddit_api")


def plan(home: Home, names: Iterable[str], *, window: Window = WINDOW, **policy: Any) -> Plan:
    entries = tuple(entry(name) for name in names)
    settings = Settings(communities=entries, reddit_api=RedditApiPolicy(**policy))
    return make_plan(entries, window, source_context(home, settings, lambda: datetime(2026, 3, 11, tzinfo=UTC), b"key"))


def members(plan: Plan) -> list[list[str]]:
    return [[entry.name for entry in group.entries] for group in plan.groups]


@pytest.fixture(scope="module", autouse=True)
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One contract row, which is copied as often as it is needed: that is faster than making each."""
    file = tmp_path_factory.mktemp("template") / "row.parquet"
    write_contract_rows(file, [contribution()])
    Copies.connection = duckdb.connect()
    Copies.connection.execute("set timezone = 'UTC'")
    Copies.connection.execute("create table template as from read_parquet($file)", {"file": str(file)})
    yield
    Copies.connection.close()


class Copies:
    """Contributions that differ in nothing that matters here."""

    connection: duckdb.DuckDBPyConnection

    @classmethod
    def put(
        cls, home: Home, name: str, day: date, *, ids: dict[str, int], created_at: datetime, observed_at: datetime,
        load: str = "x",
    ) -> None:  # fmt: skip
        """File them in the partition of a day; ``ids`` says how many by the beginning of the id."""
        file = home.contributions_dir("reddit", name.lower(), day) / f"{load}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        numbers = [f"{start}{number}" for start, count in ids.items() for number in range(count)]
        cls.connection.execute(
            f"""
            copy (
                select * replace (
                    $community as community, id as contribution_id,
                    case when starts_with(id, 't3_') then 'post' else 'comment' end as kind,
                    $created_at as created_at, $observed_at as observed_at, $load as load_id
                )
                from template, unnest($ids) as ids(id)
            ) to {sql_text(file)} (format parquet)
            """,
            {"community": name.lower(), "ids": numbers, "created_at": created_at, "observed_at": observed_at,
             "load": load},
        )  # fmt: skip


def usual(home: Home, name: str, *, posts_n: int = 0, comments_n: int = 0, days_ago: int) -> None:
    """A day as it usually is, seen so late that none of it is due again."""
    day = DAY - timedelta(days=days_ago)
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    ids = {f"t3_{name}p": posts_n, f"t1_{name}c": comments_n}
    Copies.put(home, name, day, ids=ids, created_at=at, observed_at=at + timedelta(days=30))


def quiet(home: Home, *names: str) -> None:
    for name in names:
        usual(home, name, posts_n=1, comments_n=1, days_ago=20)


def due_at(home: Home, name: str, age_d: int, count: int) -> None:
    """Contributions that are due at an age when the day ends, last seen just after they were written."""
    at = WINDOW.end_at - timedelta(hours=DUE_AFTER_H[age_d])
    Copies.put(home, name, at.date(), ids={f"t1_{name}due{age_d}x": count}, created_at=at,
               observed_at=at + timedelta(minutes=5), load=f"due{age_d}")  # fmt: skip


# ---- groups ----------------------------------------------------------------


def test_make_plan__communities_that_nobody_knows_are_taken_for_a_page_each(home: Home):
    names = [f"a{number}" for number in range(7)]
    assert members(plan(home, names)) == [names[:5], names[5:]]


def test_make_plan__seen_more_than_four_weeks_ago_is_not_known(home: Home):
    usual(home, "a1", comments_n=900, days_ago=28)
    usual(home, "b2", comments_n=900, days_ago=29)
    usual(home, "c3", posts_n=1, days_ago=1)
    assert members(plan(home, ["a1", "b2", "c3"])) == [["a1"], ["b2", "c3"]]


def test_make_plan__quiet_ones_are_asked_together_in_the_order_of_the_config(home: Home):
    quiet(home, "a1", "b2", "c3", "d4")
    assert members(plan(home, ["d4", "a1", "c3", "b2"])) == [["d4", "a1", "c3", "b2"]]


def test_make_plan__lively_one_is_asked_alone_and_does_not_part_the_others(home: Home):
    quiet(home, "a1", "b2")
    usual(home, "busy", comments_n=501, days_ago=1)
    assert members(plan(home, ["a1", "busy", "b2"])) == [["busy"], ["a1", "b2"]]


@pytest.mark.parametrize(
    ("posts_n", "comments_n", "late_days", "is_alone"),
    [(0, 500, 7, False), (0, 501, 7, True), (62, 0, 7, False), (63, 0, 7, True), (63, 0, 6, False), (500, 0, 0, False)],
)
def test_make_plan__lively_is_what_would_fill_half_a_listing(
    home: Home, posts_n: int, comments_n: int, late_days: int, is_alone: bool
):
    """Posts are listed back over the late days too, comments only over the day."""
    for name in ("a1", "c3"):
        usual(home, name, posts_n=bool(comments_n), comments_n=bool(posts_n), days_ago=1)
    usual(home, "b2", posts_n=posts_n, comments_n=comments_n, days_ago=1)
    made = plan(home, ["a1", "b2", "c3"], late_days=late_days)
    assert members(made) == ([["b2"], ["a1", "c3"]] if is_alone else [["a1", "b2", "c3"]])


def test_make_plan__shared_listing_is_not_overfilled(home: Home):
    for name in ("a1", "b2", "c3", "d4"):
        usual(home, name, comments_n=250, days_ago=1)
    assert members(plan(home, ["a1", "b2", "c3", "d4"])) == [["a1", "b2"], ["c3", "d4"]]


def test_make_plan__no_more_than_fifty_stand_in_one_address(home: Home):
    names = [f"c{number:03d}" for number in range(51)]
    quiet(home, *names)
    groups = members(plan(home, names))
    assert [len(of_group) for of_group in groups] == [50, 1]
    assert [name for of_group in groups for name in of_group] == names


def test_make_plan__every_entry_is_in_one_group_and_found_there(home: Home):
    quiet(home, "a1", "b2")
    usual(home, "busy", comments_n=600, days_ago=1)
    names = ["new", "a1", "busy", "b2"]
    made = plan(home, names)
    assert sorted(name for of_group in members(made) for name in of_group) == sorted(names)
    for name in names:
        assert name in {one.name for one in made.group_of(entry(name)).entries}


# ---- the same plan for all -------------------------------------------------


def test_make_plan__is_the_same_after_the_run_has_filed_its_own_day(home: Home):
    """A run that is repeated comes to the same groups, ages and allotments."""
    quiet(home, "a1", "b2")
    due_at(home, "a1", 7, 250)
    due_at(home, "a1", 30, 150)
    names = ["a1", "b2", "new"]
    budget = plan(home, names).calls_n - 1
    before = plan(home, names, max_calls_per_run=budget)
    assert before.ages_d == (1, 3, 7)
    observed_at = WINDOW.end_at + timedelta(minutes=30)
    written_at = WINDOW.end_at - timedelta(hours=DUE_AFTER_H[7])
    Copies.put(home, "a1", DAY, ids={"t1_a1due7x": 250}, created_at=written_at, observed_at=observed_at, load="again")
    for name in names:
        Copies.put(home, name, DAY, ids={f"t3_{name}own": 9}, created_at=WINDOW.start_at, observed_at=observed_at)
    assert plan(home, names, max_calls_per_run=budget) == before


def test_make_plan__groups_do_not_hang_on_the_window_s_own_day(home: Home):
    quiet(home, "a1", "b2")
    before = members(plan(home, ["a1", "b2"]))
    usual(home, "a1", comments_n=600, days_ago=0)
    assert members(plan(home, ["a1", "b2"])) == before


# ---- the budget ------------------------------------------------------------


def test_make_plan__counts_a_page_of_each_kind_and_one_call_per_community(home: Home):
    quiet(home, "a1", "b2")
    (group,) = plan(home, ["a1", "b2"]).groups
    assert (group.listing_calls_n, group.again_calls_n) == (2 + 1 + 1, 0)


@pytest.mark.parametrize(
    ("posts_n", "comments_n", "days_n", "calls_n"),
    [
        (1, 99, 1, 1 + 1 + 1),
        (1, 100, 1, 1 + 1 + 2),  # the hundredth is on the first page, but only the second says that there is no more
        (13, 250, 1, 1 + 2 + 3),  # 13 posts on each of 8 days
        (13, 250, 3, 1 + 2 + 8),
        (1, 5_000, 1, 1 + 1 + 10),  # Reddit gives no more than ten pages
    ],
)
def test_make_plan__listings_cost_a_call_per_hundred(
    home: Home, posts_n: int, comments_n: int, days_n: int, calls_n: int
):
    usual(home, "a1", posts_n=posts_n, comments_n=comments_n, days_ago=1)
    window = Window(DAY, DAY + timedelta(days=days_n - 1))
    (group,) = plan(home, ["a1"], window=window).groups
    assert group.listing_calls_n == calls_n


def test_make_plan__looks_again_come_in_hundreds_of_the_whole_group(home: Home):
    quiet(home, "a1", "b2")
    due_at(home, "a1", 1, 60)
    due_at(home, "b2", 3, 40)
    assert [group.again_calls_n for group in plan(home, ["a1", "b2"]).groups] == [1]
    due_at(home, "b2", 30, 1)
    assert [group.again_calls_n for group in plan(home, ["a1", "b2"]).groups] == [2]


@pytest.mark.parametrize(
    ("more_n", "ages_d"),
    [(10, (1, 3, 7, 30)), (9, (1, 3, 7)), (6, (1, 3, 7)), (5, (1, 3)), (3, (1, 3)), (2, (1,)), (1, (1,)), (0, ())],
)
def test_make_plan__ages_are_left_out_from_the_highest_until_the_calls_fit(
    home: Home, more_n: int, ages_d: tuple[int, ...]
):
    for age_d, count in ((1, 100), (3, 200), (7, 300), (30, 400)):
        due_at(home, "a1", age_d, count)
    listings_n = plan(home, ["a1"]).groups[0].listing_calls_n
    made = plan(home, ["a1"], max_calls_per_run=listings_n + more_n)
    assert made.ages_d == ages_d
    assert made.calls_n <= made.max_calls_n == listings_n + more_n


def test_make_plan__listings_that_do_not_fit_are_an_error_that_says_what_would(home: Home):
    names = ["a1", "b2", "c3"]
    needed_n = plan(home, names).calls_n
    assert plan(home, names, max_calls_per_run=needed_n).calls_n == needed_n
    with pytest.raises(ConfigError, match=f"{needed_n} calls .*3 communities.*limit: {needed_n - 1}"):
        plan(home, names, max_calls_per_run=needed_n - 1)


@pytest.mark.parametrize("budget", [17, 18, 19, 100, 1_999, 2_000])
def test_make_plan__allotments_fit_the_budget_and_cover_what_is_planned(home: Home, budget: int):
    quiet(home, "a1", "b2")
    usual(home, "busy", comments_n=600, days_ago=1)
    due_at(home, "a1", 30, 120)
    made = plan(home, ["new", "a1", "busy", "b2"], max_calls_per_run=budget)
    assert sum(group.max_calls_n for group in made.groups) <= budget == made.max_calls_n
    for group in made.groups:
        assert group.max_calls_n >= group.listing_calls_n + group.again_calls_n
    assert budget - sum(group.max_calls_n for group in made.groups) < len(made.groups), "nothing is held back"


def test_make_plan__what_is_left_goes_where_most_is_written(home: Home):
    quiet(home, "a1")
    usual(home, "busy", comments_n=600, days_ago=1)
    busy, calm = plan(home, ["busy", "a1"]).groups
    left = [group.max_calls_n - group.listing_calls_n - group.again_calls_n for group in (busy, calm)]
    assert left[0] > 100 * left[1] > 0


def test_plan__says_in_one_line_what_it_costs(home: Home):
    quiet(home, "a1", "b2")
    due_at(home, "a1", 1, 101)
    names = ["a1", "b2", "new"]
    assert str(plan(home, names, max_calls_per_run=500)) == (
        "3 communities in 1 groups, about 8 calls of 500: 6 for listings, 2 to look again at ages of 1, 3, 7, 30 "
        "days; the rest is for threads with gaps"
    )
    assert "6 for listings, 0 to look again at ages of no days" in str(plan(home, names, max_calls_per_run=7))
