"""What was looked at: what archives prove of posts and comments, how raw keeps it, and homes from before."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.reddit_lines import DAY, KEY, NOON_S, comment, context, entry, post, write
from pulse.config.context import source_context
from pulse.config.settings import Settings, load_settings
from pulse.core import coverage
from pulse.core.coverage import Look, day_start
from pulse.core.errors import ConfigError, DayNotServable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import outcomes, quality, raw
from pulse.lake.landing import Load, coverage_of, unproven_days
from pulse.sources.lines.archive import extract, open_archives
from pulse.sources.lines.entry import Covers
from pulse.steps import coverage_of_before
from support import NOON, ask, contribution, sealed_load

DAY_S = 86_400
MIDNIGHT_S = NOON_S - DAY_S // 2
WEEK = Window(DAY, DAY + timedelta(days=6))


def posts(first_day: int, days_n: int, *, a_day: int = 8, name: str = "Tea", tag: str = "p") -> list[dict[str, Any]]:
    """So many posts on each day, evenly."""
    return [
        post(
            f"{tag}{day}x{number}", subreddit=name, created_utc=MIDNIGHT_S + day * DAY_S + number * DAY_S // a_day + 600
        )
        for day in range(first_day, first_day + days_n)
        for number in range(a_day)
    ]


def comments(first_day: int, days_n: int, *, a_day: int = 8, name: str = "Tea") -> list[dict[str, Any]]:
    """The same of comments."""
    return [
        comment(f"{one['id']}c", subreddit=name, created_utc=one["created_utc"])
        for one in posts(first_day, days_n, a_day=a_day)
    ]


def whole(load: Load, kind: str, community: str = "tea") -> list[int]:
    """Days of the window, from 0, that are whole for that kind."""
    return whole_in(coverage_of(load), kind, community)


def whole_in(looks: Iterable[Look], kind: str, community: str = "tea") -> list[int]:
    """The same of what a load looked at."""
    days = coverage.whole_days(looks, community=community, kinds=[kind])
    return sorted((day - DAY).days for day in days)


def parts(load: Load, day: int, kind: str) -> list[tuple[float, float]]:
    """What of a day was looked at, in hours from its beginning."""
    start = day_start(DAY + timedelta(days=day))
    return [
        ((look.looked_from - start) / timedelta(hours=1), (look.looked_to - start) / timedelta(hours=1))
        for look in coverage_of(load)
        if look.day == start.date() and look.kind == kind and look.looked_from and look.looked_to
    ]


# ---- archives ------------------------------------------------------------------


def test_file_of_posts__proves_nothing_of_comments(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 7)))
    load = extract(tea, WEEK, context(home, tea))
    assert whole(load, "post") == list(range(7))
    assert whole(load, "comment") == []
    assert {look.proof for look in coverage_of(load) if look.kind == "comment"} == {"none"}
    assert load.manifest.kinds_read == ("post",)
    assert unproven_days(load) == set(), "of what it reads, all is proven"


def test_file_of_comments__proves_nothing_of_posts(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RC", comments(0, 7)))
    load = extract(tea, WEEK, context(home, tea))
    assert (whole(load, "post"), whole(load, "comment")) == ([], list(range(7)))


def test_files_of_different_length__prove_their_own_days(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 7)), write(tmp_path / "RC", comments(0, 3)))
    load = extract(tea, WEEK, context(home, tea))
    assert (whole(load, "post"), whole(load, "comment")) == (list(range(7)), [0, 1, 2])
    assert unproven_days(load) == {DAY + timedelta(days=day) for day in range(3, 7)}


def test_stray_future_and_foreign_records__prove_nothing(home: Home, tmp_path: Path):
    stray = post("stray", created_utc=MIDNIGHT_S + 5 * DAY_S + 100)
    future = post("future", created_utc=MIDNIGHT_S + 6 * DAY_S, retrieved_on=MIDNIGHT_S)
    foreign = post("foreign", subreddit="milk", created_utc=MIDNIGHT_S + 4 * DAY_S)
    far = post("far", created_utc=4_000_000_000, retrieved_on=4_000_000_100)
    tea = entry(write(tmp_path / "RS", [*posts(0, 2), stray, future, foreign, far]))
    load = extract(tea, WEEK, context(home, tea))
    assert whole(load, "post") == [0, 1]
    assert [parts(load, day, "post") for day in range(2, 7)] == [[]] * 5
    with pytest.raises(DayNotServable):
        extract(tea, Window.one_day(DAY + timedelta(days=3)), context(home, tea))


def test_download_cut_at_noon__is_partial_to_its_last_record(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 7)[:-4]))
    load = extract(tea, WEEK, context(home, tea))
    assert whole(load, "post") == list(range(6))
    ((start, end),) = parts(load, 6, "post")
    assert start == 0
    assert 9 < end < 10
    assert unproven_days(load) == {DAY + timedelta(days=6)}


def test_site_wide_dump__proves_silent_communities_by_all_others(home: Home, tmp_path: Path):
    records = [
        one | {"created_utc": one["created_utc"] + number * 800, "retrieved_on": one["created_utc"] + DAY_S}
        for number in range(12)
        for one in posts(0, 7, name=f"c{number}", tag=f"n{number}x")
    ]
    records += posts(0, 1, a_day=1, name="Tea")
    path = write(tmp_path / "RS", sorted(records, key=lambda one: one["created_utc"]))
    tea, milk, rest = entry(path), entry(path, name="milk"), entry(path, name="*")
    of_all = context(home, tea, milk, rest)
    assert whole(extract(tea, WEEK, of_all), "post") == list(range(7))
    everything = extract(rest, WEEK, of_all)
    assert whole(everything, "post", "*") == list(range(7))
    assert {look.community for look in coverage_of(everything)} == {"*"}
    assert {look.except_communities for look in coverage_of(everything)} == {("milk", "tea")}
    never = extract(milk, WEEK, of_all)
    assert never.manifest.is_never_seen
    assert unproven_days(never) == set(WEEK.days())


def test_wildcard__over_a_download_of_few_proves_each_by_itself(home: Home, tmp_path: Path):
    rest = entry(write(tmp_path / "RS", [*posts(0, 7), *posts(0, 3, name="milk", tag="m")]), name="*")
    load = extract(rest, WEEK, context(home, rest))
    assert whole(load, "post", "tea") == list(range(7))
    assert whole(load, "post", "milk") == [0, 1, 2]
    assert whole(load, "post", "*") == []
    assert unproven_days(load) == {DAY + timedelta(days=day) for day in range(3, 7)}


@pytest.mark.parametrize("name", ["r/Tea", "tee"])
def test_name_that_matches_nothing__is_never_seen(home: Home, tmp_path: Path, name: str):
    tea = entry(write(tmp_path / "RS", posts(0, 7)), name=name, covers=(_covers(0, 6),))
    load = extract(tea, WEEK, context(home, tea))
    assert load.manifest.is_never_seen
    rows = outcomes.arrival_rows(home, tea, load, run_id="run", recorded_at=NOON)
    assert {row["outcome"] for row in rows} == {"never_seen"}


# ---- what the config declares --------------------------------------------------


def _covers(first: int, last: int, *kinds: str) -> Covers:
    return Covers.model_validate(
        {"from": DAY + timedelta(days=first), "to": DAY + timedelta(days=last), "kinds": list(kinds)}
    )


def test_covers__proves_days_beyond_the_records_and_holes(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", [*posts(1, 1, a_day=40), *posts(5, 1, a_day=40, tag="q")]))
    assert whole(extract(tea, WEEK, context(home, tea)), "post") == [1, 5]
    declared = entry(*tea.path, covers=(_covers(0, 6),))
    load = extract(declared, WEEK, context(home, declared))
    assert whole(load, "post") == list(range(7))
    assert whole(load, "comment") == [], "only the kinds that the files hold"
    assert {look.proof for look in coverage_of(load) if look.kind == "post"} == {"declared"}


def test_covers__of_a_kind_that_no_file_holds_is_an_error(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 2)), covers=(_covers(0, 1, "comment"),))
    with pytest.raises(ConfigError, match=r"covers of reddit/tea: kind comment.*post"):
        extract(tea, WEEK, context(home, tea))


@pytest.mark.parametrize(
    ("covers", "message"),
    [
        ("{from: 2019-10-07, to: 2019-10-05}", "from 2019-10-07 is after to 2019-10-05"),
        ("{from: 2019-10-07, to: 2999-10-05}", "is not over"),
        ("{from: 2019-10-05, to: 2019-10-07, kinds: [likes]}", "kinds"),
        ("{from: 2019-10-05}", "to"),
        ("{from: 2019-10-05, to: 2019-10-07, until: 1}", "unknown key"),
    ],
)
def test_covers__that_cannot_be_is_refused_by_name(home: Home, tmp_path: Path, covers: str, message: str):
    write(tmp_path / "RS", posts(0, 1))
    config = tmp_path / "communities.yml"
    config.write_text(
        f"communities:\n  - {{platform: reddit, name: tea, source: reddit_archive, path: RS, covers: {covers}}}\n"
    )
    with pytest.raises(ConfigError, match=message):
        load_settings(config, home=home)


# ---- raw -----------------------------------------------------------------------


def looks_in_raw(home: Home) -> list[tuple[Any, ...]]:
    raw.ensure_empty_file(home)
    return ask(
        "select community, day, kind, looked_from, looked_to, proof "
        "from read_parquet(?, hive_partitioning = false) order by all",
        [raw.coverage_glob(home)],
    ).fetchall()


def test_promote__replaces_what_an_earlier_load_of_the_days_said_and_notes_them(home: Home, tmp_path: Path):
    before = entry(write(tmp_path / "a", posts(0, 3)))
    first = extract(before, WEEK, context(home, before))
    raw.promote(home, first)
    more = entry(*before.path, write(tmp_path / "b", posts(3, 4, tag="q")))
    second = extract(more, Window(DAY + timedelta(days=2), WEEK.last_day), context(home, more))
    promotion = raw.promote(home, second)
    assert promotion.contribution_dates == tuple(DAY + timedelta(days=day) for day in range(2, 7))
    known = {(day - DAY).days for _, day, kind, start, _, _ in looks_in_raw(home) if kind == "post" and start}
    assert known == set(range(7))
    assert raw.promote(home, second).contribution_dates == (), "repeating it changes nothing"
    raw.promote(home, extract(more, WEEK, context(home, more)))
    assert len(looks_in_raw(home)) == 14, "one load speaks for all days again"


def test_promote__in_any_order_gives_the_same(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "a", posts(0, 7)))
    windows = [Window(DAY, DAY + timedelta(days=4)), Window(DAY + timedelta(days=3), WEEK.last_day)]
    states = []
    for order in (windows, windows[::-1]):
        other = Home(tmp_path / f"home{len(states)}").create()
        for window in order:
            raw.promote(other, extract(tea, window, context(other, tea)))
        states.append(looks_in_raw(other))
    assert states[0] == states[1]


def test_promote__live_loads_add_and_an_empty_day_is_a_day_to_build(home: Home):
    live = {"source": "reddit_api", "is_replayable": False}
    raw.promote(home, sealed_load(home, [], load_id="reddit_api-a", **live))
    assert raw.promote(home, sealed_load(home, [], load_id="reddit_api-b", **live)).contribution_dates == (NOON.date(),)
    assert len(looks_in_raw(home)) == 4
    assert {row[-1] for row in looks_in_raw(home)} == {"listed"}


# ---- homes from before ---------------------------------------------------------


def forget_coverage(home: Home) -> None:
    """Make a home what it was before there was coverage."""
    for file in (home.raw / "coverage").rglob("*"):
        if file.is_file():
            file.unlink()


def arrive(home: Home, load: Load, of: Any) -> None:
    quality.ensure_tables(home)
    raw.promote(home, load)
    rows = outcomes.arrival_rows(home, of, load, run_id=load.load_id, recorded_at=NOON)
    outcomes.record(home, rows, stem=load.load_id)


def test_homes_from_before__archives_prove_again_what_raw_holds(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 5)), write(tmp_path / "RC", comments(0, 3)))
    arrive(home, extract(tea, WEEK, context(home, tea)), tea)
    before = [row for row in looks_in_raw(home) if row[3] is not None]
    forget_coverage(home)
    derived = coverage_of_before.derive_once(home, Settings(communities=(tea,)), context(home, tea))
    assert derived is not None
    assert [row for row in looks_in_raw(home) if row[3] is not None] == before
    assert derived.derived_n == {"reddit/tea": 5}
    assert derived.to_load_again == {}, "days that nothing was known of lose nothing"
    assert coverage_of_before.derive_once(home, Settings(communities=(tea,)), context(home, tea)) is None, "once"


def test_homes_from_before__without_the_files_days_must_be_loaded_again(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 7)))
    arrive(home, extract(tea, WEEK, context(home, tea)), tea)
    forget_coverage(home)
    other = entry(write(tmp_path / "other", posts(0, 1, name="milk")), name="milk")
    derived = coverage_of_before.derive_once(home, Settings(communities=(other,)), context(home, other))
    assert derived is not None
    assert derived.derived_n == {}
    assert len(derived.to_load_again["reddit/tea"]) == 7
    read = coverage_of_before.read_derived(home)
    assert read == derived


def test_homes_from_before__live_days_are_as_their_outcomes_say(home: Home, tmp_path: Path):
    other = entry(write(tmp_path / "other", posts(0, 1, name="milk")), name="milk")
    live = other.model_copy(update={"name": "tea", "source": "reddit_api"})
    reason = "its stream of comments ends at 2026-10-06 09:30 UTC; with threads read one by one, 80.0% were seen"
    for number, why in enumerate((None, reason, "no reason that we know")):
        day = NOON.date() + timedelta(days=number)
        facts = {"incomplete_days": (day,), "partial_reason": why} if why else {}
        rows = [
            contribution(
                f"t3_{day.day}", created_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), source="reddit_api"
            )
        ]
        load = sealed_load(
            home,
            rows,
            load_id=f"reddit_api-{day}",
            window=Window.one_day(day),
            source="reddit_api",
            is_replayable=False,
            **facts,
        )
        arrive(home, load, live)
    forget_coverage(home)
    derived = coverage_of_before.derive_once(home, Settings(communities=(other,)), context(home, other))
    assert derived is not None
    found = {(row[1].day, row[2]): row[3] for row in looks_in_raw(home)}
    assert found == {
        (5, "post"): datetime(2026, 10, 5, tzinfo=UTC), (5, "comment"): datetime(2026, 10, 5, tzinfo=UTC),
        (6, "post"): datetime(2026, 10, 6, tzinfo=UTC), (6, "comment"): datetime(2026, 10, 6, 9, 30, tzinfo=UTC),
        (7, "post"): None, (7, "comment"): None,
    }  # fmt: skip
    assert derived.to_load_again == {"reddit/tea": (date(2026, 10, 7),)}


# ---- anything ------------------------------------------------------------------

files = st.lists(
    st.tuples(st.sampled_from(["post", "comment"]), st.integers(0, 9), st.integers(1, 10), st.integers(1, 6)),
    min_size=1, max_size=4,
)  # fmt: skip


@given(files=files, more=files)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_another_file__never_takes_a_proof_away(tmp_path: Path, files: list[Any], more: list[Any]):
    home = Home(tmp_path / "home").create()

    def looks_of(spans: Iterable[tuple[str, int, int, int]]) -> list[Look]:
        """What a load of the files would say. All in one home: what was parsed once is not parsed again."""
        paths = []
        for place, (kind, first, days_n, a_day) in enumerate(spans):
            records = posts(first, days_n, a_day=a_day, tag=f"f{place}x")
            if kind == "comment":
                records = [comment(one["id"], created_utc=one["created_utc"]) for one in records]
            paths.append(write(tmp_path / f"{place}-{kind}-{first}-{days_n}-{a_day}", records))
        tea = entry(*paths)
        window = Window(DAY - timedelta(days=1), DAY + timedelta(days=22))
        return list(open_archives(tea, context(home, tea)).looks(window))

    alone, together = (looks_of(spans) for spans in (files, [*files, *more]))
    for kind in ("post", "comment"):
        assert set(whole_in(alone, kind)) <= set(whole_in(together, kind))
    held = {kind for kind, *_ in files}
    for look in alone:
        if look.looked_from is not None:
            assert look.kind in held, "a file proves its own kinds only"
            assert any(
                kind == look.kind and first <= (look.day - DAY).days < first + days_n
                for kind, first, days_n, _ in files
            ), "and no day that it does not reach"


def test_open_archives__knows_whole_days_of_both_kinds(home: Home, tmp_path: Path):
    tea = entry(write(tmp_path / "RS", posts(0, 7)), write(tmp_path / "RC", comments(2, 3)))
    archive = open_archives(tea, source_context(home, Settings(communities=(tea,)), lambda: NOON, KEY))
    assert archive.whole_days(WEEK) == {DAY + timedelta(days=day) for day in (2, 3, 4)}
