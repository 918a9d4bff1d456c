"""Which dates a partial build has to make where loads contradict each other about times of creation."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pulse.warehouse import creation_times
from support import NOON, contribution, write_contract_rows

DAY = NOON.date()


def day(number: int) -> date:
    return DAY + timedelta(days=number)


@pytest.fixture
def working(tmp_path: Path) -> Path:
    """A warehouse that knows t3_a on day 0, t3_b on day 4, and two contradictions: days 4 and 6, days 6 and 9."""
    file = tmp_path / "working.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema intermediate")
        columns = "platform varchar, community varchar, contribution_id varchar, contribution_date date"
        connection.execute(f"create table intermediate.int_contributions_latest ({columns})")
        connection.execute(f"create table intermediate.int_creation_time_clashes ({columns})")
        connection.execute(
            "create table intermediate.int_author_days (platform varchar, community varchar, source varchar, "
            "contribution_date date, contributions_n bigint, kept_n bigint, authored_n bigint)"
        )
        for table, name, number in (
            ("int_contributions_latest", "t3_a", 0),
            ("int_contributions_latest", "t3_b", 4),
            ("int_creation_time_clashes", "t3_b", 4),
            ("int_creation_time_clashes", "t3_b", 6),
            ("int_creation_time_clashes", "t3_c", 6),
            ("int_creation_time_clashes", "t3_c", 9),
        ):
            connection.execute(f"insert into intermediate.{table} values ('reddit', 'tea', ?, ?)", [name, day(number)])
    return file


def arrived(tmp_path: Path, *rows: tuple[str, int], community: str = "tea") -> Path:
    file = tmp_path / f"arrived-{community}.parquet"
    made = [contribution(name, created_at=NOON + timedelta(days=number), community=community) for name, number in rows]
    write_contract_rows(file, [row | {"load_id": "x"} for row in made])
    return file


def test_widened__nothing_is_added_where_nothing_contradicts(working: Path, tmp_path: Path):
    file = arrived(tmp_path, ("t3_a", 0), ("t3_new", 2))
    assert creation_times.widened(working, [day(2), day(0)], [file]) == (day(0), day(2))


def test_widened__by_the_date_on_which_an_arriving_id_is_known(working: Path, tmp_path: Path):
    assert creation_times.widened(working, [day(2)], [arrived(tmp_path, ("t3_a", 2))]) == (day(0), day(2))
    other = arrived(tmp_path, ("t3_a", 2), community="mate")
    assert creation_times.widened(working, [day(2)], [other]) == (day(2),)


@pytest.mark.parametrize("number", [4, 6, 9])
def test_widened__by_known_contradictions_step_by_step(working: Path, number: int):
    assert creation_times.widened(working, [day(number)], []) == (day(4), day(6), day(9))


def test_widened__by_a_contradiction_that_an_arriving_id_leads_to(working: Path, tmp_path: Path):
    file = arrived(tmp_path, ("t3_b", 2))
    assert creation_times.widened(working, [day(2)], [file]) == (day(2), day(4), day(6), day(9))


def test_widened__a_file_that_is_gone_meanwhile_is_no_error(working: Path, tmp_path: Path):
    assert creation_times.widened(working, [day(2)], [tmp_path / "gone.parquet"]) == (day(2),)


def test_widened__dates_are_utc(working: Path, tmp_path: Path):
    file = tmp_path / "late.parquet"
    late = datetime(DAY.year, DAY.month, DAY.day, 23, 59, tzinfo=UTC)
    write_contract_rows(file, [contribution("t3_a", created_at=late) | {"load_id": "x"}])
    assert creation_times.widened(working, [DAY], [file]) == (DAY,)


@pytest.mark.parametrize(
    ("known", "author_key", "widened"),
    [
        ({0: 0, 3: 0}, None, {2}),  # still none is seen
        ({0: 0, 3: 0}, "a" * 64, {0, 2, 3}),  # the first author: nobody was unknown on the other days
        ({0: 1, 3: 0}, None, {2}),  # others stay
        ({2: 1, 3: 0}, None, {2, 3}),  # the only one goes
    ],
)
def test_widened__by_all_dates_of_a_source_that_begins_or_ceases_to_show_authors(
    working: Path, tmp_path: Path, known: dict[int, int], author_key: str | None, widened: set[int]
):
    with duckdb.connect(str(working)) as connection:
        for number, authored_n in known.items():
            connection.execute(
                "insert into intermediate.int_author_days values ('reddit', 'tea', 'table', ?, 2, 2, ?)",
                [day(number), authored_n],
            )
        connection.execute(
            "insert into intermediate.int_author_days values ('reddit', 'mate', 'table', ?, 2, 2, 0)", [day(8)]
        )
    file = tmp_path / "arrived.parquet"
    made = contribution("t3_x", created_at=NOON + timedelta(days=2), source="table", author_key=author_key)
    write_contract_rows(file, [made])
    assert set(creation_times.widened(working, [day(2)], [file])) == {day(number) for number in widened}
