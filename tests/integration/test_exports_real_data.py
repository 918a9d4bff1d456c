"""Recorded exports of other places through their sources, against a plain reading of the same files."""

import csv
import io
import tarfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fixtures.reddit_lines import KEY, rows_of
from pulse.config.context import source_context
from pulse.config.settings import Settings
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
    return [load for window in windows for load in extract(settings.communities[0], window, context)]


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
