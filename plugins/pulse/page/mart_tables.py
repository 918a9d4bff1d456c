"""A mart's rows as a table for people: headings in words, figures with their units, intervals in one cell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pulse.page.snapshot import Snapshot
from pulse.showing import figures, words

_COLUMNS_N = 10
# What tells persons or texts apart, and what the page says elsewhere, is no figure.
_NO_FIGURES = frozenset(
    {"platform", "community", "author_key", "contribution_id", "thread_id", "permalink", "text_sha256", "body",
     "excerpt", "model_id", "days_n", "days_complete_n", "is_period_complete"}
)  # fmt: skip
_NUMBERS = (int, float, Decimal)


@dataclass(frozen=True)
class Table:
    """Headings, which of them stand over numbers, and cells as texts."""

    heading: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]


def read(
    snapshot: Snapshot,
    heading: str,
    mart: str,
    wanted: Sequence[str],
    *,
    order: Sequence[str] = (),
    of: Mapping[str, Any] | None = None,
    limit: int,
) -> Table | None:
    """Rows of a mart as a table; None where it is not published, or has no such rows.

    Args:
        wanted: columns to show, as far as the mart has them; without any, all that tell figures.
        order: what to order by, as far as the mart has it: ``("month_start_date desc", "brand")``.
        of: values of columns that the rows must have.
    """
    there = snapshot.column_names(mart) if snapshot.has(mart) else []
    given = dict(of or {})
    chosen = [name for name in wanted if name in there] or [name for name in there if name not in _NO_FIGURES]
    if not chosen or not {*given} <= {*there}:
        return None
    where = " and ".join(f"{name} = ${name}" for name in given) or "true"
    ordered = ", ".join(one for one in order if one.split(" ")[0] in there)
    rows = snapshot.rows(
        f"select {', '.join(chosen[:_COLUMNS_N])} from {mart} where {where} "
        f"{f'order by {ordered}' if ordered else ''} limit {limit}",
        given,
    )
    return _table(heading, rows) if rows else None


def _table(heading: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    names = [name for name in rows[0] if not name.endswith(("_low", "_high"))]
    ranged = {name for name in names if {f"{name}_low", f"{name}_high"} <= {*rows[0]}}
    columns, numeric = [], []
    for name in names:
        columns.append(_heading(name))
        numeric.append(any(_is_number(row[name]) for row in rows))
        if name in ranged:
            columns.append("Likely between")
            numeric.append(False)
    cells = tuple(
        tuple(
            cell
            for name in names
            for cell in (cell_text(row[name], name), *((_range(row, name),) if name in ranged else ()))
        )
        for row in rows
    )
    return Table(heading, tuple(columns), tuple(numeric), cells)


def _is_number(value: object) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _range(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "–" if low is None or high is None else f"{cell_text(low, name)} to {cell_text(high, name)}"


def cell_text(value: Any, column: str) -> str:
    """A value, as its column's name tells to read it."""
    if value is None:
        return "" if column == "caveat" else "–"
    if column == "caveat":
        return caveats(value)
    shown: dict[type, Callable[[Any], str]] = {
        bool: lambda of: "yes" if of else "no",
        int: lambda of: f"{of:,}",
        float: figures.whole_percent if _is_share(column) else number,
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


def _is_share(column: str) -> bool:
    return any(part in {"share", "rate"} for part in column.split("_"))


def _heading(column: str) -> str:
    """A column's name as a heading: ``week_start_date`` becomes ``Week from``."""
    if column == "caveat":
        return "Beware"
    name = column.removesuffix("_n").removeprefix("is_").replace("month_start_date", "month")
    return name.replace("_start_date", "_from").replace("_", " ").capitalize()
