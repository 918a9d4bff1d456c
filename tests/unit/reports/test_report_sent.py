"""What is sent of a report: a mail, a message for Slack, a picture. Counts and links; no text, no name, no key."""

import json
import re
import struct
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from pulse.config.report import ReportPolicy
from pulse.core.home import Home
from pulse.reports import Community, ReportFiles, links, picture, write_report
from pulse.reports.brief import Brief, Line
from pulse.reports.five import Figure
from report_samples import AUTHOR, BUILT_AT, MONTH, NAUGHTY, kpi_rows, month_of_marts

QUOTE = "Somebody's very own sentence, and a secret"
POLICY = ReportPolicy(quotes=True, base_url="https://reports.example.org/pulse/")


def write(home: Home, *names: str, policy: ReportPolicy = POLICY, **options: Any) -> ReportFiles:
    kpis = kpi_rows("*") + [row for name in names for row in kpi_rows(name)]
    with month_of_marts(names, quote=QUOTE) as connection:
        return write_report(home, MONTH, kpis, connection=connection, policy=policy, clock=lambda: BUILT_AT, **options)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    """The month of communities that mean harm, quoted on the page."""
    return write(Home(tmp_path_factory.mktemp("sent")).create(), *NAUGHTY)


def sent(files: ReportFiles) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in (files.mail, files.slack)}


def test_sent__carries_no_text_no_words_of_topics_no_title_and_no_key(hostile: ReportFiles):
    assert QUOTE in hostile.page.read_text(encoding="utf-8").replace("&#39;", "'"), "the page quotes it"
    for name, content in sent(hostile).items():
        assert "Answer 18" in content.replace("\\u00a0", " ").replace("\u00a0", " "), name
        for text in ("secret", "kettle", "my_words_in_an_address", AUTHOR, "/r/tea/"):
            assert text not in content, (name, text)


def test_sent__leads_to_the_page_and_to_contributions_by_their_ids(hostile: ReportFiles):
    for name, content in sent(hostile).items():
        assert set(re.findall(r"https?://[^\"|<> ]+", content)) == {
            "https://reports.example.org/pulse/2026-10/report.html", "https://www.reddit.com/comments/a0/_/",
            "https://example.org/t/11/1",
        }, name  # fmt: skip


def test_sent__without_an_address_in_the_config_leads_to_no_page(home: Home):
    for name, content in sent(write(home, "tea", policy=ReportPolicy())).items():
        assert "report.html" not in content, name
        assert "localhost" not in content
        assert "127.0.0.1" not in content


def test_mail__is_made_for_mail_clients(hostile: ReportFiles):
    mail = hostile.mail.read_text(encoding="utf-8")
    assert not re.search(r"<(script|style|link|img|svg|form|iframe)\b", mail)
    assert not re.search(r"<[^>]*(\bon[a-z]+=|class=|javascript:|var\()", mail)
    for tag in re.findall(r"<(?:td|p|h1|h2|a|span)\b[^>]*>", mail):
        assert "style=" in tag, tag
    assert len(mail.encode()) < 100_000, "Gmail cuts mails of 102 kB"
    assert "&lt;script&gt;" in mail


def test_slack__keeps_the_limits_of_blocks_and_escapes_what_would_mention_or_link(hostile: ReportFiles):
    message = json.loads(hostile.slack.read_bytes())
    assert 3 < len(message["blocks"]) <= 50
    header = message["blocks"][0]["text"]
    assert (header["type"], len(header["text"]) <= 150) == ("plain_text", True)
    texts = [block["text"] for block in message["blocks"][1:] if "text" in block]
    texts += [field for block in message["blocks"] for field in (*block.get("fields", ()), *block.get("elements", ()))]
    assert len(texts) > 8
    for text in texts:
        assert text["verbatim"] is True
        assert 0 < len(text["text"]) <= 2_000
        assert not re.search(r"<(?!https://)", text["text"]), "what Slack would take for a mention or a command"
    assert len(next(block["fields"] for block in message["blocks"] if "fields" in block)) == 5


def test_slack__escapes_names_of_its_own_syntax(home: Home):
    (action,) = [
        block["text"]["text"]
        for block in json.loads(write(home, "<!channel> <https://evil.example|x> & co").slack.read_bytes())["blocks"]
        if "nobody answered" in str(block)
    ]
    assert "&lt;!channel&gt; &lt;https://evil.example|x&gt; &amp; co" in action


def brief(**changes: Any) -> Brief:
    facts: dict[str, Any] = {
        "title": "Communities in October 2026",
        "scope": "7 communities on Reddit",
        "actions": (Line("Answer 18 questions · tea", "18 of 146 waited.", ("https://example.org/t/1",)),) * 4,
        "more_n": 2,
        "figures": (Figure("posts", "Posts", "1,608", "up 12 %, and clearly so", "even"),) * 5,
        "compared": "Against September, like days with like days.",
        "notice": "Some days are missing.",
        "page": "https://reports.example.org/2026-10/report.html",
    }
    return Brief(**facts | changes)


def test_sent__says_against_what_and_who_lacks_days(home: Home):
    with month_of_marts(["tea", "mate"]) as marts:
        marts.execute(
            "update marts.fct_community_daily set posts = null, comments = null, is_day_complete = false, "
            "outcome = 'quarantined' where community = 'mate'"
        )
        files = write_report(
            home, MONTH, kpi_rows("*") + kpi_rows("tea") + kpi_rows("mate", size=0.5), connection=marts,
            clock=lambda: BUILT_AT,
        )  # fmt: skip
    for sent in (files.mail, files.slack):
        text = sent.read_text(encoding="utf-8").replace("\xa0", " ").replace("\\u00a0", " ")
        assert "Against September, like days with like days." in text
        assert "Not everything is known: mate lacks 31 days, tea lacks 1 day." in text


def test_picture__is_one_page_for_a_chat(hostile: ReportFiles):
    content = hostile.summary.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width == picture.WIDTH_PX
    assert 800 < height < 1_700
    assert len(content) < 1_500_000
    assert picture.png(brief()) == picture.png(brief()), "the same bytes for the same report"


def test_picture__says_all_of_the_brief_escaped_and_inside_of_its_width():
    drawn = picture.svg(brief(title="<script>" + " ".join(NAUGHTY) + "w" * 200))
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
    for told in (
        "Answer 18 questions",
        "18 of 146 waited.",
        "1,608",
        "up 12 %, and",
        "Some days are",
        "report.html",
        "Against September",
    ):
        assert told in drawn, told
    for size, text in re.findall(r'font-size="(\d+)"[^>]*>([^<]*)<', drawn):
        assert len(unescape(text)) * int(size) * 0.4 < picture.WIDTH_PX, text


def test_report_of_one_community__lies_beside_the_other_and_leads_to_itself(home: Home):
    whole = write(home, "tea", "../mate")
    before = {file.name: file.read_bytes() for file in whole.folder.iterdir() if file.is_file()}
    files = write(home, "tea", "../mate", only=Community("reddit", "../mate"))
    assert files.folder.relative_to(home.reports) == Path("2026-10/platform=reddit/community=%2E%2E%2Fmate")
    assert {file.name: file.read_bytes() for file in whole.folder.iterdir() if file.is_file()} == before
    assert (
        "https://reports.example.org/pulse/2026-10/platform%3Dreddit/community%3D%252E%252E%252Fmate/report.html"
        in (files.mail.read_text(encoding="utf-8"))
    )
    document = json.loads(files.document.read_bytes())
    assert document["community"] == {"platform": "reddit", "community": "../mate"}
    assert {row["community"] for row in document["kpis"]} == {"../mate"}
    assert "<bdi>../mate in October 2026</bdi>" in files.page.read_text(encoding="utf-8")
    assert "Community by community" not in files.page.read_text(encoding="utf-8")


# ---- addresses --------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("https://www.reddit.com/r/tea/comments/a/", True),
        ("http://127.0.0.1:8080/dags/x?run=manual__2026", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,<script>", False),
        ("//example.org/x", False),
        ("/r/tea", False),
        ("https://", False),
        ("https://[", False),
        ("https://a b/", False),
        ("https://example.org/\n", False),
        ("https://example.org/\u202egpj", False),
        ("", False),
        (None, False),
    ],
)
def test_web_address__is_one_that_opens_a_web_page(address: str | None, is_shown: bool):
    assert links.web_address(address) == (address if is_shown else None)


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [
        ("https://airflow.example.org/dags/x", True),
        ("http://10.1.2.3/x", True),
        ("http://127.0.0.1:8080/x", False),
        ("http://localhost:8080/x", False),
        ("http://LOCALHOST./x", False),
        ("http://me.localhost/x", False),
        ("http://[::1]:8080/x", False),
        ("http://0.0.0.0/x", False),
    ],
)
def test_public_address__is_one_that_others_can_open(address: str, is_shown: bool):
    assert links.public_address(address) == (address if is_shown else None)


@pytest.mark.parametrize(
    ("platform", "address", "shown"),
    [
        ("reddit", "/r/tea/comments/1pi/what_my_boss_said/", "https://www.reddit.com/comments/1pi/_/"),
        ("reddit", "/r/tea/comments/1pi/what_my_boss_said/oak/", "https://www.reddit.com/comments/1pi/_/oak"),
        ("reddit", "/r/tea/comments/1pi/comment/oak/", "https://www.reddit.com/comments/1pi/_/oak"),
        ("reddit", "https://old.reddit.com/r/u_jane/comments/1pi/a/", "https://www.reddit.com/comments/1pi/_/"),
        ("reddit", "/user/jane/comments/1pi/a/", "https://www.reddit.com/comments/1pi/_/"),
        ("reddit", "/user/jane/", None),
        ("reddit", "https://evil.example/r/tea/comments/1pi/jane_did_it/", None),
        ("discord", "https://discord.com/channels/1/2/3", "https://discord.com/channels/1/2/3"),
        ("discourse", "https://forum.example.org/t/12/3", "https://forum.example.org/t/12/3"),
        ("discourse", "https://forum.example.org/t/jane-did-it/12/3", None),
        ("mastodon", "https://social.example/statuses/11", "https://social.example/statuses/11"),
        ("mastodon", "https://social.example/@jane/11", None),
        ("stack_exchange", "https://tea.example/questions/1#comment2_3", "https://tea.example/questions/1#comment2_3"),
        ("stack_exchange", "https://tea.example/questions/1#jane", "https://tea.example/questions/1"),
        ("tabular", "https://jane:wrong@example.org/t/1", None),
        ("tabular", "https://example.org/item?id=1", None),
        ("tabular", "https://example.org/", None),
        ("tabular", "http://127.0.0.1/t/1", None),
        ("reddit", None, None),
    ],
)
def test_permalink__has_no_title_and_no_name(platform: str, address: str | None, shown: str | None):
    assert links.permalink(platform, address) == shown
