"""``make demo``: the whole pipeline on made-up communities, to see it work before trusting it with real ones.

A process of its own writes the world's past as archives under ``PULSE_HOME/demo``, a group's posts as a table and a
chat server's exports beside them, and serves a sandbox that stands in for Reddit, a Discord server and a forum
(:mod:`pulse.cli.demo_world`). Fills two months from all of these with ``community_backfill``, runs two days of
``community_daily`` live, asks three questions of the result, and closes the second month with ``kpi_monthly``. One
community's feed is damaged on purpose, so that a load is stopped and everything else goes on.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from pulse.cli import demo_world, progress
from pulse.cli.console import line_printer, show_rows, show_run
from pulse.cli.demo_world import DAYS, PAST, SEED, shortly_after
from pulse.core.clock import utc_now
from pulse.core.errors import BuildFailed, ConfigError
from pulse.core.home import REPOSITORY, Home
from pulse.gates import quarantine
from pulse.kpi import Month
from pulse.orchestration import embedded
from pulse.reading import query
from pulse.reports import files as report_files

MONTH = Month(date(2026, 7, 1))
NEXT_DAY = DAYS[-1] + timedelta(days=1)
CONFIG = REPOSITORY / "config" / "communities.yml"

QUESTIONS = (
    (
        "How did each community do in July?",
        """
        select community, sum(posts) as posts, sum(comments) as comments,
            round(avg(contributors), 1) as contributors_a_day, count(*) filter (where is_day_complete) as complete_days
        from marts.fct_community_daily
        where contribution_date between date '2026-07-01' and date '2026-07-31'
        group by community order by comments desc nulls last
        """,
    ),
    (
        "Where did the mood change most from the first half of July to the second?",
        """
        select community,
            round(sum(positive_n - negative_n) filter (where day(contribution_date) <= 15)
                / sum(scored_n) filter (where day(contribution_date) <= 15), 3) as net_first_half,
            round(sum(positive_n - negative_n) filter (where day(contribution_date) > 15)
                / sum(scored_n) filter (where day(contribution_date) > 15), 3) as net_second_half,
            sum(scored_n) as scored_n
        from marts.fct_sentiment_daily
        where contribution_date between date '2026-07-01' and date '2026-07-31'
        group by community order by abs(net_second_half - net_first_half) desc
        """,
    ),
    (
        "Which loads were stopped, and by which rule?",
        """
        select entry_id, rule, round(value, 3) as value, limit_value, count(distinct run_id) as runs
        from quality.gate_results where is_stopping
        group by entry_id, rule, round(value, 3), limit_value order by entry_id
        """,
    ),
)


def run_demo() -> None:
    """Run it all, with progress on standard output.

    Raises:
        ConfigError: ``PULSE_HOME`` holds the data of somebody else.
        BuildFailed: a run did not publish.
    """
    os.environ["PULSE_CONFIG"] = str(CONFIG)
    home = Home.from_environment().create()
    _require_own_home(home)
    console = Console(file=embedded.console_stream(), highlight=False, soft_wrap=True)
    started_s = time.monotonic()
    say = line_printer(console, started_s)
    console.rule("[bold]1. A made-up world[/bold]", align="left")
    with demo_world.started(home.root / "demo") as world, progress.shown(console, say):
        say("making it, and starting Airflow in this process meanwhile (some seconds) …")
        embedded.prepare(home)
        served = world.served()
        for line in served.lines:
            say(line)
        with _leading_to(served):
            console.rule(f"[bold]2. Two months in one run: community_backfill {PAST}[/bold]", align="left")
            say(f"a sandbox at {served.url} stands in for Reddit, a Discord server and a forum")
            _run(console, partial(embedded.run_window, home, PAST, started_at=utc_now(), progress=say))
            for day in DAYS:
                console.rule(f"[bold]3. A day, live: community_daily {day}[/bold]", align="left")
                say(f"in the sandbox it is {world.set_now(shortly_after(day)):%Y-%m-%d %H:%M} UTC")
                _run(console, partial(embedded.run_day, home, day, started_at=utc_now(), progress=say))
    console.rule("[bold]4. Three questions, in SQL[/bold]", align="left")
    _ask(console, home)
    console.rule(f"[bold]5. The month's report: kpi_monthly {MONTH}[/bold]", align="left")
    with progress.shown(console, say):
        _run(console, partial(embedded.run_month, home, MONTH, started_at=utc_now(), progress=say))
    console.print(f"\nOpen it: {escape(str(report_files.of_month(home, MONTH).page))}")
    _say_what_next(console, home, time.monotonic() - started_s)


def _require_own_home(home: Home) -> None:
    if any((home.raw / "contributions").glob("platform=*")) and not (home.root / "demo").is_dir():
        raise ConfigError(
            "PULSE_HOME",
            value=f"{home.root} holds other data",
            next_step="set PULSE_HOME to an empty folder for the demo",
        )


@contextmanager
def _leading_to(served: demo_world.Served) -> Iterator[None]:
    """An environment that leads to the sandbox, and to nobody's Reddit."""
    own = served.environment
    before = {name: value for name, value in os.environ.items() if name.startswith("PULSE_REDDIT_") or name in own}
    for name in before:
        del os.environ[name]
    os.environ |= own
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
        os.environ |= before


def _run(console: Console, start: Callable[[], embedded.RunResult]) -> None:
    result = start()
    show_run(console, result)
    if not result.is_success:
        failed = result.failed_by_weight()
        reason = f"{failed[-1].task_id}: {failed[-1].reason}" if failed else "did not come to its end"
        raise BuildFailed(f"run {result.run_id}", value=reason, next_step=f"read {result.log_file}")


def _ask(console: Console, home: Home) -> None:
    with query.connect(home) as connection:
        for question, sql in QUESTIONS:
            console.print(f"\n[bold]{question}[/bold]")
            result = query.run(connection, sql)
            show_rows(console, result.columns, *query.rows_for_table(result, limit=20))


def _say_what_next(console: Console, home: Home, wall_s: float) -> None:
    stopped = quarantine.stopped_loads(home)
    console.rule("[bold]What to type next[/bold]", align="left")
    command = os.path.relpath(Path(sys.executable).parent / "pulse", Path.cwd())
    lines = [
        ("make ui", "these runs in Airflow's own UI"),
        (f'{command} sql "show all tables"', "what there is to query; docs/data-dictionary.md explains it"),
        (
            f'{command} sql "select community, kpi, value, caveat from kpi.kpi_as_now_known"',
            "the frozen KPIs of the month",
        ),
        (f"{command} status", "what arrived, what did not, and why"),
        (
            f"{command} sandbox serve --world-seed {SEED} --now {shortly_after(NEXT_DAY).isoformat()}",
            f"the sandbox a day later; with the lines it prints pasted elsewhere: {command} run --day {NEXT_DAY}",
        ),
    ]
    if stopped:
        lines.append((f"{command} quarantine show {stopped[0].load_id}", "the damaged lines"))
        lines.append(
            (
                f"{command} quarantine release {stopped[0].load_id} --waive {' --waive '.join(stopped[0].reasons)}",
                "let the rest of it in",
            )
        )
    for typed, meaning in lines:
        console.print(f"  [bold]{escape(typed)}[/bold]\n      {escape(meaning)}")
    console.print(f"\nDone in {wall_s:.0f} s.")
