"""``pulse status --json`` and ``pulse doctor --json``: every fact of the text, and the same exit status."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pulse.cli import app as cli
from pulse.cli import doctor, json_output
from pulse.cli.app import app
from pulse.core.errors import ConfigError, RateLimited, StorageError
from pulse.core.home import REPOSITORY, Home
from pulse.gates.quarantine import QuarantinedLoad
from pulse.imports.kept_out import KeptFile
from pulse.reading.damage import Damage, SetAside
from pulse.reading.status import EntryStatus, Status

AT = datetime(2026, 8, 3, 1, 2, tzinfo=UTC)
NAUGHTY = "\u202e\x1b[31m<script>\n"


def full_status() -> Status:
    never_run = ((date(2026, 7, 1), date(2026, 7, 3)),)
    return Status(
        state_id="20260803T000000000000Z",
        entries=(
            EntryStatus("reddit/tea", date(2026, 8, 2), "failed", None, NAUGHTY, 5, 7, never_run),
            EntryStatus("reddit/mate", None, None, None, None, 0, 0),
        ),
        stopped_loads=(QuarantinedLoad("l1", "reddit/tea", "2026-08-02", True, {"rule": NAUGHTY}, 3, AT),),
        kept_files=(KeptFile("sales.csv", "l2", False, {}, 2, AT),),
        pending_dates_n=4,
        writer_pid=77,
        damaged=(Damage(Path("raw/a.parquet"), "cut", "pulse rebuild", None),),
        set_aside=(SetAside(Path("kpi/b"), Path("damaged/b"), "cut", "a month", "2026-08-01T00:00:00Z"),),
    )


def test_status_document__has_every_fact():
    text = json_output.status_document(full_status())
    assert text.isascii()
    assert "\x1b" not in text
    document: dict[str, Any] = json.loads(text)
    assert list(document) == [
        "published_state", "pending_dates_n", "writer_pid", "entries", "stopped_loads", "kept_files", "damaged",
        "set_aside",
    ]  # fmt: skip
    assert document["entries"][0] == {
        "entry_id": "reddit/tea", "day": "2026-08-02", "outcome": "failed", "contributions_n": None, "reason": NAUGHTY,
        "complete_days_n": 5, "tried_days_n": 7, "never_run_days_n": 3,
        "never_run": [{"first_day": "2026-07-01", "last_day": "2026-07-03"}],
    }  # fmt: skip
    assert document["entries"][1]["day"] is None
    assert document["stopped_loads"] == [
        {"load_id": "l1", "entry_id": "reddit/tea", "window": "2026-08-02", "reasons": {"rule": NAUGHTY},
         "records_n": 3, "kept_at": "2026-08-03T01:02:00+00:00"}
    ]  # fmt: skip
    assert document["damaged"][0]["file"] == "raw/a.parquet"
    assert document["set_aside"][0]["moved_to"] == "damaged/b"
    assert document["kept_files"][0]["is_stopped"] is False


@pytest.mark.parametrize(
    ("levels", "worst"), [(("ok", "ok"), "ok"), (("ok", "warn"), "warn"), (("fail", "warn"), "fail"), ((), "ok")]
)
def test_doctor_document__says_the_worst_level(levels: tuple[doctor.Level, ...], worst: str):
    findings = [doctor.Finding(f"check {at}", level, NAUGHTY, "mend it") for at, level in enumerate(levels)]
    document = json.loads(json_output.doctor_document(findings))
    assert document["level"] == worst
    assert document["checks"] == [
        {"check": one.check, "level": one.level, "found": NAUGHTY, "next_step": "mend it"} for one in findings
    ]


def test_doctor__ends_with_json_as_it_does_without(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(home.root / "absent.yml"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    document = json.loads(result.stdout)
    assert (document["level"], result.exit_code) == ("fail", 1)
    assert next(one for one in document["checks"] if one["check"] == "config")["level"] == "fail"
    text = CliRunner().invoke(app, ["doctor"])
    assert text.exit_code == 1
    assert all(one["check"] in text.stdout for one in document["checks"])


def test_status__with_json_fails_in_one_line_like_without(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(home.root / "absent.yml"))
    result = CliRunner().invoke(app, ["status", "--json"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1


def test_status__with_json_is_one_document_and_nothing_else(home: Home, monkeypatch: pytest.MonkeyPatch):
    posts = home.root / "posts.ndjson"
    posts.write_text("")
    config = home.root / "config.yml"
    config.write_text(
        f"communities: [{{platform: reddit, name: tea, source: reddit_archive, path: {posts.name}}}]\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    result = CliRunner().invoke(app, ["status", "--json"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["published_state"], document["entries"][0]["entry_id"]) == (None, "reddit/tea")


def test_exit_statuses__that_scripts_may_rely_on_are_documented():
    document = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8").split("## From scripts")[1]
    documented = {int(number) for number in re.findall(r"^\| (\d+) \|", document.split("\n## ")[0], flags=re.MULTILINE)}
    errors = (
        ConfigError("x", value="y", next_step="z"),
        StorageError("x", value="y", next_step="z"),
        RateLimited("x", retry_after_s=1),
    )
    assert [cli._exit_status(error) for error in errors] == [2, 1, 3]
    assert documented == {0, 1, 2, 3, cli._INTERRUPTED}


def test_completion__is_there_for_the_shells():
    asked = {"_PULSE_COMPLETE": "complete_bash", "COMP_WORDS": "pulse sta", "COMP_CWORD": "1"}
    offered = CliRunner().invoke(app, [], prog_name="pulse", env=asked)
    assert offered.stdout.split() == ["status"]
