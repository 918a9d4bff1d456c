"""What commands print: progress lines, a run's tasks, rows of a query. Text of others is never taken for markup."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table

from pulse.core.text import printable

if TYPE_CHECKING:
    from pulse.orchestration.embedded import RunResult
    from pulse.reading.recent import Recent

STATE_STYLES = {
    "ok": "green", "warn": "yellow", "fail": "red", "success": "green", "failed": "red", "skipped": "yellow",
    "upstream_failed": "yellow", "arrived": "green", "empty": "green", "partial": "yellow", "quarantined": "red",
}  # fmt: skip


def line_printer(console: Console, started_s: float) -> Callable[[str], None]:
    """A function that prints one line with the seconds since ``started_s`` (of the monotonic clock) before it."""

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - started_s:6.1f} s[/dim]  {escape(printable(line, max_chars=400))}")

    return say


def show_run(console: Console, result: "RunResult") -> None:
    """A run's tasks with their times; mapped tasks in one row. What failed, and of what, comes last."""
    table = Table(title=f"{result.dag_id}  {result.run_id}", title_justify="left", box=None, pad_edge=False)
    for column in ("task", "state", "tiles"):
        table.add_column(column)
    table.add_column("wall s", justify="right")
    for task_id in dict.fromkeys(task.task_id for task in result.tasks):
        tiles = [task for task in result.tasks if task.task_id == task_id]
        states = list(dict.fromkeys(tile.state for tile in tiles))
        shown = ", ".join(f"[{STATE_STYLES.get(state, 'default')}]{state}[/]" for state in states)
        table.add_row(task_id, shown, str(len(tiles)), f"{sum(tile.wall_s for tile in tiles):.1f}")
    console.print(table)
    if not result.is_success:
        console.print(f"Not done; what was before stays. Next: `pulse status`, or read {escape(str(result.log_file))}")
    for tile in result.failed_by_weight():
        label = "" if tile.label == tile.task_id else f" ({escape(printable(tile.label))})"
        reason = tile.reason or f"failed without a word; read {result.log_file}"
        console.print(f"[red]{escape(tile.task_id)}[/red]{label}: {escape(printable(reason))}")


def show_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], has_more: bool = False) -> None:
    """Rows as a table, or one below the other where a table is wider than the console; text is never taken for markup.

    Args:
        rows: printable text, one per column.
        has_more: whether there are more rows than these.
    """
    names = [printable(column) for column in columns]
    table = Table(pad_edge=False)
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    if rows and _width_of(console, table) > console.width:
        _show_records(console, names, rows)
    else:
        console.print(table)
    if has_more:
        console.print(f"… only the first {len(rows)} rows; `--limit`, or `--format csv` for all")


def _width_of(console: Console, table: Table) -> int:
    """Characters that the table takes with no cell folded."""
    return table.__rich_measure__(console, console.options.update(max_width=1_000_000)).maximum


def _show_records(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row as a block of lines: name of the column, and its value, folded where the console ends."""
    name_width = max(cell_len(name) for name in names)
    value_width = max(console.width - name_width - 2, 20)
    for number, row in enumerate(rows, start=1):
        console.print(Rule(f"row {number}", align="left", characters="─"))
        for name, cell in zip(names, row, strict=True):
            first, *others = chop_cells(cell, value_width) or [""]
            lines = [
                set_cell_size(name, name_width) + "  " + first,
                *(" " * (name_width + 2) + line for line in others),
            ]
            console.print("\n".join(line.rstrip() for line in lines), markup=False, highlight=False, soft_wrap=True)


def show_recent(console: Console, name: str, windows: "Sequence[Recent]") -> None:
    """A community's windows beside each other; a dash where nothing can be said."""
    table = Table(title=printable(name), title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for window in windows:
        heading = "the day" if window.days == 1 else f"{window.days} days"
        table.add_column(f"{heading}\n{window.first_day}", justify="right", no_wrap=True)
    for label, cell in _RECENT_ROWS:
        table.add_row(label, *(escape(cell(window)) for window in windows))
    console.print(table)
    console.print(f"each to {windows[0].last_day}, the last day looked at; sums are over known days; - is not known")


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _estimate(value: float | None, low: float | None, high: float | None, n: int, unit: str) -> str:
    """A figure with its 95 % interval and how much it rests on."""
    if value is None or low is None or high is None:
        return f"-\nn = {n:,}"
    scale, places, ending = (100, 0, " %") if unit == "share" else (1, 2, "")
    sign = "" if unit == "share" else "+"
    told = [f"{number * scale:{sign}.{places}f}" for number in (value, low, high)]
    return f"{told[0]}{ending}\n{told[1]} to {told[2]}\nn = {n:,}"


_RECENT_ROWS: "tuple[tuple[str, Callable[[Recent], str]], ...]" = (
    ("days known, whole", lambda one: f"{one.days_known}, {one.days_complete}"),
    ("posts", lambda one: _count(one.posts)),
    ("comments", lambda one: _count(one.comments)),
    ("messages", lambda one: _count(one.messages)),
    ("people", lambda one: _count(one.people)),
    ("feeling, -1 to 1", lambda one: _estimate(
        one.sentiment, one.sentiment_low, one.sentiment_high, one.scored_n, "score")),
    ("answered in 24 h", lambda one: _estimate(
        one.answered_24h, one.answered_24h_low, one.answered_24h_high, one.posts_asked_n, "share")),
    ("taken down", lambda one: "-" if one.removal_share is None else f"{one.removal_share:.1%}"),
)  # fmt: skip
