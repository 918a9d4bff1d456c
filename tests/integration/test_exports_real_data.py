"""Recorded exports of other places through their sources, against a plain reading of the same files."""

import contextlib
import csv
import io
import json
import tarfile
import zipfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fixtures.reddit_lines import KEY, rows_of
from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.errors import ArchiveUnreadable, DayNotServable
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from pulse.sources.routes import extract

pytestmark = [pytest.mark.integration, pytest.mark.real_data]


def found(recorded_data: Path, pattern: str) -> list[Path]:
    files = sorted(recorded_data.glob(pattern))
    if not files:
        pytest.skip(f"not there: {pattern}")
    return files


def content_of(path: Path) -> bytes:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        content: bytes = stream.read()
    return content


def unpacked(path: Path, folder: Path) -> list[Path]:
    with tarfile.open(fileobj=io.BytesIO(content_of(path))) as archive:
        archive.extractall(folder, filter="data")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def loads_of(home: Home, windows: list[Window], **facts: Any) -> list[Load]:
    settings = Settings(communities=(facts,))
    context = source_context(home, settings, lambda: datetime(2026, 11, 1, tzinfo=UTC), KEY)
    loads: list[Load] = []
    for window in windows:
        with contextlib.suppress(DayNotServable):  # a year of which no file holds anything
            loads += extract(settings.communities[0], window, context)
    return loads


def years(*numbers: int) -> list[Window]:
    return [Window(date(year, 1, 1), date(year, 12, 31)) for year in numbers]


def accounted(loads: list[Load]) -> Counter[str]:
    """What became of all lines, over windows that hold all of them."""
    assert not any(account.unaccounted_n for load in loads for account in load.manifest.files)
    total: Counter[str] = Counter(rows=sum(load.manifest.rows_n for load in loads))
    for load in loads:
        total += Counter(load.manifest.skipped) + Counter(bad=load.manifest.bad_lines_n)
    total["lines"] = sum(account.lines_n for account in loads[0].manifest.files)
    total["unplaced"] = sum(account.unplaced_n for account in loads[0].manifest.files)
    return total


def test_discord_csv__both_dialects_equal_an_independent_reading(home: Home, recorded_data: Path, tmp_path: Path):
    files = [
        file
        for number, archive in enumerate(found(recorded_data, "fixtures/discord_dce_csv_komodo/*.tar.zst"))
        for file in unpacked(archive, tmp_path / str(number))
    ]
    expected: dict[tuple[str, str, datetime, str], list[int]] = {}
    records_n: Counter[str] = Counter()
    for file in files:
        text = file.read_text(encoding="utf-8")
        dialect = ";" if text.startswith("AuthorID;") else ","
        for row in list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect))[1:]:
            records_n[dialect] += 1
            at = datetime.strptime(row[2], "%d-%b-%y %I:%M %p").replace(tzinfo=UTC)
            reactions = [int(part.rsplit("(", 1)[1].rstrip(")")) for part in row[5].split(",") if part]
            expected.setdefault((file.parent.name, row[0], at, row[3]), []).append(sum(reactions))
    assert dict(records_n) == {";": 9_769, ",": 418}
    loads = loads_of(
        home, years(2018, 2019, 2020), platform="discord", name="Komodo", source="discord_export", path=files,
        csv={"zone": "UTC", "channel": "([^/]+)/[^/]+[.]csv"},
    )  # fmt: skip
    total = accounted(loads)
    notices = [key for key in expected if key[3] in {"Joined the server.", "Pinned a message.", "Started a thread."}]
    assert total["lines"] == 10_187
    assert total["rows"] == len(expected) - len(notices)
    assert total["rows"] + total["duplicate_record"] + total["not_speech"] == 10_187
    assert (total["bad"], total["unplaced"]) == (0, 0)
    rows = [row for load in loads for row in rows_of(load)]
    deleted = "456226577798135808"
    assert Counter(
        (row["channel"], row["author_key"], row["created_at"], row["body"] or "") for row in rows
    ) == Counter(
        (channel, None if author == deleted else author_key(KEY, "discord", author), at, body)
        for channel, author, at, body in expected
        if (channel, author, at, body) not in notices
    )
    assert sum(sum(row["reactions"].values()) for row in rows) == sum(
        sum(counts[:1]) for key, counts in expected.items() if key not in notices
    )


def test_discord_days__equal_an_independent_reading(home: Home, recorded_data: Path, tmp_path: Path):
    archives = found(recorded_data, "discord_archive/announcements.tar.zst")
    files = [file for one in archives for file in unpacked(one, tmp_path / one.stem) if file.suffix == ".json"]
    expected: Counter[tuple[str, str, datetime, str]] = Counter()
    for file in files:
        for message in json.loads(file.read_bytes()):
            at = datetime.fromisoformat(message["created_at"]).astimezone(UTC)
            expected[file.parent.name, message["author"], at, message["content"]] += 1
    loads = loads_of(
        home, [*years(*range(2019, 2026)), Window(date(2026, 1, 1), date(2026, 10, 31))],
        platform="discord", name="R&D", source="tabular", path=files,
        table={"mapping": "discord_days"},
    )  # fmt: skip
    total = accounted(loads)
    assert total["lines"] == sum(expected.values()) > 100
    assert total["rows"] + total["duplicate_record"] + total["bad"] + total["unplaced"] == total["lines"], total
    assert (total["bad"], total["unplaced"]) == (0, 0)
    rows = Counter(
        (row["channel"], row["author_key"], row["created_at"], row["body"] or "")
        for load in loads
        for row in rows_of(load)
    )
    assert rows.keys() == {
        (channel, author_key(KEY, "discord", author), at, body) for channel, author, at, body in expected
    }


def test_slack__equals_an_independent_reading(home: Home, recorded_data: Path):
    (path,) = found(recorded_data, "fixtures/slack_export_houston/export.zip")
    with zipfile.ZipFile(path) as archive:
        channels = {channel["name"]: channel["id"] for channel in json.loads(archive.read("channels.json"))}
        messages = [
            (channels[name.split("/")[0]], message)
            for name in archive.namelist()
            if name.count("/") == 1 and name.endswith(".json")
            for message in json.loads(archive.read(name))
        ]
    assert len(messages) == 1_382
    said = {None, "file_share", "file_comment"}
    loads = loads_of(home, years(2015, 2016), platform="slack", name="Houston", source="slack_export", path=[path])
    total = accounted(loads)
    assert total["lines"] == 1_382
    assert total["rows"] == sum(message.get("subtype") in said for _, message in messages)
    assert total["rows"] + total["not_speech"] == 1_382
    rows = {row["contribution_id"]: row for load in loads for row in rows_of(load)}
    for channel, message in messages:
        if message.get("subtype") is None:
            row = rows[f"{channel}_{message['ts']}"]
            assert abs(row["created_at"].timestamp() - float(message["ts"])) < 1e-3
            assert row["author_key"] == author_key(KEY, "slack", message["user"])
            assert sum(row["reactions"].values()) == sum(one["count"] for one in message.get("reactions", []))
    held = b"".join(file.read_bytes() for file in home.landing.rglob("*") if file.is_file())
    assert b"xox" not in held


def test_tables__with_ready_mappings_have_all_rows(home: Home, recorded_data: Path):
    tables = {
        "youtube_comments": ("youtube", "fixtures/youtube_comments_gaming/*.csv.zst", 6_000),
        "reviews_table": ("trustpilot", "fixtures/reviews_trustpilot_keytrade/dataset.csv.zst", 1_027),
        "reviews": ("trustpilot", "fixtures/reviews_trustpilot_keytrade/reviews.json.zst", 800),
        "facebook_groups": ("facebook_groups", "facebook_groups/*.csv.zst", None),
    }
    for name, (platform, pattern, known_n) in tables.items():
        files = found(recorded_data, pattern)
        more: dict[str, Any] = {"delimiter": "\t"} if name == "reviews_table" else {}
        more |= {"zone": "UTC"} if name == "facebook_groups" else {}
        loads = loads_of(
            home, years(*range(2004, 2027))[:-1], platform=platform, name=name, source="tabular", path=files,
            table={"mapping": name} | more, max_quarantined_share=1.0,
        )  # fmt: skip
        lines_n = 0
        for file in files:
            text = content_of(file).decode("utf-8-sig")
            is_json = name == "reviews"
            delimiter = more.get("delimiter", ",")
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            lines_n += len(json.loads(text)) if is_json else sum(1 for _ in rows) - 1
        total = accounted(loads)
        assert total["lines"] == lines_n == (known_n or lines_n), name
        assert total["rows"] + total["duplicate_record"] + total["bad"] + total["unplaced"] == lines_n, (name, total)
        assert total["rows"] >= 0.95 * lines_n, (name, total)


def test_telegram__sample_of_a_private_chat_is_refused(home: Home, recorded_data: Path):
    (path,) = found(recorded_data, "fixtures/telegram_whatsapp_chatanalytics_agpl/telegram/DM_2A_7M.json")
    facts: dict[str, Any] = {"platform": "telegram", "name": "Bob", "source": "telegram_export", "path": [path]}
    with pytest.raises(ArchiveUnreadable, match="between persons"):
        loads_of(home, years(2022), **facts)


def test_telegram__sample_read_as_a_group(home: Home, recorded_data: Path, tmp_path: Path):
    (path,) = found(recorded_data, "fixtures/telegram_whatsapp_chatanalytics_agpl/telegram/DM_2A_7M.json")
    document = json.loads(path.read_bytes())
    group = tmp_path / "result.json"
    group.write_text(json.dumps(document | {"type": "private_group"}), encoding="utf-8")
    loads = loads_of(
        home, years(2019, 2022, 2023), platform="telegram", name="Bob", source="telegram_export", path=[group],
        zone="UTC",
    )  # fmt: skip
    total = accounted(loads)
    kinds = Counter(message["type"] for message in document["messages"])
    assert (total["rows"], total["not_speech"]) == (kinds["message"], kinds["service"])
