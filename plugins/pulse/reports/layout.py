"""What sections of the page are made of: tables, panels with a chart, and cells."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pulse.reports.contents import Community, Evidence
from pulse.reports.links import permalink
from pulse.showing import figures, words

SHOWN_N = 5  # communities in tables that are seen at once
UNKNOWN = "not visible"
# Cells that tell nothing, where a whole column of them is left out.
_NOTHING = frozenset({"–", "", UNKNOWN, "too early", "not read", "not known"})


@dataclass(frozen=True)
class Table:
    """Rows of texts; the first cell names the row, and columns in ``numeric`` (from 0) are aligned as numbers.

    ``rest`` are rows to unfold.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | Markup, ...], ...]
    numeric: frozenset[int] = frozenset()
    rest: tuple[tuple[str | Markup, ...], ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether it fits a phone beside each other: a name and up to two figures, or a name and a text."""
        return len(self.columns) <= 2 or (len(self.columns) == 3 and len(self.numeric) == 2)


@dataclass(frozen=True)
class Series:
    """The numbers behind a chart, for ``charts.csv``: day, value, bounds, and whether its period is whole."""

    chart: str
    of: Community
    points: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Panel:
    """A chart under its title.

    Attributes:
        label: what the chart shows, for those who do not see it.
        series: its numbers; None where a table beside it has them.
    """

    title: str
    chart: Markup
    label: str
    series: Series | None = None
    note: str = ""
    legend: tuple[tuple[str, str], ...] = ()


def folded(
    columns: Sequence[str],
    rows: Sequence[tuple[str | Markup, ...]],
    *,
    shown_n: int = SHOWN_N,
    texts: Collection[int] = (),
    keeps_all: bool = False,
) -> Table | None:
    """A table of the first rows, with the others to unfold; None without rows.

    Args:
        texts: columns (from 0) of words besides the first; all others are numbers.
        keeps_all: whether columns stay in which no row has a value.
    """
    if not rows:
        return None
    kept = [
        at for at in range(len(columns)) if at == 0 or keeps_all or any(str(row[at]) not in _NOTHING for row in rows)
    ]
    chosen = [tuple(row[at] for at in kept) for row in rows]
    numeric = frozenset(place for place, at in enumerate(kept) if at and at not in texts)
    return Table(tuple(columns[at] for at in kept), tuple(chosen[:shown_n]), numeric, tuple(chosen[shown_n:]))


def count(value: float | None) -> str:
    """A whole number, or that it is not known."""
    return UNKNOWN if value is None else figures.figure(value, "count")


def share(value: float | None) -> str:
    """A share in whole percent; None where there were too few cases."""
    return "too few" if value is None else figures.whole_percent(value)


def figure(value: float | None, kind: words.Kind, unit: str | None = None) -> str:
    """A value with its unit, or that it is not known."""
    return UNKNOWN if value is None else figures.figure(value, kind, unit)


def bounds(low: float | None, high: float | None, kind: words.Kind) -> str:
    """A range, or a dash."""
    if low is None or high is None:
        return "–"
    return f"{figures.figure(low, kind)} to {figures.figure(high, kind)}"


def times(value: float | None) -> str:
    """``3.4 times``, as often as something else."""
    return UNKNOWN if value is None else f"{figures.figure(value, 'ratio')}{figures.SPACE}times"


def addresses(of: Community, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Where evidence can be read, as far as an address tells neither words nor names."""
    found = (permalink(of.platform, one.permalink) for one in evidence)
    return tuple(address for address in found if address is not None)
