"""Any results that a spreadsheet can write come back as they were; any bytes end as lines read, bad or blank."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse.imports import reading

FUZZ = settings(max_examples=150, deadline=None)
# What a code may hold; blanks around it are taken off, so it has none.
CODES = st.text(
    st.sampled_from("ab,;|\"'# é€.") | st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1
)
ROWS = st.lists(
    st.tuples(
        st.dates(date(2000, 1, 1), date(2030, 1, 1)),
        CODES.filter(lambda code: code == code.strip()),
        st.none() | st.integers(0, 10**12 - 1),
        st.none() | st.integers(-(10**9), 10**9),
        st.none() | st.decimals(Decimal(-(10**9)), Decimal(10**9), places=2),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def read(
    connection: duckdb.DuckDBPyConnection, folder: Path, content: bytes
) -> tuple[tuple[str, ...], list[tuple[Any, ...]], int]:
    """The faults, the lines that can be read, and how many cannot."""
    (folder / "results.csv").write_bytes(content)
    taken = reading.take(folder / "results.csv", folder / "copy")
    faults = reading.read_into(connection, taken)
    rows = connection.execute(
        "select date, code, visits, sales, revenue, line_number from lines order by all"
    ).fetchall()
    bad = connection.execute("select count(*) from bad_lines").fetchone()
    return faults, rows, bad[0] if bad else 0


@FUZZ
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.sampled_from(".,"),
    thousands=st.sampled_from(["", "\u00a0", "\u202f", " ", "other"]),
    has_separator_line=st.booleans(),
    is_capital=st.booleans(),
)
def test_any_results__come_back_whole(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[Any, ...]],
    delimiter: str,
    line_end: str,
    encoding: str,
    quoting: Any,
    mark: str,
    thousands: str,
    has_separator_line: bool,
    is_capital: bool,
):
    between = {".": ",", ",": "."}[mark] if thousands == "other" else thousands

    def money(amount: Decimal) -> str:
        return f"{amount:,.2f}".replace(",", "_").replace(".", mark).replace("_", between)

    buffer = io.StringIO(newline="")
    if has_separator_line:
        buffer.write(f"sep={delimiter}{line_end}")
    header = ["date", "code", "visits", "sales", "revenue", "currency"]
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow([name.title() if is_capital else name for name in header])
    for day, code, visits, sales, revenue in rows:
        writer.writerow([day, code, visits, sales, None if revenue is None else money(revenue), "EUR"])
    faults, found, bad_n = read(connection, tmp_path_factory.getbasetemp(), buffer.getvalue().encode(encoding))
    assert (faults, bad_n) == ((), 0)
    plain = [
        (day, code, visits and int(visits), sales and int(sales), revenue and Decimal(revenue))
        for day, code, visits, sales, revenue, _ in sorted(found, key=lambda line: line[-1])
    ]
    assert plain == [(str(day), *rest) for day, *rest in rows]


@FUZZ
@given(content=st.binary(max_size=60) | st.text(st.sampled_from("a1,;\"'\n\r\t .-"), max_size=60).map(str.encode))
def test_any_bytes__are_lines_read_bad_or_blank(
    connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    faults, rows, bad_n = read(connection, tmp_path_factory.getbasetemp(), b"date,code,visits\n" + content)
    assert faults == ()
    told = [line for line in content.split(b"\n") if any(char in line for char in b"a1.-")]
    assert len(told) <= len(rows) + bad_n <= content.count(b"\n") + 1


def test_any_bytes__even_as_the_first_line_end_in_words(
    connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
):
    for content in (b"", b"\n", b"\r", b"\xff", b'"', b"sep=;", b"sep=,\n", b"\xef\xbb\xbf", b"\x00" * 20_000, b"a\rb"):
        faults, rows, bad_n = read(connection, tmp_path_factory.getbasetemp(), content)
        assert faults, content
        assert (rows, bad_n) == ([], 0)
