"""Rows as Parquet: who is listed gets the role, and the order of the lines stays."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from pulse.sources.lines.rows import write_rows
from pulse.sources.reddit.entry import RedditArchiveEntry

ROWS_N = 300_000


def entry(name: str, **accounts: tuple[str, ...]) -> RedditArchiveEntry:
    return RedditArchiveEntry(platform="reddit", name=name, source="reddit_archive", path=(Path("unused"),), **accounts)  # type: ignore[arg-type]


def test_write_rows__keeps_the_order_and_tells_who_is_listed_by_scope(tmp_path: Path):
    entries = [
        entry("tea", bot_accounts=("Robot", "Both"), team_accounts=("Seller", "Both")),
        entry("*", team_accounts=("Robot",)),
    ]
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute(
            f"""
            create view parsed as
            select range as line_number, if(range % 2 = 0, 'tea', 'mate') as community_name,
                case range % 5 when 0 then 'robot' when 1 then 'seller' when 2 then 'both' when 3 then 'ada' end
                    as author_name
            from range({ROWS_N})
            """
        )
        file = tmp_path / "rows.parquet"
        write_rows(connection, "community_name, author_name, account_role", file, entries=entries)
    rows = pq.read_table(file).to_pydict()
    assert rows["line_number"] == list(range(ROWS_N))
    told = set(zip(rows["community_name"], rows["author_name"], rows["account_role"], strict=True))
    assert told == {
        ("tea", "robot", "bot"), ("tea", "seller", "team"), ("tea", "both", "bot"), ("tea", "ada", None),
        ("tea", None, None), ("mate", "robot", "team"), ("mate", "seller", None), ("mate", "both", None),
        ("mate", "ada", None), ("mate", None, None),
    }  # fmt: skip
