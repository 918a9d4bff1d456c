"""The page over a small published home: who may come in, what each view shows, and that hostile texts do nothing."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

import page_samples as samples
from page_samples import ADA, LOAD_WITH_KEPT_ROWS, RUN, STOPPED_DAY, STOPPED_LOAD, VIEWER, Asked
from pulse.core.home import Home, community_path
from pulse.gates import quarantine
from pulse.gates.rules import WAIVABLE_RULES
from pulse.lake import quality
from pulse.page import kept, today
from pulse.page.access import User
from pulse.page.app import create_app
from pulse.showing import plain
from report_samples import NAUGHTY

TEA = "platform=reddit&community=tea"
VIEWS = (
    "/", "/today", "/today?q=tea", "/year", f"/day?{TEA}&day={STOPPED_DAY}", "/loads", "/loads?all=1",
    "/loads?run=nothing", "/rules", f"/load?id={STOPPED_LOAD}", f"/load?id={LOAD_WITH_KEPT_ROWS}",
    f"/marts-check?run={RUN}", f"/lines?load={STOPPED_LOAD}", "/communities", f"/community?{TEA}", "/brands",
    "/months", "/month?month=2026-10", f"/month?month=2026-10&{TEA}", "/query",
)  # fmt: skip


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """For reading only."""
    home = samples.published_home(tmp_path_factory.mktemp("page") / "home")
    samples.write_data_docs(home)
    report = home.reports / "2026-10"
    report.mkdir()
    (report / "report.html").write_text("<p>The report</p>")
    return home


@pytest.fixture
def who() -> list[User | None]:
    return [ADA]


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def app(shared_home: Home, who: list[User | None], asked: Asked) -> FastAPI:
    return create_app(shared_home, samples.access_for(who, asked))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as made:
        yield made


class Reader(HTMLParser):
    """What a browser would make of a page: its tags, and the text that shows."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def words_of(html: str) -> str:
    """The text of a page in a line, its cells apart."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path that the application answers, with something in place of what varies."""
    found = [
        (method, re.sub(r"\{[^}]+\}", "x", route.path))
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]
    assert len(found) > 15, "the tests below would pass on nothing"
    assert len(found) == len(app.routes), "every route is one of ours"
    return found


def csrf(client: TestClient) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', client.get("/query").text)[0]


def release(client: TestClient, **changes: Any) -> Any:
    form = {"csrf": csrf(client), "load_id": STOPPED_LOAD, "waive": "quarantined_share", "reason": "looked at it"}
    return client.post("/release", data=form | changes)


# ---- who may come in -----------------------------------------------------------


def test_routes__answer_401_to_whoever_is_not_logged_in(app: FastAPI, client: TestClient, who: list[User | None]):
    who[0] = None
    for method, path in routes(app):
        answer = client.request(method, path)
        assert answer.status_code == 401, f"{method} {path}"
        assert "tea" not in answer.text


def test_routes__only_read_but_for_two(app: FastAPI):
    assert {(method, path) for method, path in routes(app) if method != "GET"} == {
        ("POST", "/release"), ("POST", "/query"),
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_documents_of_the_application__are_not_open(client: TestClient, path: str):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", VIEWS)
def test_view__is_kept_nowhere_and_may_load_from_nowhere_else(client: TestClient, path: str):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


# ---- releasing -------------------------------------------------------------------


def test_release__is_asked_for_with_who_and_which_waivers(client: TestClient, asked: Asked):
    answer = release(client, waive=["quarantined_share", "unplaced_lines_share"])
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"load?id={STOPPED_LOAD}&asked=")
    (one,) = asked
    assert (one.load_id, one.asked_by, one.reason) == (STOPPED_LOAD, "Ada", "looked at it")
    assert one.waived == ("quarantined_share", "unplaced_lines_share")
    assert samples.RUN_PATH in client.get(f"/{answer.headers['location']}").text


def test_release__is_not_for_a_viewer(client: TestClient, who: list[User | None], asked: Asked):
    who[0] = VIEWER
    assert release(client).status_code == 403
    assert asked == []
    shown = client.get(f"/load?id={STOPPED_LOAD}").text
    assert "<dialog" not in shown
    assert "pulse quarantine release" in shown


@pytest.mark.parametrize(
    "changes",
    [{"csrf": ""}, {"csrf": "20261101000000-" + "0" * 64}, {"csrf": "é"}],
    ids=["none", "forged", "not ascii"],
)
def test_release__needs_a_form_of_ours(client: TestClient, asked: Asked, changes: dict[str, str]):
    assert release(client, **changes).status_code == 403
    assert asked == []


def test_token__of_somebody_else_is_worth_nothing(client: TestClient, who: list[User | None], asked: Asked):
    who[0] = User("3", "Eve", may_release=True)
    of_eve = csrf(client)
    who[0] = ADA
    assert release(client, csrf=of_eve).status_code == 403
    assert asked == []


def test_form__that_another_site_sent_is_refused(client: TestClient, asked: Asked):
    form = {"csrf": csrf(client), "load_id": STOPPED_LOAD, "waive": "quarantined_share", "reason": "x"}
    for site in ("cross-site", "same-site"):
        assert client.post("/release", data=form, headers={"sec-fetch-site": site}).status_code == 403
    assert client.post("/release", json=form).status_code == 415
    assert asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"load_id": "../../etc/passwd"},
        {"load_id": ""},
        {"waive": []},
        {"waive": "no_such_rule"},
        {"waive": "author_key_is_a_hash"},
        {"waive": "<script>"},
        {"reason": " "},
        {"reason": "x" * 501},
    ],
    ids=str,
)
def test_release__of_something_else_is_refused(client: TestClient, asked: Asked, changes: dict[str, Any]):
    assert "author_key_is_a_hash" not in WAIVABLE_RULES
    assert release(client, **changes).status_code == 422
    assert asked == []


def test_load__that_was_released_says_who_did_it_and_why(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    waived = frozenset({"quarantined_share"})
    quarantine.release(
        home, STOPPED_LOAD, waive=waived, reason="<b>fine</b>", clock=lambda: samples.PUBLISHED_AT, released_by="Ada"
    )
    with TestClient(create_app(home, samples.access_for(who))) as client:
        text = read(client.get(f"/load?id={STOPPED_LOAD}").text).text
    assert "Released 1 Nov 2026, 00:30 UTC by Ada, without quarantined_share: “<b>fine</b>”" in text


def test_form__is_not_longer_than_it_needs_to_be(client: TestClient):
    assert release(client, reason="x" * 200_000).status_code == 413


# ---- today -----------------------------------------------------------------------


def test_today__shows_problems_first_and_what_came_after_the_publish(client: TestClient):
    reader = read(client.get("/").text)
    states = [dict(attributes)["class"] for tag, attributes in reader.tags if tag == "a" and "day " in str(attributes)]
    assert states.count("day stopped") == 1, "what gate 1 stopped after the publish is there"
    assert {*states} == {f"day {state}" for state in today.STATES}
    html = client.get("/").text
    assert html.index(">tea<") < html.index(">mate<"), "whose load was stopped comes first"


def test_today__has_fifty_communities_a_page(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    with samples.writable(home) as connection:
        connection.execute(
            "insert into marts.fct_community_daily select mart.* replace (mart.community || of_n.n as community) "
            "from marts.fct_community_daily as mart, range(60) as of_n(n) where mart.community = 'mate'"
        )
    with TestClient(create_app(home, samples.access_for(who))) as client:
        rows = [read(client.get(path).text).tags for path in ("/", "/?page=2", "/?page=3")]
    assert [sum(tag == "tr" for tag, _ in tags) - 1 for tags in rows] == [50, 60 + len(samples.COMMUNITIES) - 50, -1]


def test_day__says_the_reason_and_leads_to_the_load(client: TestClient):
    html = client.get(f"/day?{TEA}&day={STOPPED_DAY}").text
    assert "quarantined_share: 0.5 is outside the limit 0.05" in html
    assert f"load?id={STOPPED_LOAD}" in html
    assert "not published yet" in html


@pytest.mark.parametrize(
    "path",
    ["/day?platform=reddit&community=nobody&day=2026-10-05", "/community?platform=x&community=y", "/load?id=none",
     "/marts-check?run=none", "/month?month=2020-01", "/month?month=x", "/lines?load=..%2F..",
     "/reports/2026-10/..%2F..%2Fauthor.key", "/reports/2026-10/other.html", "/data-docs/../../author.key"],
)  # fmt: skip
def test_view__of_what_is_not_there_is_not_found(client: TestClient, path: str):
    assert client.get(path).status_code == 404
    told = client.get(path, headers={"accept": "text/html"})
    assert told.headers["content-type"].startswith("text/html")


def test_calendar__goes_back_in_time(client: TestClient):
    assert "end=2026-09-26" not in client.get("/").text, "nothing is known before October"
    assert "Later" in client.get("/today?end=2026-10-10").text


# ---- loads, and what was kept out ------------------------------------------------


def test_load__shows_rules_values_limits_and_what_was_kept_out(client: TestClient):
    text = read(client.get(f"/load?id={STOPPED_LOAD}").text).text
    for part in ("quarantined_share", "0.5", "0.05", "stopped", "line_is_readable", "bad_created_utc", "tea.ndjson"):
        assert part in text, part
    assert samples.SOMEBODY not in text


def test_kept_row__names_rule_column_and_reason(client: TestClient):
    text = read(client.get(f"/load?id={LOAD_WITH_KEPT_ROWS}").text).text
    for part in ("score_is_plausible", "score", "the rule does not hold", "t3_<i>x</i>"):
        assert part in text, part


def test_original_lines__are_for_who_may_release_and_name_nobody(client: TestClient, who: list[User | None]):
    shown = client.get(f"/lines?load={STOPPED_LOAD}")
    assert shown.headers["cache-control"] == "no-store"
    text = read(shown.text).text
    assert "<script>alert(9)</script>" in text, "it is shown as it came"
    assert samples.SOMEBODY not in shown.text
    assert "susan@mail.example" not in shown.text
    assert "\x1b" not in shown.text
    assert "\u202e" not in shown.text
    who[0] = VIEWER
    assert client.get(f"/lines?load={STOPPED_LOAD}").status_code == 403
    assert "lines?load" not in client.get(f"/load?id={STOPPED_LOAD}").text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"author":"Bob B.","score":1}', '{"author":"▒▒▒","score":1}'),
        ('{"author": {"username": "bob", "id": 7}}', '{"author": {"username": "▒▒▒", "id": 7}}'),
        ('{"sender_name": "Bob", "text": "hi"}', '{"sender_name": "▒▒▒", "text": "hi"}'),
        ('{"author":"Bobby","body":"Bobby was here"}', '{"author":"▒▒▒","body":"▒▒▒ was here"}'),
        ('{"author":"cut off in the mid', '{"author":"▒▒▒"'),
        ('{"subreddit":"tea","channel_name":"x"}', '{"subreddit":"tea","channel_name":"x"}'),
        ("ask @bob or u/bob-x or bob@mail.example", "ask ▒▒▒ or ▒▒▒ or ▒▒▒"),
        ("<@!1234> said", "▒▒▒ said"),
        ("a\x00b\u202ec", "a\\x00b\\u{202e}c"),
    ],
)  # fmt: skip
def test_masked__leaves_the_shape_and_no_name(line: str, shown: str):
    assert kept.masked(line) == shown


def test_quarantine__that_the_service_cannot_read_is_said(tmp_path: Path, who: list[User | None], monkeypatch: Any):
    home = samples.published_home(tmp_path / "home")
    # As where the API server runs as another user; these tests may run as one who can read everything.
    monkeypatch.setattr(kept, "is_readable", lambda _: False)
    with TestClient(create_app(home, samples.access_for(who))) as client:
        assert "cannot read the quarantine" in client.get(f"/load?id={STOPPED_LOAD}").text
        text = client.get(f"/lines?load={STOPPED_LOAD}").text
    assert "cannot read" in text
    assert "alert(9)" not in text


def test_loads__are_found_by_entry_load_and_rule(client: TestClient):
    assert "quarantined_share" in client.get("/loads").text
    for text in ("reddit/tea", STOPPED_LOAD, "quarantined_sh"):
        assert f"load?id={STOPPED_LOAD}" in client.get(f"/loads?{urlencode({'q': text})}").text, text
    assert "Nothing fits" in client.get("/loads?q=100%25").text
    assert f"load?id={STOPPED_LOAD}" in client.get("/loads?all=1").text
    assert "marts-check" in client.get("/loads?all=1&gate=gate_2").text


def test_data_docs__come_without_scripts_and_other_hosts(client: TestClient):
    site = "manual__2026-10-05__x"
    answer = client.get(f"/data-docs/{site}/index.html")
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-scripts" not in answer.headers["content-security-policy"]
    assert "cdn.example" not in answer.text
    assert "<script" not in answer.text
    assert "onload" not in answer.text
    assert 'href="validations/one.html"' in answer.text
    assert "One validation" in client.get(f"/data-docs/{site}/validations/one.html").text


# ---- months, communities, brands -------------------------------------------------


def test_month__shows_what_was_told_in_which_version_and_what_changed(client: TestClient):
    text = read(client.get("/month?month=2026-10").text).text
    for part in ("Version 2", "Version 1", "late data", "Posts", "report.html"):
        assert part in text, part
    report = client.get("/reports/2026-10/report.html")
    assert report.headers["content-security-policy"].startswith("sandbox ")


def test_month_of_a_community__shows_its_own_report(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    folder = home.reports / "2026-10" / community_path("reddit", NAUGHTY[0])
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>Of one</p>")
    (folder / "summary.png").write_bytes(b"a picture")
    client = TestClient(create_app(home, samples.access_for(who)))
    of_one = urlencode({"platform": "reddit", "community": NAUGHTY[0]})
    assert "report.html" not in read(client.get(f"/month?month=2026-10&{TEA}").text).text
    page = client.get(f"/month?month=2026-10&{of_one}").text
    (frame,) = re.findall(r'<iframe class="docs" src="([^"]+)"', page)
    assert "Of one" in client.get(f"/{unescape(frame)}").text
    assert client.get(f"/reports/2026-10/summary.png?{of_one}").content == b"a picture"
    assert client.get("/reports/2026-10/summary.png?platform=..&community=../..").status_code == 404


def test_community__shows_sections_of_marts_that_are_there(client: TestClient):
    text = read(client.get(f"/community?{TEA}").text).text
    for part in ("Activity", "Mood", "When to post", "How complete is this?", "People by role", "Topics"):
        assert part in text, part


def test_community__shows_a_mart_as_soon_as_it_is_published(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    with samples.writable(home) as connection:
        for mart in ("fct_topics_monthly", "fct_share_of_voice", "fct_brand_awareness_monthly", "fct_brand_sentiment"):
            connection.execute(f"drop table marts.{mart}")
    with TestClient(create_app(home, samples.access_for(who))) as client:
        assert "Topics" not in client.get(f"/community?{TEA}").text
        assert "No brands are followed" in client.get("/brands").text
        with samples.writable(home) as connection:
            connection.execute(
                "create or replace table marts.fct_topics_monthly as select 'reddit' as platform, 'tea' as community, "
                "date '2026-10-01' as month_start_date, 'kettles <b>that leak</b>' as label, 40 as contributions"
            )
            connection.execute(
                "create or replace table marts.fct_share_of_voice as select date '2026-10-01' as month_start_date, "
                "'*' as community, "
                "'<img src=x onerror=alert(1)>' as brand, 0.4::double as share_of_voice, 'abc' as author_key"
            )
        assert "kettles &lt;b&gt;that leak" in client.get(f"/community?{TEA}").text
        brands = client.get("/brands").text
    assert "&lt;img src=x" in brands
    assert "40 %" in brands
    assert "author" not in brands.lower()


def test_community__tells_of_the_month_that_is_over_in_plain_words(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    of_tea = "'reddit' as platform, 'tea' as community, month_start_date"
    months = "from (values (date '2026-10-01'), (date '2026-09-01')) as m (month_start_date)"
    with samples.writable(home) as connection:
        connection.execute(
            f"create or replace table marts.fct_keywords_monthly as select {of_tea}, 'w' || month(month_start_date) as "
            f"word, 12 as authors_n, 0.4::double as authors_share, 3 as authors_others_n, 9.1::double as z_others, "
            f"true as is_typical, 1 as place, null::varchar as caveat {months}"
        )
        connection.execute(
            f"create or replace table marts.fct_content_performance as select {of_tea}, 'weekday' as dimension, "
            "'monday' as form, metric, 30 as posts_n, vs_usual, 1.1::double as vs_usual_low, 2.5::double as "
            "vs_usual_high, true as is_clear, 'incomplete' as caveat "
            f"{months}, (values ('score', 1.7::double), ('replies', null)) as r (metric, vs_usual)"
        )
        connection.execute(
            f"create or replace table marts.fct_participation_monthly as select {of_tea}, 50 as contributors, "
            f"5 as core_n, 0.2::double as top_1_share, 'not_observable' as caveat {months}"
        )
    with TestClient(create_app(home, samples.access_for(who))) as client:
        text = words_of(client.get(f"/community?{TEA}").text)
    assert "Words that are typical here, October 2026" in text
    assert "w10 12 40 % 3" in text
    assert "w9" not in text, "a month at a time"
    assert "posts on a Monday votes 1.7 × (1.1 to 2.5 ×) clearly so 30" in text
    assert "posts on a Monday replies" not in text, "a row without a figure tells nothing"
    assert "Beware: days are missing." in text, "what stands against all rows is said once"
    assert "does not show it" not in text, "it stands against a column that is not shown"
    assert plain.jargon_in(text) == []


def test_when_to_post__needs_more_than_one_lucky_hour(tmp_path: Path, who: list[User | None]):
    """Of 168 hours, one whose range begins above the usual is what chance brings."""
    home = samples.published_home(tmp_path / "home")
    lucky = (
        "update marts.fct_posting_heatmap set score_vs_usual = {0}, score_vs_usual_low = {1}, score_vs_usual_high = {2}"
    )
    with samples.writable(home) as connection:
        connection.execute(lucky.format(1.0, 0.7, 1.43))
        connection.execute(lucky.format(1.5, 1.02, 2.2) + " where weekday = 4 and hour_utc = 3")
    with TestClient(create_app(home, samples.access_for(who))) as client:
        page = client.get(f"/community?{TEA}").text
        assert "Posts clearly do better in no part of the week." in page
        assert 'class="ring"' not in page
        with samples.writable(home) as connection:
            connection.execute(lucky.format(1.9, 1.4, 2.6) + " where weekday = 4 and hour_utc < 6")
        page = client.get(f"/community?{TEA}").text
    assert "clearly better than usual on Thursday night" in page
    assert page.count('class="ring"') == 6


@pytest.mark.parametrize("path", ["/brands", "/month?month=2026-10", f"/community?{TEA}"])
def test_view__has_no_word_of_statistics_and_no_code(client: TestClient, path: str):
    assert plain.jargon_in(read(client.get(path).text).text) == []


def test_month__of_all_together_says_how_many_communities_are_known(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    with samples.writable(home) as connection:
        connection.execute("update kpi.kpi_as_now_known set completeness = 0 where community = '*'")
        connection.execute("update kpi.kpi_as_now_known set completeness = 1 where community = 'tea'")
        connection.execute("update kpi.kpi_as_now_known set completeness = 0.5 where community not in ('*', 'tea')")
    with TestClient(create_app(home, samples.access_for(who))) as client:
        assert "1 of 2 communities" in words_of(client.get("/month?month=2026-10").text)
        of_tea = words_of(client.get(f"/month?month=2026-10&{TEA}").text)
    assert "100 % of its days" in of_tea


def test_communities__show_when_they_were_looked_at_last_not_when_a_run_tried(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    with samples.writable(home) as connection:
        connection.execute(
            "update marts.fct_community_daily set is_day_complete = false, is_never_seen = true, posts = null, "
            "comments = null, messages = null, posts_looked_h = 0, comments_looked_h = 0, messages_looked_h = 0 "
            "where community = 'mate'"
        )
    later = samples.PUBLISHED_AT + timedelta(hours=6)
    stopped = samples._outcome("mate", samples.LAST_DAY, "quarantined", recorded_at=later)
    quality.append(home, quality.LOAD_OUTCOMES, [stopped], stem="later")
    with TestClient(create_app(home, samples.access_for(who))) as client:
        rows = words_of(client.get("/communities?q=mate").text)
        day = read(client.get("/day?platform=reddit&community=mate&day=2026-10-20").text).text
    assert "6 October 2026" in rows, "the only day of which anything is known"
    assert "31 October 2026" not in rows
    assert "nothing of this day was let in" in day


# ---- hostile names and texts -----------------------------------------------------


@pytest.mark.parametrize("name", NAUGHTY)
def test_name__that_means_harm_is_text_everywhere(client: TestClient, name: str):
    of = urlencode({"platform": "reddit", "community": name})
    for path in (
        "/?q=" + urlencode({"": name})[1:],
        f"/community?{of}",
        f"/day?{of}&day={STOPPED_DAY}",
        "/communities",
    ):
        html = client.get(path).text
        reader = read(html)
        for tag, attributes in reader.tags:
            assert tag not in {"img", "style", "object", "embed"}, tag
            assert not [name for name in attributes if name.startswith("on")], attributes
        assert [attributes for tag, attributes in reader.tags if tag == "script"] == [{"src": "page.js"}]
        assert not re.search("[\x00-\x08\x0b\x1b\u202e\u2066\u200b]", html)


def test_links__lead_to_pages_of_ours_only(client: TestClient):
    for path in VIEWS:
        for tag, attributes in read(client.get(path).text).tags:
            address = attributes.get("href") or attributes.get("src") or attributes.get("action") or ""
            assert not re.match(r"(?!data:,$)[a-z]+:|//", address), f"{path}: {tag} {address}"


# ---- what is published ------------------------------------------------------------


def test_home__in_which_nothing_was_run_says_what_to_do(home: Home, who: list[User | None]):
    with TestClient(create_app(home, samples.access_for(who))) as client:
        assert "Nothing was run yet" in client.get("/").text
        for path in ("/year", "/loads", "/rules", "/communities", "/months", "/brands", "/query"):
            assert client.get(path).status_code == 200, path


def test_published_file__that_is_damaged_is_said_and_gates_are_shown(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    home.published_file.write_bytes(b"no database" * 1_000)
    with TestClient(create_app(home, samples.access_for(who))) as client:
        text = client.get("/loads").text
        assert "cannot be read" in text
        assert STOPPED_LOAD in text


def test_published_file__of_another_version_is_said(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")
    with samples.writable(home) as connection:
        connection.execute("alter table marts.fct_community_daily drop column is_silent_everywhere")
    with TestClient(create_app(home, samples.access_for(who))) as client:
        answer = client.get("/")
    assert answer.status_code == 503
    assert "pulse rebuild" in answer.text


def test_page__takes_no_lock_and_leaves_the_home_as_it_was(tmp_path: Path, who: list[User | None]):
    home = samples.published_home(tmp_path / "home")

    def state() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in sorted(home.root.rglob("*")) if file.is_file()}

    before = state()
    with TestClient(create_app(home, samples.access_for(who))) as client:
        for path in VIEWS:
            client.get(path)
    assert state() == before
