"""What people take back leaves the reports that quoted it."""

import os
from datetime import UTC, datetime

import pytest

import damaging
from pulse.config.report import ReportPolicy
from pulse.core.errors import NothingPublished
from pulse.core.files import write_json
from pulse.core.home import Home
from pulse.lake import kpi_store
from pulse.reading import damage
from pulse.reports import quotes
from pulse.reports.contents import Community
from pulse.reports.monthly import report_month
from pulse.warehouse import builds
from report_samples import BUILT_AT, MONTH, kpi_rows, month_of_marts

QUOTING = ReportPolicy(quotes=True)
QUOTE = "The kettle broke again, and nobody answers me."
FEW = (
    "fct_community_daily", "fct_contributions", "fct_post_performance", "fct_sentiment_turns",
    "fct_sentiment_turn_evidence",
)  # fmt: skip


def publish(home: Home, *, taken_back: str | None, number: int) -> None:
    """A published state of the sample month, one contribution of it taken back."""
    state_id = f"20261101T00000000000{number}Z"
    file = home.published / "states" / f"{state_id}.duckdb"
    file.parent.mkdir(exist_ok=True)
    with month_of_marts(["tea"], quote=QUOTE, only=FEW) as marts:
        marts.execute("update marts.fct_contributions set removal = 'none'")
        if taken_back:
            marts.execute(
                "update marts.fct_contributions set removal = 'by_author', title = null, body = null "
                "where contribution_id = ?",
                [taken_back],
            )
        marts.execute(f"attach '{file}' as state")
        marts.execute("copy from database memory to state")
    builds.published_file(home).unlink(missing_ok=True)
    os.link(file, builds.published_file(home))
    write_json(home.published / "state.json", {"state_id": state_id, "identity": None})


@pytest.fixture
def reported(home: Home) -> Home:
    """A home with a frozen month and its report, which quotes a post and four comments."""
    publish(home, taken_back=None, number=1)
    kpi_store.add_version(home, MONTH, 1, kpi_rows("*") + kpi_rows("tea"), [])
    report_month(home, MONTH, policy=QUOTING, clock=lambda: BUILT_AT)
    return home


def clock() -> datetime:
    return datetime(2026, 11, 20, tzinfo=UTC)


def page(home: Home) -> str:
    return (home.reports / str(MONTH) / "report.html").read_text(encoding="utf-8")


def test_renew__a_report_without_what_was_taken_back_stays_byte_for_byte(reported: Home):
    before = page(reported)
    assert QUOTE in before
    assert quotes.renew_reports(reported, QUOTING, clock=clock) == []
    assert page(reported) == before


@pytest.mark.parametrize("taken_back", ["t3_a", "t1_after2"])
def test_renew__a_report_that_quotes_what_was_taken_back_is_made_again_without_it(reported: Home, taken_back: str):
    said = page(reported).count(QUOTE)
    publish(reported, taken_back=taken_back, number=2)
    assert quotes.renew_reports(reported, QUOTING, clock=clock) == [MONTH]
    assert page(reported).count(QUOTE) < said
    assert quotes.renew_reports(reported, QUOTING, clock=clock) == [], "once is enough"


def test_renew__a_report_that_leads_to_what_was_taken_back_is_made_again_though_it_quotes_nothing(reported: Home):
    plain = ReportPolicy()
    report_month(reported, MONTH, policy=plain, clock=lambda: BUILT_AT)
    address = "https://www.reddit.com/comments/a0/_/"
    assert QUOTE not in page(reported)
    assert address in page(reported)
    assert quotes.renew_reports(reported, plain, clock=clock) == []
    publish(reported, taken_back="t3_a", number=2)
    assert quotes.renew_reports(reported, plain, clock=clock) == [MONTH]
    assert address not in page(reported)


def test_renew__a_report_that_quotes_is_made_again_once_the_config_wants_no_quotes(reported: Home):
    assert quotes.renew_reports(reported, ReportPolicy(), clock=clock) == [MONTH]
    assert QUOTE not in page(reported)
    assert quotes.renew_reports(reported, ReportPolicy(), clock=clock) == []


def test_renew__reports_of_one_community_are_renewed_as_well(reported: Home):
    tea = Community("reddit", "tea")
    files = report_month(reported, MONTH, policy=QUOTING, only=tea, clock=lambda: BUILT_AT)
    said = files.page.read_text(encoding="utf-8").count(QUOTE)
    assert said
    publish(reported, taken_back="t1_after2", number=2)
    assert quotes.renew_reports(reported, QUOTING, clock=clock) == [MONTH]
    assert files.page.read_text(encoding="utf-8").count(QUOTE) < said
    assert page(reported).count(QUOTE) == files.page.read_text(encoding="utf-8").count(QUOTE)


def test_report__of_a_community_without_figures_says_which_have_some(reported: Home):
    with pytest.raises(
        NothingPublished, match=r"reddit/coffee: has no figures of 2026-10 \(limit: one of reddit/tea\)"
    ):
        report_month(reported, MONTH, only=Community("reddit", "coffee"), clock=clock)


def test_renew__a_report_that_cannot_be_made_again_loses_its_page(reported: Home, caplog: pytest.LogCaptureFixture):
    publish(reported, taken_back="t3_a", number=2)
    for file in (reported.kpi / kpi_store.KPI_MONTHLY).rglob("v*.parquet"):
        file.write_bytes(b"not Parquet")
    assert quotes.renew_reports(reported, QUOTING, clock=clock) == []
    left = sorted(file.name for file in (reported.reports / str(MONTH)).iterdir())
    assert left == ["charts.csv", "kpis.csv", "kpis.parquet", "report.json"], "all that tells of contributions is gone"
    assert "quoted what was taken back and is removed" in caplog.text


def test_report__says_which_frozen_version_was_set_aside(reported: Home):
    assert "is missing" not in page(reported)
    kpi_store.add_version(reported, MONTH, 2, kpi_rows("*") + kpi_rows("tea"), [])
    damaging.cut_to_half(reported.kpi / kpi_store.KPI_MONTHLY / f"month={MONTH}" / "v0001.parquet")
    report_month(reported, MONTH, clock=clock)
    assert "Version 1 of this month is missing: what was frozen then is damaged, so" in page(reported)
    damage.set_aside(reported, damage.find(reported)[0], clock=clock)
    report_month(reported, MONTH, clock=clock)
    assert "Version 1 of this month is missing: what was frozen then is damaged and was set aside, so" in page(reported)


def test_renew__nothing_reported_asks_nothing(home: Home):
    assert quotes.renew_reports(home, QUOTING, clock=clock) == []


def test_renew__a_document_of_others_is_left_alone(home: Home, caplog: pytest.LogCaptureFixture):
    for name, content in (("2026-10", "{}"), ("2026-11", "no JSON")):
        (home.reports / name).mkdir(parents=True)
        (home.reports / name / "report.json").write_text(content)
    assert quotes.renew_reports(home, QUOTING, clock=clock) == []
    assert caplog.text.count("says not whose words it quotes") == 2
