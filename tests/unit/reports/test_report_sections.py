"""What the report says to do and why, what people ask for, promotions, what worked and when to post."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import duckdb
import pytest

from pulse.core.text import printable
from pulse.reports import acting, asking, data, five, people, posting, promoting, working, zones
from pulse.reports.contents import ALL, Action, Community, Event, Report, Slot
from report_samples import BRAND, MONTH, TOPIC, kpi_row, kpi_rows, month_of_marts

TEA, MATE = Community("reddit", "tea"), Community("reddit", "mate")


@pytest.fixture
def marts() -> Iterator[duckdb.DuckDBPyConnection]:
    """A month of two communities, tea with all that can be listened for."""
    with month_of_marts(["tea", "mate"]) as connection:
        yield connection


def read(connection: duckdb.DuckDBPyConnection, **options: Any) -> Report:
    kpis = kpi_rows("*") + kpi_rows("tea") + kpi_rows("mate", size=0.5)
    return data.read(connection, MONTH, kpis, **options)


def plain(text: object) -> str:
    return str(text).replace("\u00a0", " ")


# ---- what to do -------------------------------------------------------------


def test_actions__are_told_in_turns_of_their_rules_each_with_its_figures(marts: duckdb.DuckDBPyConnection):
    told = [(plain(one.title), plain(one.why), one.where) for one in acting.told(read(marts))]
    assert told == [
        (
            "Answer 18 questions that nobody answered",
            (
                "Of 146 that we were asked, 18 had no answer when the month ended: "
                "17 questions and 1 request for a recommendation."
            ),
            "tea",
        ),
        (
            "Find out what spoiled the mood, and say something",
            "It fell by 29 points on 14 October (likely 22 to 36).",
            "tea",
        ),
        (
            "Look into what more people complain about",
            "37 people voice it, 3.4 times (likely 1.9 to 6.1) as many as in the three months before.",
            "tea",
        ),
        (
            f"Thank 6 people who speak well of {BRAND}, unpaid",
            "Each told good things at first hand, on several days.",
            "tea",
        ),
        ("Join a talk that grows", "15 people wrote of it, at least 1.7 times the share of before.", "tea"),
        (
            "Post more pictures",
            "They get 1.6 times (likely 1.2 to 2.1) what other posts there get; 44 were seen.",
            "tea",
        ),
    ]


def test_actions__of_several_communities_take_turns_and_the_first_of_each_rule_comes_first(
    marts: duckdb.DuckDBPyConnection,
):
    marts.execute("insert into marts.fct_actions_monthly select * replace ('mate' as community) from "
                  "marts.fct_actions_monthly where rule in ('mood_turned', 'answer_unanswered')")  # fmt: skip
    told = [(one.title.split()[0], one.where) for one in acting.told(read(marts))]
    assert told[:6] == [(verb, "tea") for verb in ("Answer", "Find", "Look", "Thank", "Join", "Post")]
    assert told[6:] == [("Answer", "mate"), ("Find", "mate")]


def test_actions__lead_to_what_stands_and_to_nothing_that_was_taken_back(marts: duckdb.DuckDBPyConnection):
    unanswered = acting.told(read(marts))[0]
    assert unanswered.links == ("https://www.reddit.com/comments/a0/_/", "https://example.org/t/11/1")
    marts.execute("update marts.fct_contributions set removal = 'by_author' where contribution_id = 't3_a'")
    assert acting.told(read(marts))[0].links == ("https://example.org/t/11/1",)
    marts.execute("update marts.fct_contributions set contribution_date = date '2026-11-01'")
    assert acting.told(read(marts))[0].links == (), "nothing that was written after the month"


def test_actions__hold_words_of_a_topic_apart_and_only_where_enough_people_wrote_on_it():
    action = Action(TEA, 1, "need_grew", f"wish: {TOPIC}", 2.0, 1.5, 3.0, 10, ())
    assert acting._need([action])[:2] == ("Hear what more people wish for", printable(TOPIC))
    assert acting._need([replace(action, n=9)])[1] is None
    assert acting._need([replace(action, n=None)])[1] is None


def test_actions__of_a_rule_that_nobody_has_words_for_are_told_plainly(marts: duckdb.DuckDBPyConnection):
    marts.execute("update marts.fct_actions_monthly set rule = 'call_<b>them</b>', subject = null, n = 3")
    assert [plain(one.title) for one in acting.told(read(marts))] == ["Look into this: call <b>them</b> (3 cases)"]


def test_actions__are_made_of_the_turns_of_the_mood_where_there_are_none(marts: duckdb.DuckDBPyConnection):
    marts.execute("delete from marts.fct_actions_monthly")
    (told,) = acting.told(read(marts))
    assert (told.title, plain(told.why)) == (
        "Find out what spoiled the mood, and say something", "It fell by 29 points on 14 October.",
    )  # fmt: skip
    marts.execute("delete from marts.fct_sentiment_turns")
    assert acting.told(read(marts)) == []


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("weekday: monday", "posts on a Monday"),
        ("day_part: 06_to_11_utc", "posts from 6:00 to 12:00, UTC"),
        ("day_part: 18_to_23_utc", "posts from 18:00 to 24:00, UTC"),
        ("title_form: how_to", "how-tos"),
        ("shape: round_one", "posts of the kind round one"),
    ],
)
def test_forms__have_names_that_people_use(marts: duckdb.DuckDBPyConnection, subject: str, told: str):
    assert acting.form_words(read(marts), *subject.split(": ")) == told


@pytest.mark.parametrize(
    ("zone", "told"),
    [("Europe/Berlin", "7:00 to 13:00, Europe/Berlin"), ("Asia/Kolkata", "11:30 to 17:30, Asia/Kolkata")],
)
def test_forms__of_hours_are_in_the_time_zone_of_the_report(marts: duckdb.DuckDBPyConnection, zone: str, told: str):
    assert acting.form_words(read(marts, time_zone=zone), "day_part", "06_to_11_utc") == f"posts from {told}"


# ---- the five figures -------------------------------------------------------


def test_five_figures__are_the_known_ones_and_never_one_that_has_no_words(marts: duckdb.DuckDBPyConnection):
    kpis = [kpi_row("share_of_the_moon", 0.5, community="*", unit="per moon"), kpi_row("posts", 3.0, community="*")]
    report = data.read(marts, MONTH, kpis)
    assert [figure.kpi for figure in five.chosen(report)] == ["posts"]
    assert "Share of the moon" in str(five.everything(report).table), "it stands, plainly, among all figures"
    assert [figure.kpi for figure in five.chosen(read(marts))] == [
        "contributors", "comments", "response_rate_24h", "net_sentiment", "new_contributors",
    ]  # fmt: skip


# ---- needs, topics, brands, people ------------------------------------------


def test_needs__are_counted_by_community_and_say_what_they_rest_on(marts: duckdb.DuckDBPyConnection):
    found = asking.needs(read(marts))
    assert found is not None
    assert found["judged"] == "1,800"
    assert found["table"].columns == ("Community", "Complain", "Wish")
    assert [re.sub("<[^>]*>", "", " ".join(map(str, row))) for row in found["table"].rows] == [
        "tea 37 more, clearly 35", "mate 37 more, clearly 35",
    ]  # fmt: skip
    assert found["about"].rows[0][0] == printable(TOPIC)


def test_topics__of_few_people_are_left_out_since_their_words_may_be_one_persons(marts: duckdb.DuckDBPyConnection):
    found = asking.topics(read(marts))
    assert found is not None
    assert [plain(row[2]) for row in found["table"].rows] == ["79 (20 %)", "79 (20 %)"]
    marts.execute("update marts.fct_topics_monthly set people = 9")
    assert asking.topics(read(marts)) is None


def test_brands__are_of_everything_together_or_of_the_one_community(marts: duckdb.DuckDBPyConnection):
    marts.execute("update marts.fct_brand_awareness_monthly set people_n = 7 where community = 'tea'")
    for only, told in ((None, "258 (15 % of all)"), (TEA, "7 (15 % of all)")):
        found = asking.brands(read(marts, only=only))
        assert found is not None
        assert [plain(cell) for cell in found.rows[0][:2]] == [f"{BRAND} (ours)", told]
    marts.execute("update marts.fct_brand_awareness_monthly set people_n = 0")
    assert asking.brands(read(marts)) is None, "nobody named any"


def test_people__are_counted_and_never_named(marts: duckdb.DuckDBPyConnection):
    found = people.section(read(marts))
    assert found is not None
    assert [plain(one) for one in found["crowds"]] == [
        f"6 people speak well of {BRAND} in tea, unpaid.",
        "8 people answer again and again what others open, in tea.",
    ]


# ---- promotions and what worked ---------------------------------------------


def test_promotions__are_told_in_sentences_and_what_cannot_be_told_is_folded(marts: duckdb.DuckDBPyConnection):
    found = promoting.section(read(marts))
    assert found is not None
    assert [plain(one) for one in [*found["told"], *found["more"]]] == [
        "In tea our team wrote 113 times: 108 times to help 70 people, 5 times to promote; moderators took 2 down.",
        "Our team's 5 promotions in tea: taken worse than other posts, and clearly so (41 replies).",
        (
            "Cold brew (launch of 10 October) in tea: writing went up 18 % against communities without one, "
            "and clearly so."
        ),
        (
            "tea, our own: 52,054 members (+611 in the month), our team answered 21 % of 518 posts, half of them "
            "within 8 h 30 min."
        ),
        (
            "Tea week (offer of 1 September) in tea: what it did cannot be told, for too few communities without one "
            "to compare with."
        ),
    ]
    assert len(found["told"]) == 3


def test_promotions__of_long_ago_are_told_no_more(marts: duckdb.DuckDBPyConnection):
    marts.execute("update marts.fct_event_effects set event_date = date '2026-07-30' where event = 'Tea week'")
    assert [event.event for event in read(marts).events] == ["Cold brew"]
    assert promoting._event(Event(TEA, "offer", "x", MONTH.first_day, None, None, None)).endswith(
        "too little is known."
    )


def test_what_worked__tells_the_clearer_metric_of_a_form_and_no_tags(marts: duckdb.DuckDBPyConnection):
    marts.execute(
        "insert into marts.fct_content_performance "
        "select * replace ('tag' as dimension, 'name' as form) from marts.fct_content_performance"
    )
    found = working.section(read(marts))
    assert found is not None
    assert [plain(one) for one in found["forms"]] == [
        "Pictures in tea get 1.6 times the score of other posts, and clearly so (likely 1.2 to 2.1; 44 posts)."
    ]


# ---- when to post -----------------------------------------------------------


def slots(**changes: Any) -> list[Slot]:
    return [
        replace(Slot(day, hour, 0, 20, None, None, None), **(changes if (day, hour) == (7, 22) else {}))
        for day, hour in product(range(1, 8), range(24))
    ]


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (0, "Sunday evening"),
        (2, "Monday night"),
        (-5, "Sunday afternoon"),
        (5.5, "Monday night"),
        (12, "Monday morning"),
    ],
)
def test_parts__are_of_the_time_zone_across_the_week_s_end(hours: float, told: str):
    found = posting.parts(slots(posts=9), timedelta(hours=hours))
    assert len(found) == 28
    assert sum(part.posts for part in found) == 9
    assert posting.busiest(found) == told


def test_parts__do_better_only_where_all_their_hours_together_are_beyond_chance_among_28():
    sure = {"score_vs_usual": 1.5, "score_vs_usual_low": 1.3, "score_vs_usual_high": 1.73}
    unsure = {"score_vs_usual": 1.5, "score_vs_usual_low": 1.05, "score_vs_usual_high": 2.14}
    for bounds, told in ((sure, "Sunday evening, 1.5 times"), (unsure, "–")):
        assert plain(posting.better(posting.parts(slots(posts=9, **bounds), timedelta()))) == told
    assert posting.better(posting.parts(slots(), timedelta())) == "–"
    both = [replace(slot, **unsure) if (slot.weekday, slot.hour_utc // 6) == (7, 3) else slot for slot in slots()]
    assert posting.better(posting.parts(both, timedelta())) != "–", "six unsure hours are sure together"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "UTC"),
        ("Europe/Berlin", "Europe/Berlin, 1 h ahead of UTC"),
        ("America/New_York", "America/New_York, 4 h behind UTC"),
        ("Asia/Kolkata", "Asia/Kolkata, 5 h 30 min ahead of UTC"),
        ("Africa/Abidjan", "Africa/Abidjan, the same as UTC"),
    ],
)
def test_zone__goes_by_its_offset_on_the_last_day_of_the_month(marts: duckdb.DuckDBPyConnection, zone: str, told: str):
    # Berlin leaves summer time on 25 October, New York on 1 November.
    report = read(marts, time_zone=zone)
    assert zones.name(zone, zones.offset_at(report)) == told
    found = posting.section(report)
    assert found is not None
    assert found["zone"] == told


# ---- one community ----------------------------------------------------------


def test_report_of_one_community__has_its_rows_and_nobody_elses(marts: duckdb.DuckDBPyConnection):
    marts.execute(
        "insert into marts.fct_community_monthly "
        "select * replace ('reddit' as platform, 'mate' as community) from marts.fct_community_monthly"
    )
    report = read(marts, only=MATE)
    assert report.communities == (MATE,)
    assert set(report.kpis) == {MATE}
    assert report.headline == report.kpis[MATE]
    assert (report.actions, report.turns, report.pitches, report.crowds) == ((), (), (), ())
    for part in ("moods", "heatmaps", "participation", "newcomers", "profiles", "needs", "topics"):
        assert {one.of for one in getattr(report, part)} == {MATE}, part
    assert set(report.days_known) == {MATE}
    assert report.days[0].communities_n == 1
    assert len((report.monthly or {})["comments"]) == 6
    assert read(marts, only=TEA).kpis.get(ALL) is None
