"""``pulse report``: of all communities, or of one."""

import os
import re

import pytest
from typer.testing import CliRunner

from pulse.cli.app import app
from pulse.core.files import write_json
from pulse.core.home import Home
from pulse.lake import kpi_store
from pulse.warehouse import builds
from report_samples import MONTH, kpi_rows, month_of_marts

FEW = ("fct_community_daily", "fct_contributions", "fct_actions_monthly")


@pytest.fixture
def frozen(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a published state and a frozen month, and a config that says how reports are made."""
    file = home.published / "states" / "20261101T000000000001Z.duckdb"
    file.parent.mkdir()
    with month_of_marts(["tea"], only=FEW) as marts:
        marts.execute(f"attach '{file}' as state")
        marts.execute("copy from database memory to state")
    os.link(file, builds.published_file(home))
    write_json(home.published / "state.json", {"state_id": file.stem, "identity": None})
    kpi_store.add_version(home, MONTH, 1, kpi_rows("*") + kpi_rows("tea"), [])
    config = home.root / "config.yml"
    config.write_text("report: {base_url: 'https://reports.example.org'}\n", encoding="utf-8")
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    return home


def test_report__of_one_community_lies_beside_that_of_all_and_goes_by_the_config(frozen: Home):
    for options, folder in (([], ""), (["--community", "reddit/TEA"], "platform=reddit/community=tea")):
        result = CliRunner().invoke(app, ["report", "2026-10", *options])
        assert result.exit_code == 0, result.stderr
        page = frozen.reports / "2026-10" / folder / "report.html"
        assert result.stdout.splitlines()[-1] == str(page)
        assert page.is_file()
        assert "https://reports.example.org/2026-10/" in page.with_name("mail.html").read_text(encoding="utf-8")


def test_report__says_how_far_it_is_beside_its_result(frozen: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pulse.cli.progress.LINE_EVERY_S", 0.0)
    result = CliRunner().invoke(app, ["report", "2026-10"])
    assert re.search(r"writing the report: 3 of 4 parts, [\d.]+/s, \d+ s left", result.stderr)
    assert "parts" not in result.stdout


@pytest.mark.parametrize(
    ("community", "status", "message"),
    [
        ("tea", 2, "limit: PLATFORM/NAME"),
        ("reddit/", 2, "limit: PLATFORM/NAME"),
        ("reddit/coffee", 1, "limit: one of reddit/tea"),
        ("*/*", 1, "has no figures of 2026-10"),
        ("reddit/\x1b[31m", 1, "has no figures"),
    ],
)
def test_report__of_a_community_that_is_none_fails_in_one_line(frozen: Home, community: str, status: int, message: str):
    result = CliRunner().invoke(app, ["report", "2026-10", "--community", community])
    assert result.exit_code == status
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_report__with_a_wrong_config_writes_nothing(frozen: Home):
    (frozen.root / "config.yml").write_text("report: {base_url: 'http://localhost:8080'}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["report", "2026-10"])
    assert (result.exit_code, "this machine alone" in result.stderr) == (2, True)
    assert not (frozen.reports / "2026-10").exists()
