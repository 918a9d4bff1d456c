"""Files of business results: what the gate makes of them, whatever is in them, and what is in raw afterwards."""

import os
import re
import stat
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import damaging
from pulse.config.settings import Settings
from pulse.core import parquet
from pulse.core.errors import ConfigError, StorageError
from pulse.core.files import sql_text
from pulse.core.home import REPOSITORY, Home
from pulse.core.table import Column
from pulse.gates import runner
from pulse.gates.runner import Answer, Batch
from pulse.imports import contract, importing, kept_out, reading, rules, store
from pulse.imports.amounts import Amounts
from pulse.lake import quality
from support import ask

SETTINGS = Settings.model_validate(
    {"communities": [{"platform": "reddit", "name": "Tea", "source": "reddit_archive", "path": "unused"}]}
)
HEADER = "date,platform,community,code,visits,leads,sales,revenue,currency"


@pytest.fixture(autouse=True)
def answering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts themselves answer in place of Great Expectations, which takes seconds to import."""
    if request.node.get_closest_marker("integration"):
        return

    def answers(database: Path, batches: list[Batch], **_: Any) -> dict[str, dict[str, Answer]]:
        ask(f"attach {sql_text(database)} as judged (read_only)")
        try:
            return {batch.name: dict(zip(_rules(batch), _answers(batch), strict=True)) for batch in batches}
        finally:
            ask("detach judged")

    def _rules(batch: Batch) -> list[str]:
        return [check.rule for check in batch.checks]

    def _answers(batch: Batch) -> list[Answer]:
        if batch.table == "rows":
            counts = ", ".join(f"count(*) filter (where not {rule})" for rule in _rules(batch))
            (found,) = ask(f"select {counts} from judged.rows").fetchall()
            return [
                Answer(rule, is_success=failed_n == 0, unexpected_n=failed_n)
                for rule, failed_n in zip(_rules(batch), found, strict=True)
            ]
        (found,) = ask(f"select {', '.join(_rules(batch))} from judged.numbers").fetchall()
        return [
            Answer(check.rule, is_success=value <= check.arguments["max_value"])
            for check, value in zip(batch.checks, found, strict=True)
        ]

    monkeypatch.setattr(runner, "run", answers)


def put(home: Home, content: str | bytes, name: str = "results.csv") -> Path:
    folder = importing.folder(home)
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def run(home: Home, *, today: date = date(2026, 11, 1)) -> dict[str, importing.ImportVerdict]:
    """One import; verdicts by file."""
    now = datetime(today.year, today.month, today.day, 3, tzinfo=UTC)
    verdicts = importing.import_new(home, SETTINGS, clock=lambda: now, run_id=f"run of {today}")
    return {verdict["file"]: verdict for verdict in verdicts}


def held(home: Home, columns: str = "*") -> list[tuple[Any, ...]]:
    """What raw holds."""
    store.ensure_empty_file(home)
    return ask(
        f"select {columns} from read_parquet(?, hive_partitioning = false, union_by_name = true) "
        "order by file_name, line_number",
        [store.results_glob(home)],
    ).fetchall()


def lines(*changes: str, n: int = 40) -> str:
    """A file of good lines, and some that are not."""
    good = [f"2026-09-{day % 30 + 1:02d},,,code {day},1,,,," for day in range(n)]
    return "\n".join([HEADER, *good, *changes])


# ---- what a file says ----------------------------------------------------------


def test_import__keeps_null_and_zero_apart_and_types_exact(home: Home):
    put(home, f"{HEADER}\n2026-10-05,reddit,TEA,,0,,3,1234.50,EUR\n2026-10-06,,,autumn sale,7,1,,,EUR\n")
    verdict = run(home)["results.csv"]
    assert (verdict["outcome"], verdict["accepted_n"], verdict["message"]) == ("imported", 2, "2 of 2 lines imported")
    assert held(home, "* exclude (load_id)") == [
        (date(2026, 10, 5), "reddit", "tea", None, 0, None, 3, Decimal("1234.5000"), "EUR", "results.csv", 2, 2, 0),
        # Without revenue there is no currency either, or one day would fall into two.
        (date(2026, 10, 6), None, None, "autumn sale", 7, 1, None, None, None, "results.csv", 3, 2, 0),
    ]


def test_import__columns_come_in_any_order_and_what_is_not_told_may_be_left_out(home: Home):
    put(home, "sales,date,code\n3,2026-10-05,spring\n")
    assert run(home)["results.csv"]["outcome"] == "imported"
    assert held(home, "result_date, code, sales, visits, revenue") == [(date(2026, 10, 5), "spring", 3, None, None)]


def test_import__reads_what_programs_write(home: Home):
    contents = {
        "byte order mark and Windows line ends": b"\xef\xbb\xbfdate,code,sales\r\n2026-10-05,a,3\r\n",
        "empty lines": b"date,code,sales\n\n2026-10-05,b,3\n,,\n\n",
        "quotes, blanks, no last line end": b'date , code,sales\n"2026-10-05","c", 3 ',
    }
    for name, content in contents.items():
        put(home, content, name=f"{name}.csv")
    assert [verdict["message"] for verdict in run(home).values()] == ["1 of 1 lines imported"] * 3
    assert sorted(held(home, "code, result_date, sales")) == [(code, date(2026, 10, 5), 3) for code in "abc"]


ROW = (date(2026, 10, 5), "reddit", "tea", "a", 1100, None, 4, Decimal("10.5000"), "EUR")
SPREADSHEETS = {
    "German": "\ufeffdate;platform;community;code;visits;leads;sales;revenue;currency\r\n"
    "2026-10-05;reddit;tea;a;1100;;4;10,50;EUR\r\n",
    "decimal comma in quotes": f'{HEADER}\n2026-10-05,reddit,tea,a,1100,,4,"10,50",EUR\n',
    "old Mac": f"{HEADER}\r2026-10-05,reddit,tea,a,1100,,4,10.50,EUR\r",
    "capitals": f"{HEADER.title()}\n2026-10-05,REDDIT,Tea,a,1100,,4,10.50,EUR\n",
    "data frame": f"{HEADER}\n2026-10-05,reddit,tea,a,1100.0,,4.0,10.5,EUR\n",
    "prefix": f"{HEADER}\n2026-10-05,reddit,/r/Tea,a,1100,,4,10.50,EUR\n",
    "first line that names the separator": f"sep=,\n{HEADER}\n2026-10-05,reddit,tea,a,1100,,4,10.50,EUR\n",
    "the same with semicolons": f"sep=;\n{HEADER}\n2026-10-05,reddit,tea,a,1100,,4,10.50,EUR\n".replace(",", ";"),
    "tabs": f"{HEADER}\n2026-10-05,reddit,tea,a,1100,,4,10.50,EUR\n".replace(",", "\t"),
    "no-break blank": f"{HEADER}\n2026-10-05,reddit,tea,a,1\u00a0100,,4,10.50,EUR\n",
    "narrow blank": f"{HEADER}\n2026-10-05,reddit,tea,a,1\u202f100,,4,10.50,EUR\n",
    "midnight": f"{HEADER}\n2026-10-05 00:00:00,reddit,tea,a,1100,,4,10.50,EUR\n",
    "midnight in ISO": f"{HEADER}\n2026-10-05T00:00:00,reddit,tea,a,1100,,4,10.50,EUR\n",
}


@pytest.mark.parametrize("case", SPREADSHEETS)
def test_import__understands_the_spreadsheet(case: str, home: Home):
    put(home, SPREADSHEETS[case])
    assert run(home)["results.csv"]["message"] == "1 of 1 lines imported"
    columns = "result_date, platform, community, code, visits, leads, sales, revenue, currency"
    assert held(home, columns) == [ROW]


AMOUNTS = {
    # all amounts of a file in EUR: what each is worth, None for one that can be read in two ways
    "1234.5 0.1 7 -2": "1234.5 0.1 7 -2",
    "1.234,50 1.234 12,3": "1234.50 1234 12.3",
    "1,234.50 1,234 12.3": "1234.50 1234 12.3",
    "1.234": "-",
    "1,234 2,500 300": "- - 300",
    "1.234.567 1.234": "1234567 1234",
    "1.5 1,5 1.234": "1.5 1.5 -",
    "1234.567 1.234": "1234.567 1.234",
    "0,125 1,234": "0.125 1.234",
    "1'234.50 \u22125": "1234.50 -5",
    "1\u00a0234,5 12\u00a034": "1234.5 -",
    "1,2,3 1.2.3 .5 5. 1e3 NaN +3 --3 1.234,567.8 ١": "- - - - - - - - - -",
}


@pytest.mark.parametrize("texts", AMOUNTS)
def test_amounts__are_read_where_there_is_but_one_way(texts: str):
    cells = texts.split(" ")
    form = Amounts.of(cells)
    found = [form.amount(cell, "EUR") for cell in cells]
    plain = re.compile(r"-?[0-9]+(\.[0-9]+)?")
    for cell, amount, worth in zip(cells, found, AMOUNTS[texts].split(" "), strict=True):
        if worth == "-":
            # As it was, and so for the gate to keep out: 1.234 is told from an amount with a point by nothing else.
            assert amount == cell
        else:
            assert plain.fullmatch(amount) is not None
            assert Decimal(amount) == Decimal(worth)


def test_amounts__three_decimals_are_usual_in_some_currencies():
    assert Amounts(None).amount("1.234", "KWD") == "1.234"


def test_contract__columns_are_those_that_raw_has(home: Home):
    store.ensure_empty_file(home)
    with duckdb.connect() as connection:
        found = connection.execute(
            "select column_name, column_type from (describe select * from read_parquet(?))", [store.results_glob(home)]
        ).fetchall()
    wanted: tuple[Column, ...] = contract.COLUMNS
    assert [(name, kind.replace(",", ", ").replace("  ", " ")) for name, kind in found] == [
        (column.name, column.duckdb_type) for column in wanted
    ]
    assert len(contract.CURRENCIES) > 150
    assert all(len(code) == 3 and code.isupper() for code in contract.CURRENCIES)


# ---- files that are stopped ----------------------------------------------------


NOT_AS_AGREED = (
    (b"", "column date is missing"),
    ("date,code,sales\n2026-10-05,a,1\n".encode("utf-16"), "UTF-16"),
    (b"day;code;sales\n2026-10-05;a;1\n", "column date is missing"),
    (b"sep=;\ndate,code,sales\n2026-10-05,a,1\n", "column date is missing"),
    (b"date,code,sales,sales\n2026-10-05,a,1,1\n", "'sales' stands twice"),
    (b"date,code,sales,margin\n2026-10-05,a,1,1\n", "'margin' is not in the contract"),
    (b"date,code,sales,\x1b[31mred\n", "'\\x1b[31mred' is not in the contract"),
    (b"Date,date,code,sales\n2026-10-05,2026-10-05,a,1\n", "'date' stands twice"),
    (b"date,sales\n2026-10-05,1\n", "or code, are missing"),
    (b"date,community,sales\n2026-10-05,tea,1\n", "go together"),
    (b"date,code\n2026-10-05,a\n", "none of the columns"),
    (b"date,code,revenue\n2026-10-05,a,1\n", "currency is missing"),
    (b"\xff\xfa,code,sales\n", "not UTF-8"),
    (b'date,"code,sales\n', "not CSV"),
    (b"x" * 9_000, "longer than"),
)


def test_file__that_is_not_as_agreed_is_stopped_and_says_why(home: Home):
    for number, (content, _) in enumerate(NOT_AS_AGREED):
        put(home, content, name=f"{number:02d}.csv")
    verdicts = run(home)
    assert len(verdicts) == len(NOT_AS_AGREED)
    for (content, word), verdict in zip(NOT_AS_AGREED, verdicts.values(), strict=True):
        assert (verdict["outcome"], verdict["rule"]) == ("stopped", "file_is_as_agreed"), content
        assert word in verdict["message"]
    assert held(home) == []


def test_file__too_large_is_not_read(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 100)
    put(home, lines())
    assert "bytes (limit: 100)" in run(home)["results.csv"]["message"]
    assert kept_out.kept_files(home)[0].is_stopped


def test_file__that_is_none_is_stopped_without_waiting(home: Home, tmp_path: Path):
    (tmp_path / "elsewhere").write_text(lines())
    folder = importing.folder(home)
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "elsewhere")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    assert {name: verdict["rule"] for name, verdict in run(home).items()} == dict.fromkeys(
        ("folder.csv", "link.csv", "pipe.csv"), "file_is_as_agreed"
    )
    assert held(home) == []


def test_file__with_a_hostile_name_is_stopped_and_shown_without_harm(home: Home):
    put(home, lines(), name="a\x1b[31m'; drop table x; --.csv")
    (verdict,) = run(home).values()
    assert verdict["rule"] == "file_is_as_agreed"
    assert verdict["file"] == "a\\x1b[31m'; drop table x; --.csv"


def test_file__names_are_data_never_paths_or_sql(home: Home):
    put(home, lines(), name="it's [a] * {b} 'file'.csv")
    assert run(home)["it's [a] * {b} 'file'.csv"]["outcome"] == "imported"
    assert set(held(home, "file_name")) == {("it's [a] * {b} 'file'.csv",)}
    assert store.imported(home).keys() == {"it's [a] * {b} 'file'.csv"}


def test_file__others_and_hidden_ones_are_left_alone(home: Home):
    put(home, "?", name="notes.txt")
    put(home, "?", name=".results.csv")
    assert run(home) == {}


def test_file__of_a_header_alone_is_no_proof_of_nothing(home: Home):
    put(home, HEADER)
    assert run(home)["results.csv"]["rule"] == "has_lines"


def test_file__with_a_day_that_is_not_over_is_stopped_until_it_is(home: Home):
    put(home, "date,code,sales\n2026-10-05,a,1\n2026-10-06,a,1\n")
    stopped = run(home, today=date(2026, 10, 6))["results.csv"]
    assert (stopped["rule"], stopped["value"], stopped["limit"]) == ("days_are_over", "1", "0")
    assert held(home) == []
    assert run(home, today=date(2026, 10, 7))["results.csv"]["outcome"] == "imported"
    assert kept_out.kept_files(home) == []


# ---- lines that are kept out ---------------------------------------------------


BROKEN_LINES = (
    ("05.10.2026,,,a,1,,,,", "date_is_a_day"),
    ("2026-02-30,,,a,1,,,,", "date_is_a_day"),
    ("1026-10-05,,,a,1,,,,", "date_is_a_day"),
    (",,,a,1,,,,", "date_is_a_day"),
    ("2026-10-05,,,,1,,,,", "somebody_is_named"),
    ("2026-10-05,reddit,,a,1,,,,", "somebody_is_named"),
    ("2026-10-05,,tea,a,1,,,,", "somebody_is_named"),
    ("2026-10-05,*,*,,1,,,,", "community_is_plain"),
    ("2026-10-05,red dit,tea,,1,,,,", "community_is_plain"),
    ("2026-10-05 12:30:00,,,a,1,,,,", "date_is_a_day"),
    ("2026-10-05,reddit,=tea(),,1,,,,", "community_is_plain"),
    ('2026-10-05,,,"=HYPERLINK(""http://x"")",1,,,,', "code_is_plain"),
    ("2026-10-05,,,@sum,1,,,,", "code_is_plain"),
    ("2026-10-05,,,＝1+1,1,,,,", "code_is_plain"),
    ("2026-10-05,,,a\x00b,1,,,,", "code_is_plain"),
    ("2026-10-05,,,a\u202eb,1,,,,", "code_is_plain"),
    (f"2026-10-05,,,{'a' * 201},1,,,,", "code_is_plain"),
    ("2026-10-05,,,a,-1,,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,,-1,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,1.5,,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,1.000,,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,1 00,,,,", "counts_are_whole_numbers"),
    ('2026-10-05,,,a,"1,000",,,,', "counts_are_whole_numbers"),
    ("2026-10-05,,,a,1e3,,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,١,,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,9999999999999,,,,", "counts_are_whole_numbers"),
    ("2026-10-05,,,a,,,,NaN,EUR", "revenue_is_a_number"),
    ("2026-10-05,,,a,,,,(1.5),EUR", "revenue_is_a_number"),
    ('2026-10-05,,,a,,,,"1.234,567.8",EUR', "revenue_is_a_number"),
    ("2026-10-05,,,a,,,,1.23456,EUR", "revenue_is_a_number"),
    ("2026-10-05,,,a,,,,1.5,", "currency_is_known"),
    ("2026-10-05,,,a,,,,1.5,EURO", "currency_is_known"),
    ("2026-10-05,,,a,,,,1.5,eur", "currency_is_known"),
    ("2026-10-05,,,a,,,,,EUR", "something_is_told"),
)


def test_line__that_breaks_a_rule_is_kept_out_and_the_others_go_on(home: Home):
    good_n = 20 * len(BROKEN_LINES)
    good = [f"2026-09-01,,,code {number},1,,,," for number in range(good_n)]
    put(home, "\n".join([HEADER, *good, *(line for line, _ in BROKEN_LINES)]))
    verdict = run(home)["results.csv"]
    assert (verdict["outcome"], verdict["accepted_n"]) == ("imported", good_n)
    kept = kept_out.kept_lines(home, "results.csv", limit=100)
    assert [number for number, _, _ in kept] == [good_n + 2 + place for place in range(len(BROKEN_LINES))]
    for (line, rule), (_, broken, text) in zip(BROKEN_LINES, kept, strict=True):
        assert rule in broken.split(", "), line
        assert text
    with duckdb.connect() as connection:
        noted = connection.execute(
            "select distinct entry_id, file, line_number from read_parquet(?) order by line_number",
            [quality.glob(home, quality.QUARANTINED_ROWS)],
        ).fetchall()
    assert noted == [("imports/results.csv", "results.csv", number) for number, _, _ in kept]


def test_rules__each_has_a_line_or_a_file_that_breaks_it():
    tested = Path(__file__).read_text(encoding="utf-8")
    for rule in (*rules.RESULT_ROW_RULES, *rules.RESULT_FILE_RULES):
        assert f'"{rule.name}"' in tested, rule.name
        assert len(rule.reason) > 40


def test_line__two_that_say_different_things_of_one_result_are_kept_out_both(home: Home):
    put(home, lines("2026-10-05,reddit,Tea,,1,,,,", "2026-10-05,reddit,tea,,2,,,,", n=60))
    assert run(home)["results.csv"]["accepted_n"] == 60
    assert [broken for _, broken, _ in kept_out.kept_lines(home, "results.csv", limit=5)] == ["result_stands_once"] * 2


def test_line__identical_ones_count_once_and_the_first_says_how_many_more_there_were(home: Home):
    put(
        home,
        f"{HEADER}\n2026-10-05,reddit,Tea,a,1,,,10.50,EUR\n2026-10-06,,,a,1,,,,\n2026-10-05,Reddit,r/tea,a,1.0,,,10.5,EUR\n"
        "2026-10-05,reddit,tea,a,1,,,10.50,EUR\n",
    )
    verdict = run(home)["results.csv"]
    assert verdict["message"] == "2 of 4 lines imported, 2 identical to another line and counted once"
    assert held(home, "line_number, code, revenue, identical_lines_n") == [
        (2, "a", Decimal("10.5000"), 2), (3, "a", None, 0),
    ]  # fmt: skip
    assert kept_out.kept_files(home) == []


def test_line__refunds_count_beside_what_they_are_refunds_of(home: Home):
    put(
        home,
        f"{HEADER}\n2026-10-05,,,a,,,2,100.00,EUR\n2026-10-05,,,a,,,0,-9.90,EUR\n2026-10-05,,,a,,,-1,-5,EUR\n"
        "2026-10-06,,,a,,,-3,,\n2026-10-07,,,a,,,,\u22121.5,EUR\n",
    )
    verdict = run(home)["results.csv"]
    assert verdict["message"] == "5 of 5 lines imported, 4 of them refunds"
    assert held(home, "revenue, sales") == [
        (Decimal("100.0000"), 2), (Decimal("-9.9000"), 0), (Decimal("-5.0000"), -1), (None, -3),
        (Decimal("-1.5000"), None),
    ]  # fmt: skip


def test_file__of_refunds_alone_stands_beside_that_of_sales_and_not_beside_another_of_refunds(home: Home):
    put(home, "date,code,revenue,currency\n2026-10-05,a,100,EUR\n", name="a.csv")
    put(home, "date,code,revenue,currency\n2026-10-05,a,-9.90,EUR\n", name="b.csv")
    put(home, "date,code,revenue,currency\n2026-10-05,a,-5,EUR\n", name="c.csv")
    verdicts = run(home)
    assert {name: verdict["rule"] for name, verdict in verdicts.items()} == {
        "a.csv": None, "b.csv": None, "c.csv": "told_by_one_file",
    }  # fmt: skip
    assert "first line 2, told by b.csv" in verdicts["c.csv"]["message"]
    assert held(home, "revenue") == [(Decimal("100.0000"),), (Decimal("-9.9000"),)]


def test_line__that_cannot_be_read_spoils_no_other(home: Home):
    faults = {
        b"2026-10-05,,,a,1,,,": "8 fields where the header has 9",
        b"2026-10-05,,,\xff,1,,,,": "not UTF-8 at byte 14",
        b'2026-10-05,,,"a,1,,,,': "not CSV",
        b"2026-10-05,,," + b"a" * 100_000 + b",1,,,,": "longer than 8192 bytes",
    }
    put(home, b"\n".join([lines(n=100).encode(), *faults, b"2026-10-05,,,last,1,,,,"]))
    assert run(home)["results.csv"]["accepted_n"] == 101
    kept = kept_out.kept_lines(home, "results.csv", limit=5)
    for place, (fault, (number, broken, text)) in enumerate(zip(faults.values(), kept, strict=True)):
        assert (number, text[:10]) == (102 + place, "2026-10-05")
        assert fault in broken
        assert len(text) <= reading.MAX_LINE_BYTES + 1


def test_file__with_too_many_such_lines_is_stopped_and_the_first_is_named(home: Home):
    put(home, lines("x,,,a,1,,,,", "y,,,a,1,,,,", "z,,,a,1,,,,", n=40))
    verdict = run(home)["results.csv"]
    assert verdict["rule"] == "quarantined_share"
    assert "first line 42: date_is_a_day. One way to write a day, YYYY-MM-DD" in verdict["message"]
    assert held(home) == []


def totals_file(*, days: int, name: str, total: str = "30.00", before: str = "date,code,revenue,currency") -> str:
    of_day = ("shop-a,10.00", "shop-b,20.00", f"{name},{total}")
    return "\n".join([before, *(f"2026-10-{day:02d},{cell},EUR" for day in range(1, days + 1) for cell in of_day)])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (totals_file(days=3, name="shops"), 4),
        (totals_file(days=1, name="Total"), 4),
        (totals_file(days=1, name="Gesamtsumme"), 4),
        # at the end, of all days
        (totals_file(days=2, name="shop-c", total="7") + "\n2026-10-02,Grand total,74.00,EUR", 8),
        # of a community, beside its codes
        (
            "date,platform,community,code,sales\n"
            + "\n".join(
                f"2026-10-0{day},reddit,{name}"
                for day in (1, 2, 3)
                for name in ("tea,a,1", "tea,b,2", "tea,,3", "mate,a,9")
            ),
            4,
        ),
    ],
)
def test_file__with_a_line_of_sums_is_stopped(content: str, line: int, home: Home):
    put(home, content)
    verdict = run(home)["results.csv"]
    assert verdict["rule"] == "no_line_is_the_total_of_others"
    assert f"first line {line}" in verdict["message"]
    assert held(home) == []


@pytest.mark.parametrize(
    "content",
    [
        totals_file(days=2, name="shops"),  # may be chance
        totals_file(days=5, name="shops", total="30.01"),
        totals_file(days=5, name="Total", total="31"),
        totals_file(days=1, name="allotment"),
        "date,code,sales\n" + "\n".join(f"2026-10-0{day},{code},2" for day in (1, 2, 3) for code in "ab"),
        "date,code,sales\n" + "\n".join(f"2026-10-0{day},{code},0" for day in (1, 2, 3) for code in "abc"),
        # the same revenue, other visits
        "date,code,visits,revenue,currency\n"
        + "\n".join(f"2026-10-0{day},{cells},EUR" for day in (1, 2, 3) for cells in ("a,5,1", "b,5,2", "c,7,3")),
    ],
)  # fmt: skip
def test_file__whose_lines_are_no_sums_of_each_other_is_imported(content: str, home: Home):
    put(home, content)
    assert run(home)["results.csv"]["outcome"] == "imported"


def test_file__of_a_community_nobody_listens_to_is_imported_with_a_warning(home: Home):
    put(home, "date,platform,community,sales\n2026-10-05,reddit,taa,1\n")
    assert run(home)["results.csv"]["outcome"] == "imported"
    with duckdb.connect() as connection:
        (warned,) = connection.execute(
            "select value, is_passed, is_stopping from read_parquet(?) where rule = ?",
            [quality.glob(home, quality.GATE_RESULTS), "communities_are_listened_to"],
        ).fetchall()
    assert warned == (1.0, False, False)


# ---- again, and again ----------------------------------------------------------


def test_import__a_changed_file_replaces_what_it_brought_and_an_unchanged_one_nothing(home: Home):
    put(home, "date,code,sales\n2026-10-05,a,1\n2026-10-06,a,1\n")
    run(home)
    before = store.results_file(home, "results.csv").read_bytes()
    assert run(home) == {}
    assert store.results_file(home, "results.csv").read_bytes() == before
    put(home, "date,code,sales\n2026-10-05,a,5\n")
    run(home)
    assert held(home, "result_date, sales") == [(date(2026, 10, 5), 5)]


def test_import__a_stopped_change_leaves_what_was_there_and_is_kept_to_look_at(home: Home):
    put(home, "date,code,sales\n2026-10-05,a,1\n")
    run(home)
    put(home, "date,code,sales\nnever,a,2\n")
    assert run(home)["results.csv"]["outcome"] == "stopped"
    assert held(home, "sales") == [(1,)]
    (kept,) = kept_out.kept_files(home)
    assert (kept.file_name, kept.is_stopped, list(kept.reasons)) == ("results.csv", True, ["quarantined_share"])
    assert stat.S_IMODE(home.quarantine.stat().st_mode) == 0o700
    assert run(home)["results.csv"]["outcome"] == "stopped", "it is tried again in each run"


@pytest.mark.parametrize("hurt", damaging.ALL.values(), ids=damaging.ALL)
def test_import__results_that_were_damaged_come_again_from_their_file_and_stop_no_other(home: Home, hurt: Any):
    put(home, lines(), "a.csv")
    run(home)
    before = held(home)
    hurt(store.results_file(home, "a.csv"))
    hurt(home.raw / "business_results" / "_empty.parquet")
    put(home, lines().replace("2026-10-", "2026-09-").replace("2026-09-31", "2026-09-30"), "b.csv")
    assert {name: verdict["outcome"] for name, verdict in run(home).items()}["a.csv"] == "imported"
    assert parquet.fault_of(store.results_file(home, "a.csv"), is_deep=True) is None
    (home.root / "imports" / "b.csv").unlink()
    assert set(before) <= set(held(home))


def test_import__the_same_result_in_a_second_file_stops_that_one(home: Home):
    put(home, "date,platform,community,visits\n2026-10-05,reddit,tea,9\n", name="a.csv")
    put(home, "date,platform,community,visits,sales\n2026-10-05,reddit,Tea,9,1\n", name="b.csv")
    put(home, "date,platform,community,sales,revenue,currency\n2026-10-05,reddit,tea,1,2.5,EUR\n", name="c.csv")
    put(home, "date,platform,community,revenue,currency\n2026-10-05,reddit,tea,3,USD\n", name="d.csv")
    assert {name: verdict["rule"] for name, verdict in run(home).items()} == {
        "a.csv": None, "b.csv": "told_by_one_file", "c.csv": None, "d.csv": None,
    }  # fmt: skip


def test_import__what_an_earlier_version_imported_stays_and_what_still_lies_there_is_read_again(home: Home):
    put(home, "date,code,revenue,currency\n2026-10-05,a,10,EUR\n", name="away.csv").unlink()
    before = [column for column in contract.COLUMNS if column.name != "identical_lines_n"]
    empty = store.results_file(home, "away.csv").with_name("_empty.parquet")
    values = {"result_date": "date '2026-10-05'", "code": "'a'", "revenue": "10", "currency": "'EUR'",
              "file_name": "'away.csv'", "line_number": "2", "load_id": "'old'", "contract_version": "1"}  # fmt: skip
    row = ", ".join(f"cast({values.get(c.name, 'null')} as {c.duckdb_type}) as {c.name}" for c in before)
    with duckdb.connect() as connection:
        parquet.write_query(connection, f"select {row} where false", empty)
        for name in ("away.csv", "there.csv"):
            query = f"select {row}".replace("away.csv", name).replace("'a' ", f"'{name[0]}' ")
            parquet.write_query(
                connection, query, store.results_file(home, name), facts={"file_name": name, "load_id": "old"}
            )
    put(home, "date,code,revenue,currency\n2026-10-05,t,10,EUR\n2026-10-05,t,-2,EUR\n", name="there.csv")
    assert {name: verdict["message"] for name, verdict in run(home).items()} == {
        "there.csv": "2 of 2 lines imported, 1 of them refunds"
    }
    assert held(home, "file_name, revenue, identical_lines_n, contract_version") == [
        ("away.csv", Decimal("10.0000"), None, 1),
        ("there.csv", Decimal("10.0000"), 0, 2),
        ("there.csv", Decimal("-2.0000"), 0, 2),
    ]


def test_import__killed_before_the_last_step_is_done_again_whole(home: Home, monkeypatch: pytest.MonkeyPatch):
    put(home, "date,code,sales\n2026-10-05,a,1\n")
    run(home)
    put(home, "date,code,sales\n2026-10-05,a,2\n")

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(parquet, "fsync_file", die)
        with pytest.raises(KeyboardInterrupt):
            run(home)
    assert held(home, "sales") == [(1,)]
    assert run(home)["results.csv"]["outcome"] == "imported"
    assert held(home, "sales") == [(2,)]


@pytest.mark.integration
def test_import__great_expectations_answers_for_every_rule(home: Home):
    put(home, lines("never,,,a,1,,,,"), name="good.csv")
    put(home, "date,code,sales\nnever,a,2\n", name="stopped.csv")
    assert {name: verdict["rule"] for name, verdict in run(home).items()} == {
        "good.csv": None, "stopped.csv": "quarantined_share",
    }  # fmt: skip
    with duckdb.connect() as connection:
        answered = connection.execute(
            "select entry_id, count(distinct rule), count(*) from read_parquet(?) where load_id is not null "
            "group by all order by all",
            [quality.glob(home, quality.GATE_RESULTS)],
        ).fetchall()
    rules_n = len(rules.RESULT_ROW_RULES) + len(rules.RESULT_FILE_RULES)
    assert answered == [("imports/good.csv", rules_n, rules_n), ("imports/stopped.csv", rules_n, rules_n)]


def test_import__a_gate_that_cannot_tell_stops(home: Home, monkeypatch: pytest.MonkeyPatch):
    put(home, "date,code,sales\n2026-10-05,a,1\n")
    monkeypatch.setattr(runner, "run", lambda *_, **__: {})
    verdict = run(home)["results.csv"]
    assert (verdict["outcome"], verdict["value"]) == ("stopped", "unknown")
    assert "could not tell" in verdict["message"]
    assert held(home) == []


def test_forget__takes_back_what_a_file_brought_once_it_is_put_away(home: Home):
    path = put(home, "date,code,sales\n2026-10-05,a,1\n")
    run(home)
    with pytest.raises(ConfigError, match="still in"):
        importing.forget(home, "results.csv")
    path.unlink()
    assert run(home) == {}
    assert len(held(home)) == 1, "a file that is put away keeps its results"
    importing.forget(home, "results.csv")
    assert held(home) == []
    with pytest.raises(ConfigError, match="nothing was imported"):
        importing.forget(home, "results.csv")
    with pytest.raises(StorageError, match="nothing is kept"):
        kept_out.kept_lines(home, "results.csv", limit=1)


def test_docs__name_every_column_rule_and_limit():
    page = (REPOSITORY / "docs" / "imports.md").read_text(encoding="utf-8")
    for name in (*contract.FILE_COLUMNS, *(rule.name for rule in (*rules.RESULT_ROW_RULES, *rules.RESULT_FILE_RULES))):
        assert f"`{name}`" in page, name
    limits = (reading.MAX_FILE_BYTES // 2**20, reading.MAX_LINE_BYTES // 2**10)
    assert f"{limits[0]} MiB and {limits[1]} KiB a line" in page
    (share,) = (rule.maximum for rule in rules.RESULT_FILE_RULES if rule.name == "quarantined_share")
    assert f"over {share:.0%}".replace("%", " %") in page
    assert ",".join(contract.FILE_COLUMNS) in page, "the example has all columns"
