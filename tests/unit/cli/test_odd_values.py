"""Arguments and config values that no calendar, number or file can be: one line each, never a traceback."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pulse.cli import app
from pulse.config import settings
from pulse.config.settings import load_settings
from pulse.core.clock import day_is_over
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.kpi import Month
from pulse.steps import retention

ARCHIVE = "communities:\n  - {platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Home) -> Path:
    """A good config; tests write more to it."""
    (tmp_path / "x.ndjson").touch()
    file = tmp_path / "config.yml"
    file.write_text(ARCHIVE)
    monkeypatch.setenv("PULSE_CONFIG", str(file))
    return file


def pulse(*arguments: str) -> Any:
    return CliRunner().invoke(app.app, list(arguments))


DAYS = (
    "9999-12-31", "9999-12-30", "0001-01-01", "0000-01-01", "-001-01-01", "99999-01-01", "1969-12-31", "２０２６-10-05",
    "2026-13-01", "2026-02-30", "٢٠٢٦-10-05", "2026-10-05T00:00", "", " ", "\x00", "\ud800", "1e9",
    "99999999999999999999",
)  # fmt: skip


@pytest.mark.parametrize("day", DAYS, ids=ascii)
@pytest.mark.parametrize(
    "arguments",
    [("run", "--day", "DAY"), ("backfill", "--from", "DAY", "--to", "DAY"), ("sandbox", "world", "--first-day", "DAY")],
    ids=lambda arguments: arguments[0],
)
def test_days__are_refused_in_one_line(config: Path, arguments: tuple[str, ...], day: str, tmp_path: Path):
    given = [day if argument == "DAY" else argument for argument in arguments]
    if arguments[0] == "sandbox":
        given += ["--out", str(tmp_path / "world"), "--days", "1"]
        if day in DAYS[2:3]:
            pytest.skip("a world of that day can be made up")
    result = pulse(*given)
    if arguments[0] == "sandbox" and result.exit_code == 0:
        return
    assert result.exit_code, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if "Usage" not in result.output:
        assert result.stderr.count("\n") == 1, result.stderr
        assert result.stderr.startswith("pulse: ")


@pytest.mark.parametrize(
    "month", ["9999-12", "0000-01", "0001-01", "2026-13", "２０２６-10", "", "-1", "99999-01"], ids=ascii
)
def test_months__are_refused_in_one_line(config: Path, month: str):
    result = pulse("report", "--", month)
    assert result.exit_code
    assert result.stderr.count("\n") == 1, result.stderr
    assert "unexpected" not in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "retention: {landing_days: 1000000}",
        "retention: {quality_days: 99999999999999999999}",
        "retention: {quarantine_days: 0}",
        "retention: {landing_days: -5}",
        "retention: {landing_days: .nan}",
        f"retention: {{landing_days: {'9' * 5000}}}",
        f"retention: {{landing_days: {'9' * 400}}}",
        "retention: {landing_days: 2026-99-99}",
        "retention: {landing_days: ١٤}",
        "publish: {keep_states_n: 1000000}",
        "publish: {min_communities_arrived_share: .nan}",
        "publish: {min_communities_arrived_share: 1e400}",
        "reddit_api: {max_calls_per_run: 99999999999999999999}",
        "reddit_api: {calls_per_window: 99999999999999999999}",
        "reddit_api: {window_s: .inf}",
        "reddit_api: {timeout_s: 1e300}",
        "reddit_api: {late_days: 99999999}",
        "daily_deadline_h: .nan",
        "daily_deadline_h: .inf",
        f"daily_deadline_h: {'9' * 400}",
        "daily_deadline_h: 0001-01-01",
        "daily_deadline_h: -1",
        "? [a, b]\n: 1",
        "sentiment_model: [pulse]",
    ],
)
def test_config__a_value_out_of_bounds_is_a_config_error(config: Path, home: Home, line: str):
    config.write_text(f"{ARCHIVE}{line}\n")
    with pytest.raises(ConfigError):
        load_settings(home=home)
    for command in (("prune", "--dry-run"), ("status",), ("doctor",)):
        result = pulse(*command)
        assert "Traceback" not in result.output
        assert "unexpected" not in result.output
        assert result.exit_code
    assert settings.daily_deadline_h() == 6.0, "a DAG must parse all the same"


def test_retention__the_longest_there_is(home: Home):
    policy = settings.Retention(quarantine_days=36_500, landing_days=36_500, quality_days=36_500)
    assert retention.prune(home, policy, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), is_dry_run=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ARCHIVE + ARCHIVE, "key communities stands twice, in lines 1 and 3"),
        (
            ARCHIVE + "retention: {landing_days: 5, landing_days: 6}\n",
            "key landing_days stands twice, in lines 3 and 3",
        ),
        ("communities:\n  - {platform: reddit, name: tea, name: te, source: reddit_archive, path: x.ndjson}\n", "name"),
        (ARCHIVE + 'notify:\n  - {notifier: a.b, arguments: {"to": 1, to: 2}}\n', "key to stands twice"),
    ],
)
def test_config__a_key_given_twice_is_refused_by_its_lines(config: Path, home: Home, text: str, words: str):
    config.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_settings(home=home)
    assert str(caught.value).startswith(f"config file {config}, line ")


def test_config__a_merged_key_may_be_given_again(config: Path, home: Home):
    config.write_text(
        "communities:\n  - &tea {platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}\n"
        "  - {<<: *tea, name: coffee}\n  - {<<: *tea, name: cocoa}\n"
    )
    assert [entry.name for entry in load_settings(home=home).communities] == ["tea", "coffee", "cocoa"]


def test_deadline__of_a_config_that_names_it_twice_is_the_default(config: Path):
    config.write_text("daily_deadline_h: 2\ndaily_deadline_h: 3\n")
    assert settings.daily_deadline_h() == 6.0
    config.write_text("daily_deadline_h: 2\n")
    assert settings.daily_deadline_h() == 2.0


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/kmsg", "/sys/kernel/uevent_seqnum", "/proc/self/stat*"])
def test_config__files_of_the_kernel_are_no_archives(config: Path, home: Home, path: str):
    config.write_text(ARCHIVE.replace("x.ndjson", path))
    with pytest.raises(ConfigError, match="at least one file"):
        load_settings(home=home)


def test_config__thousands_of_communities_look_at_each_pattern_once(
    config: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    looked: list[str] = []
    found = settings._files_matching

    def counting(pattern: str, *others: Any) -> list[Path]:
        looked.append(pattern)
        return found(pattern, *others)

    monkeypatch.setattr(settings, "_files_matching", counting)
    entries = [
        {"platform": "reddit", "name": f"c{n}", "source": "reddit_archive", "path": "*.ndjson"} for n in range(50)
    ]
    config.write_text(yaml.safe_dump({"communities": entries}))
    assert len(load_settings(home=home).communities) == 50
    assert looked == ["*.ndjson"]


def test_calendar__has_an_end_and_a_beginning():
    now = datetime(2026, 11, 27, tzinfo=UTC)
    assert not day_is_over(date.max, now)
    assert day_is_over(date.min, now)
    assert day_is_over(date(2026, 11, 26), now)
    assert not day_is_over(date(2026, 11, 27), now)
    assert Window.one_day(date.max).end_at.year == 9999
    assert Month.parse("9999-12").last_day == date.max
    assert Month.parse("2024-02").last_day == date(2024, 2, 29)


# ---- what nobody foresaw -----------------------------------------------------


def raising(error: BaseException) -> Any:
    def command(*_: Any, **__: Any) -> Any:
        raise error

    return command


def test_unforeseen__is_one_line_and_a_file_with_the_traceback(
    config: Path, home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(app, "_home_and_settings", raising(OverflowError("date value\nout of range \x1b[31m")))
    result = pulse("status")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr
    (log,) = (home.airflow / "logs" / "commands").iterdir()
    assert str(log) in result.stderr
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_unforeseen__without_room_for_the_traceback_is_one_line_too(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app, "_home_and_settings", raising(OverflowError("x")))
    monkeypatch.setattr("tempfile.mkstemp", raising(OSError(28, "No space left on device")))
    result = pulse("status")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_interrupt__is_one_quiet_line(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app, "_home_and_settings", raising(KeyboardInterrupt()))
    result = pulse("status")
    assert result.exit_code == 130
    assert result.stderr.count("\n") == 1
    assert "Ctrl-C" in result.stderr
