"""The ``report:`` part of the config."""

from pathlib import Path

import pytest

from pulse.config.report import ReportPolicy, report_policy
from pulse.config.settings import Settings
from pulse.core.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    file = folder / "communities.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_report_policy__quotes_nothing_and_links_nowhere_unless_it_is_told(tmp_path: Path):
    for text in ("communities: []\n", "report:\n", ""):
        assert report_policy(written(tmp_path, text)) == ReportPolicy(time_zone="UTC", base_url=None, quotes=False)
    assert Settings.model_fields["report"].default == ReportPolicy()


def test_report_policy__is_read_though_a_community_could_not_be(tmp_path: Path):
    text = (
        "communities: [{platform: reddit, name: tea, source: reddit_archive, path: gone.zst}]\n"
        "report: {time_zone: Europe/Berlin, base_url: 'https://reports.example.org/pulse/', quotes: true}\n"
    )
    assert report_policy(written(tmp_path, text)) == ReportPolicy(
        time_zone="Europe/Berlin", base_url="https://reports.example.org/pulse", quotes=True
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("time_zone: Mars/Olympus", r"line 2: report\.time_zone: .*not a time zone of the IANA database"),
        ("time_zone: ../../etc/passwd", r"report\.time_zone: .*not a time zone"),
        ("base_url: http://localhost:8080", r"report\.base_url: .*an address of this machine alone"),
        ("base_url: http://127.0.0.1/x", "an address of this machine alone"),
        ("base_url: 'http://[::1]/x'", "an address of this machine alone"),
        ("base_url: javascript:alert(1)", "not a plain http or https address"),
        ("base_url: https://me:wrong@example.org", "not a plain http or https address"),
        ("base_url: 'https://example.org/?x=1'", "not a plain http or https address"),
        ("base_url: 'https://[x/'", "not an address of the web"),
        ("quotes: perhaps", r"report\.quotes"),
        ("quote: true", r"report\.quote: Extra inputs"),
    ],
)
def test_report_policy__that_cannot_be_names_file_and_line(tmp_path: Path, line: str, message: str):
    with pytest.raises(ConfigError, match=message):
        report_policy(written(tmp_path, f"report:\n  {line}\n"))


def test_report_policy__without_a_file_says_so(tmp_path: Path):
    with pytest.raises(ConfigError, match="create it, or set PULSE_CONFIG"):
        report_policy(tmp_path / "none.yml")
