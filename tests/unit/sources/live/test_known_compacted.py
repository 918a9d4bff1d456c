"""What raw knows of communities is the same once its days are compacted, and while they are."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pulse.core.home import Home
from pulse.lake import compacted, compaction
from pulse.sources.live import known
from pulse.sources.live.known import count_due, create_known, expected_of, raw_stamp
from pulse.sources.reddit.entry import RedditApiEntry
from support import contribution, write_contract_rows

DAY = date(2026, 3, 10)
NAMES = ("tea", "coffee", "cocoa")
# For a run of that day all is settled, whenever it came.
THROUGH = date(2100, 1, 1)


def entry(name: str) -> RedditApiEntry:
    return RedditApiEntry(platform="reddit", name=name, source="reddit_api")


ENTRIES = [entry("tea"), entry("coffee")]


def at(day: date, hour: int = 12) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)


@pytest.fixture
def filled(home: Home) -> Home:
    """Three communities of four days: a post, its answer, and a look again at the post of the day before."""
    for number in range(4):
        day = DAY + timedelta(days=number)
        for name in NAMES:
            post = contribution(f"t3_{name}{number}", created_at=at(day), observed_at=at(day, 13))
            rows = [post, contribution(f"t1_{name}{number}", created_at=at(day), observed_at=at(day, 13))]
            if number:
                before = {"created_at": at(day - timedelta(days=1)), "observed_at": at(day, 14), "reply_count": number}
                rows.append(contribution(f"t3_{name}{number - 1}", **before))
            rows = [row | {"community": name, "load_id": f"reddit_api-{name}-{number}"} for row in rows]
            write_contract_rows(
                home.contributions_dir("reddit", name, day) / f"reddit_api-{name}-{number}.parquet", rows
            )
    return home


def what_is_known(home: Home) -> tuple[Any, ...]:
    before = DAY + timedelta(days=4)
    with connected() as connection:
        create_known(connection, home, ENTRIES, since=DAY + timedelta(days=1), before=before)
        rows = connection.execute("from known order by all").fetchall()
    due = count_due(home, ENTRIES, before=before, now=at(before, 0))
    return rows, expected_of(home, [*ENTRIES, entry("unknown")], before=before), due


def connected() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'UTC'")
    return connection


def test_known__is_the_same_of_compacted_days(filled: Home):
    before = what_is_known(filled)
    rows, expected, due = before
    assert {row[0] for row in rows} == {"tea", "coffee"}
    assert expected["reddit/tea"] is not None
    assert expected["reddit/unknown"] is None
    assert due
    stamp = raw_stamp(filled, entry("tea"), before=DAY + timedelta(days=4))
    assert compaction.compact(filled, through=THROUGH).days_n == 4
    assert what_is_known(filled) == before
    assert raw_stamp(filled, entry("tea"), before=DAY + timedelta(days=4)) != stamp


def test_known__half_of_the_days_compacted(filled: Home):
    before = what_is_known(filled)
    assert compaction.compact(filled, through=THROUGH, most_n=2).days_n == 2
    assert what_is_known(filled) == before


def test_known__what_is_compacted_between_listing_and_reading_is_read_all_the_same(
    filled: Home, monkeypatch: pytest.MonkeyPatch
):
    before = what_is_known(filled)
    listing = known._files
    listings: list[int] = []

    def overtaken(*arguments: Any) -> list[Path]:
        files = listing(*arguments)
        listings.append(len(files))
        compaction.compact(filled, through=THROUGH, most_n=1)  # of another process, just after
        return files

    monkeypatch.setattr(known, "_files", overtaken)
    assert what_is_known(filled) == before
    assert len(listings) > 3


def test_read_current__gives_up_on_what_never_stands_still(tmp_path: Path):
    read: list[Any] = []
    gone = tmp_path / "gone.parquet"
    assert compacted.read_current(lambda: [gone], lambda files: read.append(files) or len(files)) == 0
    assert read == [[]] * 5
