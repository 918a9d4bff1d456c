"""What commands print: progress lines, a run's tasks, rows of a query. Text of others is never taken for markup."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pulse.text import printable

if TYPE_CHECKING:
    from pulse.orchestration.embedded import RunResult

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
    """A run's tasks with their times; mapped tasks in one row, failed tiles by name."""
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
    for tile in result.failed():
        console.print(f"[red]{escape(tile.task_id)}[/red]: {escape(printable(tile.label))}")
    if not result.is_success:
        console.print(f"Not done; what was before stays. Next: `pulse status`, or read {escape(str(result.log_file))}")


def show_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], has_more: bool = False) -> None:
    """Rows as a table; text is shown as it is, never as markup."""
    table = Table(pad_edge=False)
    for column in columns:
        table.add_column(escape(printable(column)), overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    if has_more:
        console.print(f"… only the first {len(rows)} rows; `--limit`, or `--format csv` for all")
