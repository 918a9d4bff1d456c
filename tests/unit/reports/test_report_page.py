"""The monthly report: what people wrote does no harm, what is unknown is not zero, equal input gives equal bytes."""

import base64
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import pyarrow.parquet as pq
import pytest

from pulse.config.report import ReportPolicy
from pulse.core.errors import StorageError
from pulse.core.home import REPOSITORY, Home
from pulse.core.text import printable
from pulse.lake.kpi_store import KPI_MONTHLY, TABLES
from pulse.reports import (
    LostVersion,
    ReportFiles,
    charts,
    completeness,
    data,
    five,
    layout,
    page,
    posting,
    write_report,
)
from pulse.reports.contents import Day, Point, Slot
from pulse.showing import colours, figures, words
from report_samples import BUILT_AT, MONTH, NAUGHTY, kpi_row, kpi_rows, marts, month_of_marts, parsed

COMMUNITIES_N = 300
QUOTING = ReportPolicy(quotes=True)


def write(
    home: Home, kpis: Sequence[dict[str, Any]], connection: duckdb.DuckDBPyConnection | None = None, **options: Any
) -> ReportFiles:
    with connection or marts({}) as opened:
        return write_report(home, MONTH, kpis, connection=opened, clock=lambda: BUILT_AT, **options)


def text_of(files: ReportFiles) -> str:
    return parsed(files.page.read_text(encoding="utf-8")).text


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    """A month of 300 communities, the most active of which, and their texts, mean harm.

    Its charts are held against Vega-Lite's schema, as all of them would be if that took no time.
    """
    names = [*NAUGHTY, *(f"community_{number:03}" for number in range(COMMUNITIES_N - len(NAUGHTY)))]
    kpis = [row for place, name in enumerate(names) for row in kpi_rows(name, size=1 / (1 + place))]
    home = Home(tmp_path_factory.mktemp("large")).create()
    connection = month_of_marts(names, quote=" ".join(NAUGHTY))
    held_n = 0
    as_drawn = alt.TopLevelMixin.to_dict

    def held_against_the_schema(chart: alt.TopLevelMixin, **options: Any) -> dict[str, Any]:
        nonlocal held_n
        if "context" in options:  # a layer of a chart, which is no whole chart by itself
            return as_drawn(chart, **options)
        held_n += 1
        return as_drawn(chart, **options | {"validate": True})

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(alt.TopLevelMixin, "to_dict", held_against_the_schema)
        written = write(
            home,
            kpi_rows("*") + kpis,
            connection,
            policy=QUOTING,
            run_url="https://airflow.example.org/dags/kpi_monthly",
        )
    assert held_n > 10
    return written


# ---- what people wrote -----------------------------------------------------


def test_page__shows_hostile_names_and_texts_as_text_and_nothing_else(large: ReportFiles):
    html = large.page.read_text(encoding="utf-8")
    found = parsed(html)
    for text in NAUGHTY:
        assert " ".join(printable(text, max_chars=60).split()) in found.text
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "base", "form", "image", "use", "b"}
    assert [tag for tag, _ in found.tags].count("style") == 1
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src", "xlink:href"}], tag
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", html)
    assert "مرحبا" in html


def test_page__leads_nowhere_but_to_itself_and_to_web_pages(large: ReportFiles):
    found = parsed(large.page.read_text(encoding="utf-8"))
    addresses = [str(attributes["href"]) for tag, attributes in found.tags if tag == "a"]
    outside = [address for address in addresses if not address.startswith("#")]
    assert set(outside) == {
        "https://www.reddit.com/comments/a0/_/", "https://example.org/t/11/1",
        "https://airflow.example.org/dags/kpi_monthly",
    }  # fmt: skip
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in addresses if address.startswith("#")} <= set(ids)


def test_page__allows_itself_its_own_style_and_nothing_from_outside(large: ReportFiles):
    html = large.page.read_text(encoding="utf-8")
    (policy,) = [attributes["content"] for _, attributes in parsed(html).tags if "http-equiv" in attributes]
    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style


def test_charts__hold_nothing_that_people_wrote(large: ReportFiles):
    drawn = re.findall(r"<svg.*?</svg>", large.page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(drawn) > 15
    for chart in drawn:
        assert {tag for tag, _ in parsed(chart).tags} <= {"svg", "g", "path", "rect", "line", "text"}
        assert not set(re.findall(r"[A-Za-z]+", parsed(chart).text)) - {
            *(name[:3] for name in (*figures.WEEKDAYS, *figures.MONTHS)), *posting.PARTS, "points",
        }  # fmt: skip


def test_texts__that_were_taken_back_are_gone_from_a_report_that_is_built_again(home: Home):
    turn = ("fct_sentiment_turns", "fct_sentiment_turn_evidence", "fct_contributions", "fct_post_performance")
    connection = month_of_marts(["tea"], quote="Nobody answers me", only=turn)
    with connection.cursor() as opened:
        text = text_of(write(home, kpi_rows("*") + kpi_rows("tea"), opened, policy=QUOTING))
        assert "Nobody answers me 1" in text
    connection.execute("update marts.fct_contributions set title = null, body = null, permalink = null")
    text = text_of(write(home, kpi_rows("*") + kpi_rows("tea"), connection, policy=QUOTING))
    assert "Nobody answers me" not in text
    assert "tea , worse from Wednesday, 14 October 2026" in text, "the turn itself stays"


@pytest.mark.parametrize(("quotes", "platform"), [(False, "reddit"), (True, "discourse"), (True, "nobody_knows_it")])
def test_quotes__stand_nowhere_unless_the_config_and_the_platforms_terms_allow_them(
    home: Home, quotes: bool, platform: str
):
    connection = month_of_marts(["tea"], quote="Nobody answers me")
    for (table,) in connection.execute("select table_name from information_schema.tables").fetchall():
        if {"platform", "community"} <= {name for name, *_ in connection.execute(f"describe marts.{table}").fetchall()}:
            connection.execute(f"update marts.{table} set platform = '{platform}' where platform = 'reddit'")
    kpis = kpi_rows("*") + [{**row, "platform": platform} for row in kpi_rows("tea")]
    files = write(home, kpis, connection, policy=ReportPolicy(quotes=quotes))
    assert "worse from Wednesday, 14 October 2026" in text_of(files)
    for file in files.folder.iterdir():
        assert b"Nobody answers me" not in file.read_bytes(), file.name
    document = json.loads(files.document.read_bytes())
    assert document["quoted"] == []
    assert {row["contribution_id"] for row in document["linked"]} >= {"t3_a", "t1_after1"}


# ---- size ------------------------------------------------------------------


def test_page__of_300_communities_is_small_and_has_them_all(large: ReportFiles):
    assert large.page.stat().st_size < 2_000_000
    text = text_of(large)
    for number in range(COMMUNITIES_N - len(NAUGHTY)):
        assert f"community_{number:03} " in text
    assert f"{COMMUNITIES_N - layout.SHOWN_N} more" in text


# ---- figures ---------------------------------------------------------------


def test_figures__that_cannot_be_seen_are_told_so_and_never_zero(home: Home):
    names = list(words.KPIS)
    caveats = {"likes": "not_observable", "stickiness": "small_n", "new_contributors": "left_censored"}
    rows = [
        kpi_row(name, None, community=community, n=4, caveat=caveats.get(name))
        for name in names
        for community in ("*", "tea")
    ]
    html = write(home, rows).page.read_text(encoding="utf-8")
    text = parsed(html).text
    assert 'class="value"' not in html
    assert "There is nothing to tell of this month." in text
    for words_of_it in (
        "Likes : the platform does not show it to us",
        "Share of days on which a person wrote : too few cases to tell, 4 of them",
        "People who wrote for the first time : our history begins too late to know",
        "Half of the posts are answered within : fewer than half of the posts were answered",
    ):
        assert words_of_it in text
    table = html.split('aria-label="Communities, most active first"')[1].split("</table>")[0]
    cells = re.findall(r'<td class="number" data-label="[^"]*"><bdi>(.*?)</bdi>', table)
    assert len(cells) == 5
    assert set(cells) == {'<span class="none">not visible</span>'}


UNREAD = ("comments", "conversations", "engagement_per_contributor", "response_rate_24h", "median_first_response_h")
READ_SECTIONS = (
    "fct_community_daily", "fct_community_monthly", "fct_sentiment_monthly", "fct_participation_monthly",
    "fct_community_profile_monthly",
)  # fmt: skip


def rows_without_comments(community: str) -> list[dict[str, Any]]:
    """A month of which posts alone were read, as it is frozen."""
    unknown = dict.fromkeys(
        ("value", "n", "value_low", "value_high", "change", "change_share", "is_change_clear", "value_month_before",
         "change_month_before", "change_month_before_share")
    ) | {"caveat": "comments_not_read,incomplete"}  # fmt: skip
    rows = [row for row in kpi_rows(community) if row["kpi"] not in {"visits", "revenue"}]
    told = [
        row | (unknown if row["kpi"] in UNREAD else {"caveat": "comments_not_read" if row["kpi"] != "posts" else None})
        for row in rows
    ]
    return [*told, kpi_row("platform_replies", 756.0, n=248, community=community)]


def marts_without_comments(communities: Sequence[str], *, unread: Sequence[str]) -> duckdb.DuckDBPyConnection:
    connection = month_of_marts(communities, only=READ_SECTIONS)
    for community in unread:
        connection.execute("update marts.fct_community_daily set comments = null where community = ?", [community])
    connection.execute("update marts.fct_community_daily set posts = 3, is_day_complete = true where posts is null")
    connection.execute("update marts.fct_community_monthly set platform_replies_age_h = 36")
    connection.execute(
        "update marts.fct_community_profile_monthly set newcomer_response_rate_24h = null, "
        "other_response_rate_24h = null, openness = null, openness_low = null, openness_high = null"
    )
    return connection


def test_comments_that_nobody_read__are_not_known_and_the_platforms_own_count_stands_beside(home: Home):
    connection = marts_without_comments(["tea"], unread=["tea"])
    connection.execute(
        "update marts.fct_community_monthly set comments = null, response_rate_24h = null "
        "where month_start_date = date '2026-10-01'"
    )
    files = write(home, rows_without_comments("*") + rows_without_comments("tea"), connection)
    html, text = files.page.read_text(encoding="utf-8"), text_of(files).replace("\u00a0", " ")
    assert "Comments were not read; the platform itself counts 756 replies to the posts." in text
    assert "Posts 1,608 up 12 %, and clearly so" in text
    for label in ("Comments, Conversations", "Likes and comments that a person got", "Posts answered within a day"):
        assert re.search(f"{label}[A-Za-z ,]*: comments were not read", text), label
    assert "Replies, as the platform counts them 756 – 3.0 per post, seen about 36 h after writing" in text
    assert not re.search(r"(?<![\d,.])0( %| comments)", text), "no zero that nobody looked at"
    table = html.split('aria-label="Communities, most active first"')[1].split("</table>")[0]
    assert "not visible" not in table
    assert parsed(table.split("<tbody>")[1].split("</tbody>")[0]).text.startswith("tea 1,608 +12 % not read 756 1,204")
    days = html.split("<bdi>Posts by day</bdi>")[1].split("</figure>")[0]
    assert not re.search("comments|--series-1", days), "no empty bars, no colour of theirs"
    assert text.count("Of posts alone: comments were not read.") == 2, "beside the mood, and beside the people"
    assert "all 31 days whole; comments were not read" in text
    assert "tea small steady close closed" in text
    assert "Newcomers answered" not in text, "a column of which nothing is known"


def test_comments_that_were_read_of_some_communities__are_said_to_be_of_those(home: Home):
    of_all = [
        row | {"caveat": "comments_not_read"} for row in kpi_rows("*") if row["kpi"] in {"posts", "likes", *UNREAD}
    ]
    kpis = of_all + kpi_rows("tea") + rows_without_comments("mate")
    text = text_of(write(home, kpis, marts_without_comments(["tea", "mate"], unread=["mate"]))).replace("\u00a0", " ")
    assert "Comments of mate were not read; the platform itself counts 756 replies to the posts." in text
    assert "only of communities whose comments were read" in text
    assert "of posts alone, where comments were not read" in text
    assert text.count("Partly of posts alone: comments of mate were not read.") == 2
    assert "Posts and comments by day" in text


def test_reasons__of_what_is_not_visible_are_said_once_each(home: Home):
    text = text_of(write(home, kpi_rows("*")))
    assert text.count("the platform does not show it to us") == 1
    assert "Awards, Reactions : the platform does not show it to us" in text


def test_caveat__that_stands_against_many_figures_is_said_once(home: Home):
    rows = [row | {"caveat": "incomplete", "days_complete_n": 20} for row in kpi_rows("*")]
    text = text_of(write(home, rows))
    assert text.count("days are missing, 20 of 31 are complete") == 1
    assert "[a] days are missing, 20 of 31 are complete" in text
    assert text.count("[a]") == 1 + sum(row["value"] is not None for row in rows)
    assert "beware" not in text.casefold()


def test_zero__is_a_figure(home: Home):
    text = text_of(write(home, [kpi_row("posts", 0.0), kpi_row("comments", 0.0, community="*")]))
    assert "There is no month before to compare with." in text
    assert "The month in figures Comments 0 There" in text
    assert "not visible" not in text.split("All figures")[1].split("Community by community")[0]


@pytest.mark.parametrize(
    ("value", "kind", "unit", "told"),
    [
        (12_345.0, "count", None, "12,345"),
        (0.0, "count", None, "0"),
        (-3.0, "count", None, "−3"),
        (0.123, "share", None, "12.3 %"),
        (0.864, "share", None, "86 %"),
        (0.0, "share", None, "0 %"),
        (-0.004, "share", None, "−0.4 %"),
        (0.142, "points", None, "+14"),
        (-0.031, "points", None, "−3.1"),
        (0.0, "points", None, "±0"),
        (-0.0001, "points", None, "±0"),
        (0.001, "hours", None, "under 1 min"),
        (0.58, "hours", None, "35 min"),
        (2.25, "hours", None, "2 h 15 min"),
        (2.0, "hours", None, "2 h"),
        (14.4, "hours", None, "14 h"),
        (81.6, "hours", None, "3.4 days"),
        (23.41, "ratio", None, "23"),
        (3.41, "ratio", None, "3.4"),
        (1_250.4, "money", "EUR", "1,250 EUR"),
        (9.5, "money", "JPY", "9.50 JPY"),
        (-9.5, "money", None, "−9.50"),
    ],
)
def test_figure__reads_as_people_write_it(value: float, kind: words.Kind, unit: str | None, told: str):
    assert figures.figure(value, kind, unit).replace("\u00a0", " ") == told


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (50.0, "count", "+50"),
        (-0.021, "share", "−2.1 points"),
        (0.2, "points", "+20 points"),
        (-0.5, "hours", "−30 min"),
        (0.0, "hours", "±0 min"),
        (0.0, "share", "±0 points"),
    ],
)
def test_difference__has_its_sign_and_unit(change: float, kind: words.Kind, told: str):
    assert figures.difference(change, kind).replace("\u00a0", " ") == told


def test_percent_change__grows_into_times():
    told = [figures.percent_change(share).replace("\u00a0", " ") for share in (-1.0, -0.034, 0.0, 0.08, 1.5, 2.2)]
    assert told == ["−100 %", "−3.4 %", "±0 %", "+8.0 %", "+150 %", "×3.2"]


def test_days_in_words__draws_runs_together():
    days = [date(2026, 10, day) for day in (14, 3, 7, 8, 9)]
    assert figures.days_in_words(days) == "3, 7 to 9 and 14 October"
    assert figures.days_in_words(days[:1]) == "14 October"
    assert figures.days_in_words([]) == ""


@pytest.mark.parametrize(
    ("change", "is_clear", "tone", "told"),
    [
        (0.05, True, "good", "up 5.0 points, and clearly so"),
        (0.01, False, "open", "up 1.0 points, could be chance"),
        (-0.05, True, "bad", "down 5.0 points, and clearly so"),
        (0.0, False, "open", "unchanged, could be chance"),
        (0.05, None, "open", "up 5.0 points"),
        (None, None, "none", "September cannot be compared"),
    ],
)
def test_figure__calls_a_change_good_or_bad_only_where_it_is_clear(
    change: float | None, is_clear: bool | None, tone: str, told: str
):
    # Last month's value outside this month's interval says nothing by itself: it has an error of its own.
    row = kpi_row(
        "response_rate_24h", 0.86, unit="share", value_low=0.842, value_high=0.876, value_month_before=0.5,
        change=change, is_change_clear=is_clear,
    )  # fmt: skip
    found = five._figure(data._kpi(row), MONTH.first_day)
    assert (found.tone, str(found.change).replace("\u00a0", " ")) == (tone, told)


def told_change(**columns: Any) -> tuple[str, str]:
    row = kpi_row("comments", 90.0, value_month_before=100.0, change_month_before=-10.0, change_month_before_share=-0.1)
    found = five._figure(data._kpi(row | columns), MONTH.first_day)
    return found.tone, str(found.change).replace("\u00a0", " ")


def test_figure__of_a_count_is_neither_good_nor_bad():
    assert told_change(change=-10.0, change_share=-0.1, is_change_clear=True) == ("even", "down 10 %, and clearly so")
    assert told_change(change=-10.0, change_share=-0.1, is_change_clear=False) == ("open", "down 10 %, could be chance")


def test_figure__tells_the_change_day_for_day_where_the_values_make_another():
    told = told_change(change=0.0, change_share=0.0, is_change_clear=False)
    assert told == ("open", "unchanged, could be chance")


def test_figure__of_months_that_cannot_be_compared_tells_no_change():
    assert told_change() == ("none", "September cannot be compared")


def test_figure__of_a_month_frozen_before_changes_were_judged_tells_the_difference_and_no_verdict():
    row = kpi_row("comments", 90.0, value_month_before=100.0, change_month_before=-10.0, change_month_before_share=-0.1)
    for name in ("change", "change_low", "change_high", "is_change_clear", "change_share"):
        del row[name]
    found = five._figure(data._kpi(row), MONTH.first_day)
    assert (found.tone, str(found.change).replace("\u00a0", " ")) == ("open", "down 10 %")


def test_figures__say_of_each_change_whether_it_is_clear_and_only_clear_ones_are_bold(home: Home):
    files = write(home, kpi_rows("*") + kpi_rows("tea"))
    text = text_of(files).replace("\u00a0", " ")
    assert "People who took part 1,204 up 7.7 %, could be chance" in text
    assert "Posts answered within a day 86 % up 5.0 points, and clearly so" in text
    assert "Posts 1,608 +12 % 1,528 to 1,688" in text
    html = files.page.read_text(encoding="utf-8").replace("\u00a0", " ")
    assert '<span class="step clear">+12 %</span>' in html
    assert '<span class="step">+6.4 %</span>' in html
    assert "<strong>+12 %</strong>" in html
    assert "<strong>+6.4 %</strong>" not in html


def test_quotes__of_a_month_are_not_from_after_it(home: Home):
    connection = month_of_marts(["tea"], quote="Said of it")
    connection.execute(
        "update marts.fct_contributions set contribution_date = date '2026-11-01' where contribution_id = 't1_after1'"
    )
    text = text_of(write(home, kpi_rows("*") + kpi_rows("tea"), connection, policy=QUOTING))
    assert "Said of it 2" in text
    assert "negative comment, 1 November" not in text.replace("\u00a0", " ")
    assert "negative comment, 16 October" in text.replace("\u00a0", " ")


def test_posts_that_did_best__show_what_they_are_ordered_by_and_their_age(home: Home):
    text = text_of(write(home, kpi_rows("*") + kpi_rows("tea"), month_of_marts(["tea"]))).replace("\u00a0", " ")
    assert "at the same age: after a day and a half." in text
    assert "tea , 14 October: 120 points, 44 replies; better than at least 90 % of 140." in text


def test_words__are_there_for_the_kpis_of_the_model_and_for_no_others():
    defined = (REPOSITORY / "dbt_project" / "macros" / "kpis.sql").read_text(encoding="utf-8")
    assert set(words.KPIS) == set(re.findall(r"'kpi': '(\w+)'", defined))


def test_words__know_what_must_have_been_read_for_a_kpi_as_the_model_does():
    defined = (REPOSITORY / "dbt_project" / "macros" / "kpis.sql").read_text(encoding="utf-8")
    kinds = dict(re.findall(r"'kpi': '(\w+)', 'kinds': '(\w+)'", defined))
    assert len(kinds) >= 7
    assert {kpi: told.kinds for kpi, told in words.KPIS.items() if told.kinds} == {
        kpi: ("posts", "comments") if kind == "both" else (kind,) for kpi, kind in kinds.items()
    }


def test_words__lead_to_headings_of_the_metrics_document():
    document = REPOSITORY / "docs" / "metrics.md"
    headings = set(re.findall(r"^### (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {told.metric for told in words.KPIS.values()} <= headings


def test_sections__tell_who_takes_part_how_newcomers_fare_and_what_goes_with_results(large: ReportFiles):
    text = text_of(large)
    for told in (
        "community_000 388 17 people 25 % of 80",
        "community_000 69 154 165",
        "Core 12,000 – – 1,800", "Not here yet – – 36,000 –",
        "Many comments in <script>alert('a')</script> revenue in EUR 3 days later go up together, and clearly so",
        "Many comments in <script>alert('a')</script> visits on the same day could be chance",
    ):  # fmt: skip
        assert told in text.replace("\u00a0", " "), told


# ---- completeness, versions, what is not there -----------------------------


def test_incomplete_month__names_the_days_and_who_lacks_them(home: Home):
    connection = month_of_marts(["tea", "mate"], only=["fct_community_daily"])
    text = text_of(write(home, kpi_rows("*") + kpi_rows("tea"), connection))
    assert "Not everything is known: mate lacks 1 day, tea lacks 1 day." in text.replace("\u00a0", " ")
    assert "tea and mate : 30 days whole, 1 damaged or stopped on arrival (10 October)" in text.replace("\u00a0", " ")
    assert "0 of 2 communities were looked at on all 31 days, from end to end." in text


STATES = {  # day of October: what is published of it
    1: "posts = null, comments = null, is_day_complete = false, outcome = null",
    2: "posts = null, comments = null, is_day_complete = false, outcome = 'partial'",
    3: "posts = 4, comments = null, is_day_complete = false, outcome = 'partial'",
    4: "posts = null, comments = null, is_day_complete = false, outcome = 'quarantined'",
    5: "posts = 0, comments = 0, is_day_complete = true, outcome = 'empty'",
    6: "posts = 0, comments = 0, is_day_complete = true, outcome = 'empty', is_silent_everywhere = true",
    7: "posts = 0, comments = 3, is_day_complete = true, outcome = 'arrived'",
}


def month_of_all_states() -> duckdb.DuckDBPyConnection:
    """A month of one community whose first days are each in another state."""
    connection = month_of_marts(["tea"], only=["fct_community_daily"])
    for day, columns in STATES.items():
        connection.execute(f"update marts.fct_community_daily set {columns} where day(contribution_date) = {day}")
    connection.execute("delete from marts.fct_community_daily where day(contribution_date) = 30")
    return connection


def test_days__are_told_by_what_is_known_of_them_and_drawn_in_a_shape_each(home: Home):
    html = write(home, kpi_rows("*") + kpi_rows("tea"), month_of_all_states()).page.read_text(encoding="utf-8")
    text = parsed(html).text.replace("\u00a0", " ")
    assert (
        "23 days whole, 1 without a post or comment (5 October), 1 silent everywhere (6 October), "
        "1 in part (3 October), 2 damaged or stopped on arrival (4 and 10 October), "
        "3 that nobody looked at (1 to 2 and 30 October); comments were read on 25 days only"
    ) in text
    (strip,) = re.findall(r'<bdi>tea</bdi></span>\s*(<span class="strip".*?</span>)', html, flags=re.DOTALL)
    assert Counter(re.findall(r'<i class="day-(\w+)">', strip)) == {
        "whole": 23, "empty": 1, "silent": 1, "partial": 1, "failed": 2, "unknown": 3,
    }  # fmt: skip
    legend = html.split('class="legend day-legend"')[1].split("</ul>")[0]
    assert all(told in legend for told in completeness.STATES.values())


def test_day__that_was_silent_everywhere_is_named_once_and_said_to_be_left_out(home: Home):
    rows = [row | {"caveat": "silent_everywhere"} for row in kpi_rows("*") if row["value"] is not None]
    text = text_of(write(home, rows + kpi_rows("tea"), month_of_all_states())).replace("\u00a0", " ")
    assert text.count("Silent everywhere on Tuesday, 6 October 2026: 1 community of one source showed nothing") == 1
    assert "figures per day leave this day out." in text
    assert text.count("[a]") == 2, "beside the one figure that leaves the day out, and not beside all others"
    assert "[a] 6 October left out: nothing was shown anywhere" in text
    assert "Dashed line: silent everywhere (6 October)." in text


def test_silent_days__of_all_together_are_those_on_which_nobody_else_wrote(home: Home):
    connection = month_of_marts(["tea", "mate"], only=["fct_community_daily"])
    connection.execute(
        "update marts.fct_community_daily set is_silent_everywhere = true, posts = 0, comments = 0 "
        "where day(contribution_date) = 6 or (day(contribution_date) = 7 and community = 'tea')"
    )
    report = data.read(connection, MONTH, kpi_rows("*") + kpi_rows("tea"))
    assert [day.day for day in report.silent_days] == [6, 7]
    assert [day.day for day in report.days_silent_in_all] == [6]


def test_strip__shows_each_state_in_another_shape_whatever_its_colour():
    style = (Path(page.__file__).parent / "page.css").read_text(encoding="utf-8")
    rules = dict(re.findall(r"\.strip \.day-(\w+) \{ (.*?) \}", style))
    assert re.search(r"\.strip i \{[^}]*border: 1\.5px solid", style), "an empty day is a frame"
    assert set(rules) == {"whole", "silent", "partial", "failed", "unknown"}
    shapes = {state: re.sub(r"var\(--[a-z0-9-]+\)|border-color: [^;]*;", "", rule) for state, rule in rules.items()}
    assert len(set(shapes.values())) == 5


def test_name__that_nothing_ever_matched_is_said_once_and_stands_in_no_table(home: Home):
    connection = month_of_marts(["tea", "<b>Tee</b>"], only=["fct_community_daily"])
    connection.execute(
        "update marts.fct_community_daily set outcome = 'never_seen', posts = null, comments = null, "
        "is_day_complete = false, is_never_seen = false where community <> 'tea'"
    )
    unknown = [row | {"value": None, "caveat": "incomplete"} for row in kpi_rows("<b>Tee</b>")]
    files = write(home, kpi_rows("*") + kpi_rows("tea") + unknown, connection)
    text = text_of(files)
    assert text.count("<b>Tee</b>") == 1, "as text, and once"
    assert "Never seen: nothing ever matched <b>Tee</b>. It is in no figure of this page" in text
    assert "<b>" not in files.page.read_text(encoding="utf-8")
    assert "1 community on Reddit" in text.replace("\u00a0", " ")
    assert "0 of 1 community was looked at" in text.replace("\u00a0", " "), "nor among those that should have arrived"
    assert json.loads(files.document.read_bytes())["never_seen"] == [{"platform": "reddit", "community": "<b>Tee</b>"}]
    assert "Tee" in files.kpis_csv.read_text(encoding="utf-8"), "what was frozen is handed over as it is"


def test_month_that_is_not_over_in_the_marts__names_the_days_that_no_run_brought(home: Home):
    connection = month_of_marts(["tea"], only=["fct_community_daily"])
    connection.execute("delete from marts.fct_community_daily where contribution_date > date '2026-10-28'")
    text = text_of(write(home, kpi_rows("*") + kpi_rows("tea"), connection))
    assert "no run has brought 29 to 31 October" in text
    assert "tea : 27 days whole, 1 damaged or stopped on arrival (10 October), 3 that nobody looked at" in text.replace(
        "\u00a0", " "
    )


def test_first_version__has_no_section_of_changes_and_a_later_one_says_what_and_why(home: Home):
    assert "What changed" not in text_of(write(home, kpi_rows("*")))
    rows = [row | {"version": 2} for row in kpi_rows("*")]
    change = {name: rows[0][name] for name in ("platform", "community", "kpi", "version", "reported_at", "state_id")}
    restatements = [
        change | {"old_value": 1_600.0, "new_value": 1_608.0, "reasons": "late_data"},
        change | {"kpi": "stickiness", "old_value": 0.124, "new_value": 0.124, "reasons": "earlier_month"},
    ]
    text = text_of(write(home, rows, restatements=restatements))
    assert "This is version 2 of the month" in text
    assert "Posts All communities together 1,600 1,608 data came late version 2, 1 November" in text
    assert "1 figure kept its value" in text


@pytest.mark.parametrize(
    ("lost", "told", "shown"),
    [
        (
            [LostVersion(1, True, True)],
            "Version 1 of this month is missing: what was frozen then is damaged and was set aside",
            "This page shows version 2.",
        ),
        (
            [LostVersion(3, True, False), LostVersion(1, True, False)],
            "Versions 1 and 3 of this month are missing: what was frozen then is damaged, so nobody can tell",
            "This page shows version 2, not the last one: `pulse report 2026-10 --again` makes one that holds.",
        ),
    ],
)
def test_version__that_is_lost_is_named_and_nothing_is_said_of_what_changed_with_it(
    home: Home, lost: list[LostVersion], told: str, shown: str
):
    text = text_of(write(home, [row | {"version": 2} for row in kpi_rows("*")], lost=lost))
    assert (text.count(told), text.count(shown)) == (1, 1)
    assert "closed again after figures had changed" not in text
    assert "No figure of the month itself changed." not in text
    assert text.count("what changed with it cannot be told.") == 1


def test_version__of_which_only_the_changes_are_lost_keeps_its_figures(home: Home):
    rows = [row | {"version": 2} for row in kpi_rows("*")]
    text = text_of(write(home, rows, lost=[LostVersion(2, False, True)]))
    assert "This is version 2 of the month" in text
    assert "This page shows version" not in text
    assert "Version 2 of this month is missing" not in text
    assert "What version 2 changed is missing and cannot be told." in text


def test_marts__that_are_not_there_leave_sections_out_and_the_frozen_figures_stay(home: Home):
    with duckdb.connect() as connection:
        text = text_of(write(home, kpi_rows("*"), connection))
    assert "1,608" in text
    assert "Nothing stands out clearly this month: go on as you do." in text
    assert (
        text.count(
            "Left out, because nothing is known or configured of it: how people feel, what people ask for, "
            "what people talk about, brands, who takes part, promotions, what worked and when to post."
        )
        == 1
    )
    for heading in ("How people feel", "What people ask for", "Who takes part", "Promotions", "What worked", "When to"):
        assert heading not in text


def test_numbers__that_are_none_are_not_known(home: Home):
    rows = [kpi_row("stickiness", float("nan"), community="*", unit="share", value_high=float("inf"))]
    files = write(home, rows)
    assert "Share of days on which a person wrote : it was not seen in this month" in text_of(files)
    assert json.loads(files.document.read_bytes())["kpis"][0]["value"] is None


def test_month_without_anything__is_a_page_that_says_so(home: Home):
    text = text_of(write(home, []))
    assert "No figures were frozen for this month." in text
    assert "There is nothing to tell of this month." in text


# ---- charts ----------------------------------------------------------------


def test_charts__take_their_colours_from_the_page():
    slots = [Slot(day, hour, 3, 20, 1.2, 1.1, 1.3) for day, hour in product(range(1, 8), range(24))]
    parts = posting.parts(slots, timedelta())
    assert all(part.is_better for part in parts), "each six hours of a sure fifth more"
    points = [Point(date(2026, 10, day), 0.1 * day, 0.05, 0.5, day != 3) for day in range(1, 5)]
    for chart in (
        charts.days([Day(day, 1, 2, 2, 1) for day in MONTH.window.days()]),
        charts.line(points, "points", low=-0.5, high=0.5),
        charts.line(points, "count", is_monthly=True),
        charts.week(parts),
    ):
        colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', chart))
        assert {colour for colour in colours if not colour.startswith("var(--")} <= {"none", "transparent"}
        assert 'aria-hidden="true"' in chart


def test_line__is_broken_where_a_value_is_not_known():
    def strokes(points: list[Point]) -> int:
        chart = charts.line(points, "count")
        return max(path.count("M") for path in re.findall(r' d="([^"]*)"[^>]*stroke-width="2"', chart))

    known = [Point(date(2026, 10, day), float(day)) for day in range(1, 8)]
    assert strokes(known) == 1
    assert strokes([*known[:3], Point(date(2026, 10, 4), None), *known[4:]]) == 2


def test_colours__of_text_stand_out_in_light_and_dark():
    style = (Path(page.__file__).parent / "page.css").read_text(encoding="utf-8")
    (of_paper,) = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    for scheme in (colours.LIGHT, colours.DARK, dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", of_paper))):
        for text, ground in product(("ink", "muted", "link", "good", "bad"), ("surface", "raised", "notice")):
            assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
        for shape in ("series-1", "series-2", "positive", "negative"):
            assert contrast(scheme[shape], scheme["surface"]) >= 3, shape


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG 2 asks for: 4.5 for text, 3 for shapes."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# ---- files -----------------------------------------------------------------


def test_files__are_the_same_bytes_for_the_same_input_in_any_order(home: Home):
    rows = kpi_rows("*") + kpi_rows("tea") + kpi_rows("mate", size=0.5)
    filled = ("fct_community_daily", "fct_sentiment_weekly", "fct_posting_heatmap", "fct_sentiment_turns")
    first = write(home, rows, month_of_marts(["tea", "mate"], only=filled))
    before = {file.name: file.read_bytes() for file in first.folder.iterdir()}
    assert sorted(before) == [
        "charts.csv", "kpis.csv", "kpis.parquet", "mail.html", "report.html", "report.json", "slack.json",
        "summary.png",
    ]  # fmt: skip
    write(home, rows[::-1], month_of_marts(["tea", "mate"], only=filled))
    assert {file.name: file.read_bytes() for file in first.folder.iterdir()} == before


def test_files__tell_that_they_belong_together(large: ReportFiles):
    document = json.loads(large.document.read_bytes())
    assert document["files"] == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (large.kpis_csv, large.kpis_parquet, large.charts_csv, *large.told)
    }
    assert (document["month"], document["version"]) == ("2026-10", 1)
    assert len(document["kpis"]) == len(kpi_rows("*")) * (COMMUNITIES_N + 1)
    for text in ("The kettle", "excerpts", "NaN", "permalink"):
        assert text not in large.document.read_text(encoding="ascii")


def test_csv__has_every_row_and_no_cell_that_a_spreadsheet_would_run(large: ReportFiles):
    text = large.kpis_csv.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(kpi_rows("*")) * (COMMUNITIES_N + 1)
    assert list(rows[0]) == list(TABLES[KPI_MONTHLY].names)
    assert {row["community"] for row in rows} > {"'=cmd|' /C calc'!A0", "community_007"}
    for row in rows:
        for name, cell in row.items():
            assert name.startswith("change") or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (name, cell)
    awards = next(row for row in rows if row["kpi"] == "awards")
    assert awards["value"] == "", "not visible is empty, not 0"


def test_parquet__has_the_types_of_the_store(large: ReportFiles):
    table = pq.read_table(large.kpis_parquet)
    assert table.schema.equals(TABLES[KPI_MONTHLY].arrow_schema)
    assert table.num_rows == len(kpi_rows("*")) * (COMMUNITIES_N + 1)


def test_write__that_fails_leaves_the_report_of_before(home: Home):
    files = write(home, kpi_rows("*"))
    before = files.page.read_bytes()
    files.kpis_csv.unlink()
    files.kpis_csv.mkdir()
    with pytest.raises(StorageError, match=r"kpis\.csv"):
        write(home, kpi_rows("*", size=2))
    assert files.page.read_bytes() == before


def test_chat__alone_shows_its_messages_and_says_that_no_posts_were_read(home: Home):
    of_posts = {"posts": ("posts",), "comments": ("comments",)} | dict.fromkeys(UNREAD[1:], ("comments", "posts"))
    unknown = dict.fromkeys(("value", "n", "value_low", "value_high", "change", "is_change_clear"))
    rows = []
    for community in ("*", "chat"):
        for row in kpi_rows(community):
            codes = ",".join(f"{kind}_not_read" for kind in of_posts.get(row["kpi"], ()))
            rows.append(row | unknown | {"caveat": codes} if codes else row)
        rows += [
            kpi_row("messages", 640.0, n=640, community=community),
            kpi_row("chat_conversations", 80.0, n=80, community=community),
        ]
    connection = month_of_marts(["chat"], only=READ_SECTIONS)
    connection.execute(
        "update marts.fct_community_daily set posts = null, comments = null, messages = 5, is_day_complete = true"
    )
    text = text_of(write(home, rows, connection)).replace("\u00a0", " ")
    assert "Messages 640" in text.split("All figures")[0], "among the five"
    assert "People who took part 1,204 up 7.7 %, could be chance" in text
    assert "Conversations in chats 80" in text
    assert re.search("Posts[a-zA-Z ,]* : posts were not read", text)
    assert re.search("Comments[a-zA-Z ,]* : comments were not read", text)
    assert "all 31 days whole" in text
    assert "31 days whole;" not in text, "a chat lacks no posts"
    assert not re.search(r"(?<![\d,.])0 (posts|comments)", text), "no zero that nobody looked at"
    assert "of posts alone" not in text.lower()
