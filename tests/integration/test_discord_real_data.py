"""Recorded exports of Discord through the source and gate 1, against a plain reading of the same files."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fixtures.discord_documents import context, entry, write
from fixtures.reddit_lines import KEY, rows_of
from pulse.config.settings import Settings
from pulse.core.errors import ArchiveUnreadable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates import check_loads
from pulse.lake import quality
from pulse.lake.landing import Load, unproven_days
from pulse.platforms.names import author_key
from pulse.sources.discord.entry import DiscordExportEntry
from pulse.sources.lines.archive import extract

pytestmark = [pytest.mark.integration, pytest.mark.real_data]

SERVER = "853099205206999050"
NOT_SPEECH = {"ChannelPinnedMessage", "ThreadCreated", "46"}
YEARS = [Window(date(year, 1, 1), date(year, 12, 31)) for year in range(2021, 2026)]
LAST = Window(date(2026, 1, 1), date(2026, 7, 31))


def content_of(path: Path) -> bytes:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        content: bytes = stream.read()
    return content


def exports(recorded_data: Path, *names: str) -> list[Path]:
    found = [file for name in names for file in sorted((recorded_data / "fixtures" / name).glob("*.zst"))]
    if not found:
        pytest.skip(f"not there: {names}")
    return found


def loads_of(home: Home, of: DiscordExportEntry, windows: list[Window]) -> list[Load]:
    return [extract(of, window, context(home, of)) for window in windows]


def test_server__equals_an_independent_reading(home: Home, recorded_data: Path):
    paths = exports(recorded_data, "discord_dce_tpms")
    raw: dict[str, dict[str, Any]] = {}
    for path in paths:
        export = json.loads(content_of(path))
        for message in export["messages"]:
            assert message["id"] not in raw
            raw[message["id"]] = message | {"channel": export["channel"], "exportedAt": export["exportedAt"]}
    assert len(raw) == 7_821
    loads = loads_of(home, entry(*paths, name=SERVER), [*YEARS, LAST])
    rows = {row["contribution_id"]: row for load in loads for row in rows_of(load)}
    assert len(rows) == sum(load.manifest.rows_n for load in loads) == 7_771
    assert sum((Counter(load.manifest.skipped) for load in loads), Counter()) == {"not_speech": 50}
    assert {load.manifest.bad_lines_n for load in loads} == {0}
    assert not any(account.unaccounted_n for load in loads for account in load.manifest.files)
    assert rows.keys() == {key for key, message in raw.items() if message["type"] not in NOT_SPEECH}
    for key, row in rows.items():
        message = raw[key]
        assert row["created_at"] == _utc(message["timestamp"])
        assert row["edited_at"] == (_utc(message["timestampEdited"]) if message["timestampEdited"] else None)
        assert abs((row["observed_at"] - _utc(message["exportedAt"])).total_seconds()) < 1e-5
        assert row["body"] == (message["content"] or None)
        assert row["author_key"] == author_key(KEY, "discord", message["author"]["id"])
        assert (row["author_role"] == "bot") is message["author"]["isBot"]
        assert sum(row["reactions"].values()) == sum(reaction["count"] for reaction in message["reactions"])
        is_thread = message["channel"]["type"] == "GuildPublicThread"
        assert row["channel"].endswith((message["channel"]["categoryId" if is_thread else "id"])[-4:])
        if message["type"] == "Reply":
            assert row["parent_id"] == message["reference"]["messageId"]
    assert Counter(row["kind"] for row in rows.values()) == {"message": 7_719, "comment": 47, "post": 5}


def _utc(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


def test_server__is_known_until_its_first_channel_was_exported(home: Home, recorded_data: Path):
    loads = loads_of(home, entry(*exports(recorded_data, "discord_dce_tpms"), name="TPMs unite"), [*YEARS, LAST])
    assert [len(unproven_days(load)) for load in loads[1:-1]] == [0] * 4
    assert max(set(YEARS[0].days()) - unproven_days(loads[0])) == date(2021, 12, 31)
    # Threads and the first channel were exported on 2026-05-29 and -30.
    assert min(unproven_days(loads[-1])) == date(2026, 5, 29)
    assert [load.manifest.partial_reason for load in loads] == [None] * 6


def test_earlier_export__adds_observations_and_no_contributions(home: Home, recorded_data: Path):
    earlier, later = (
        next(file for file in exports(recorded_data, name) if "ai-for-tpms" in file.name)
        for name in ("discord_dce_tpms_earlier_export_CUT", "discord_dce_tpms")
    )
    loads = {
        name: loads_of(home, entry(*paths, name=SERVER), [YEARS[3], YEARS[4], LAST])
        for name, paths in {"later": [later], "both": [earlier, later]}.items()
    }
    seen = {name: [row for load in found for row in rows_of(load)] for name, found in loads.items()}
    ids = {name: {row["contribution_id"] for row in rows} for name, rows in seen.items()}
    assert ids["both"] == ids["later"]
    assert (len(seen["later"]), len(seen["both"])) == (171, 272)
    newest = {row["contribution_id"]: row for row in sorted(seen["both"], key=lambda row: row["observed_at"])}
    without_load = [{**row, "load_id": ""} for row in newest.values()]
    assert sorted(without_load, key=str) == sorted(({**row, "load_id": ""} for row in seen["later"]), key=str)


def test_cut_off__channel_keeps_its_whole_messages(home: Home, recorded_data: Path):
    path = next(file for file in exports(recorded_data, "discord_dce_tpms") if "ai-for-tpms" in file.name)
    content = content_of(path)
    cut = content[: len(content) // 2]
    # A message ends at the last line that closes one.
    whole = json.loads(cut[: cut.rindex(b"\n    }") + len(b"\n    }")] + b"]}")["messages"]
    load = extract(
        of := entry(write(home.root / "cut.json", cut), name=SERVER),
        Window(date(2024, 1, 1), date(2024, 12, 31)),
        context(home, of),
    )
    assert load.manifest.partial_reason == f"cut.json: export cut off, {len(whole)} messages kept"
    assert load.manifest.files[0].lines_n == len(whole) > 50
    assert load.manifest.files[0].unaccounted_n == 0


def test_sample__of_an_old_version(home: Home, recorded_data: Path):
    path = recorded_data / "discord_exporter_samples" / "SV_5A_5M.json"
    export = json.loads(path.read_bytes())
    assert len(export["messages"]) == 5
    of = entry(path, name=export["guild"]["name"])
    (load,) = loads_of(home, of, [Window(date(2018, 1, 1), date(2018, 12, 31))])
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    assert rows.keys() == {message["id"] for message in export["messages"]}
    assert (load.manifest.rows_n, load.manifest.skipped, load.manifest.bad_lines_n) == (4, {"duplicate_record": 1}, 0)
    for message in export["messages"]:
        row, is_gone = rows[message["id"]], message["author"]["name"] == "Deleted User"
        assert row["author_key"] == (None if is_gone else author_key(KEY, "discord", message["author"]["id"]))
        assert row["reactions"] == {one["emoji"]["name"]: one["count"] for one in message["reactions"]}
    # It tells no time of export, and so ends with its last message.
    assert min(unproven_days(load)) == date(2018, 5, 20)


def test_sample__of_a_private_group_is_refused(home: Home, recorded_data: Path):
    of = entry(recorded_data / "discord_exporter_samples" / "GC_3A_5M.json", name="Direct Messages")
    with pytest.raises(ArchiveUnreadable, match="direct messages"):
        loads_of(home, of, [Window(date(2023, 1, 1), date(2023, 12, 31))])


def test_gate__passes_what_the_source_can_see(home: Home, recorded_data: Path):
    """Of the rules about scores, which Discord has not, nothing is said here."""
    of = entry(*exports(recorded_data, "discord_dce_tpms"), name=SERVER)
    quality.ensure_tables(home)
    loads = loads_of(home, of, [*YEARS, LAST])
    verdicts = check_loads(
        loads,
        home=home,
        settings=Settings(communities=(of,)),
        run_id="run",
        clock=lambda: datetime(2026, 8, 1, tzinfo=UTC),
    )
    stopped = {finding.rule for verdict in verdicts for finding in verdict.stopped_by}
    assert stopped <= {"score_missing_share"}
    assert sum(verdict.accepted_n for verdict in verdicts) == 7_771
    assert {verdict.quarantined_n for verdict in verdicts} == {0}
