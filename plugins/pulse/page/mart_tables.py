"""A mart's rows as a table for people: headings in words, figures with their units and likely ranges in one cell."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pulse.core.text import printable
from pulse.page.snapshot import Snapshot
from pulse.showing import figures, words

_NUMBERS = (int, float, Decimal)
# What a row is about, or how it is to be read; a row that has nothing but these tells nothing.
_NO_FIGURES = frozenset(
    {"caveat", "label", "brand", "metric", "place", "age_months", "is_clear", "is_growing", "is_clearly_above_expected"}
)
# Codes of columns, as the report calls them too.
_IN_WORDS: Mapping[str, Callable[[Any], str]] = {
    "need": lambda code: words.NEEDS.get(code, printable(str(code).replace("_", " "))),
    "metric": lambda code: "votes" if code == "score" else printable(str(code)),
    **dict.fromkeys(("net_before", "net_after", "mean_sentence_score"), lambda share: figures.figure(share, "points")),
    "median_answer_h": lambda hours: figures.figure(hours, "hours"),
}  # fmt: skip
_UNIT = re.compile(r"\s(%|×)$")
# What a cell needs to be told.
_READ_WITH = {"form": "dimension", "brand": "is_ours"}
Columns = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Headings, which of them stand over numbers, and cells as texts.

    Attributes:
        note: what stands against all figures alike; empty where nothing does, or each row has its own.
    """

    heading: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def read(
    snapshot: Snapshot,
    heading: str,
    mart: str,
    columns: Columns,
    *,
    order: Sequence[str] = (),
    of: Mapping[str, Any] | None = None,
    only: str = "true",
    leaves_out: Collection[str] = (),
    limit: int,
) -> Table | None:
    """Rows of a mart as a table; None where it is not published, or has no rows that tell a figure.

    Args:
        columns: what to show, as far as the mart has it, each with its heading; what ends in ``_low`` and ``_high`` is
            shown as the likely range of the figure before it, without a heading.
        order: what to order by, as far as the mart has it: ``("month_start_date desc", "brand")``.
        of: values of columns that the rows must have.
        only: a condition of ours that rows must meet; not asked where the mart lacks its column, its first word.
        leaves_out: codes of what stands against columns that are not shown.
    """
    there = snapshot.column_names(mart)
    given = dict(of or {})
    wanted = [name for name, _ in columns if name in there]
    if not wanted or not {*given} <= {*there}:
        return None
    beside = [
        *(f"{name}_{end}" for name in wanted for end in ("low", "high") if f"{name}_low" in there),
        *(other for name, other in _READ_WITH.items() if name in wanted and other in there),
    ]
    figures_of = [name for name, _ in columns[1:] if name in there and name not in _NO_FIGURES]
    told = f"coalesce({', '.join(f'cast({name} as varchar)' for name in figures_of)}) is not null"
    conditions = [
        *(f"{name} = ${name}" for name in given),
        *([told] if figures_of else []),
        *([only] if only.split(" ", maxsplit=1)[0] in there else []),
    ]
    ordered = ", ".join(one for one in order if one.split(" ")[0] in there)
    rows = snapshot.rows(
        f"select {', '.join(dict.fromkeys((*wanted, *beside)))} from {mart} where {' and '.join(conditions) or 'true'} "
        f"{f'order by {ordered}' if ordered else ''} limit {limit}",
        given,
    )
    for row in rows:
        codes = [code for code in (row.get("caveat") or "").split(",") if code and code not in leaves_out]
        row["caveat"] = ",".join(codes) or None
    return _table(heading, rows, {name: words for name, words in columns if name in there}) if rows else None


def _table(heading: str, rows: Sequence[Mapping[str, Any]], headings: Mapping[str, str]) -> Table:
    against = {row["caveat"] for row in rows} if "caveat" in headings else {None}
    names = [name for name in headings if name != "caveat" or len(against) > 1]
    cells = tuple(tuple(_cell(row, name) for name in names) for row in rows)
    return Table(
        heading,
        tuple(headings[name] for name in names),
        tuple(any(_is_number(row[name]) for row in rows) for name in names),
        cells,
        caveats(next(iter(against))) if len(against) == 1 else "",
    )


def _cell(row: Mapping[str, Any], name: str) -> str:
    text = cell_text(row[name], name)
    if name == "form":
        return printable(words.form_text(row.get("dimension") or "", text))
    if name == "label" and row[name] is None:
        return "all together"
    if name == "brand" and row.get("is_ours"):
        return f"{text} (ours)"
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return text if low is None or high is None else f"{text} ({_range(cell_text(low, name), cell_text(high, name))})"


def _range(low: str, high: str) -> str:
    """``47 to 57 %``: the unit once, where both have it."""
    unit = _UNIT.search(high)
    return f"{low.removesuffix(unit[0]) if unit else low} to {high}"


def _is_number(value: object) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def cell_text(value: Any, column: str) -> str:
    """A value, as its column's name tells to read it."""
    if value is None:
        return "" if column == "caveat" else "–"
    if column == "caveat":
        return caveats(value)
    if column in _IN_WORDS:
        return _IN_WORDS[column](value)
    shown: dict[type, Callable[[Any], str]] = {
        bool: lambda of: "clearly so" if of else "could be chance",
        int: lambda of: f"{of:,}",
        float: figures.whole_percent if _is_share(column) else _times if _is_ratio(column) else number,
        Decimal: lambda of: number(float(of)),
        datetime: moment,
        date: figures.month_name if "month" in column else day_text,
        list: lambda of: ", ".join(map(str, of)),
    }
    return shown.get(type(value), str)(value)


def caveats(codes: str | None) -> str:
    """What stands against a figure, in words."""
    return "; ".join(words.caveat_text(code) for code in (codes or "").split(",") if code)


def number(value: float | None) -> str:
    """A figure without a unit."""
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"


def day_text(day: date) -> str:
    """``5 October 2026``."""
    return f"{day.day} {figures.month_of(day)} {day.year}"


def moment(at: datetime | None) -> str:
    """``5 Oct 2026, 01:00 UTC``; empty for none."""
    return "" if at is None else f"{at.day} {figures.month_of(at)[:3]} {at:%Y, %H:%M} UTC"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} ×"


def _is_ratio(column: str) -> bool:
    return column in {"vs_usual", "growth", "lift"}


def _is_share(column: str) -> bool:
    return any(part in {"share", "rate"} for part in column.split("_"))
