"""The command line: ``pulse …``. Thin: each command checks its arguments, calls one module, and shows the result.

Exit status: 0 done; 1 failed, or stopped by a gate; 2 wrong use or configuration; 3 failed, but the same command may
succeed later. Errors are one line on standard error.
"""

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup
from typer.exceptions import TyperException

from pulse.cli import progress
from pulse.cli.console import STATE_STYLES, line_printer, show_run
from pulse.core.errors import ConfigError, DayNotOver, PulseError, QueryError
from pulse.core.text import printable

if TYPE_CHECKING:
    from pulse.config.settings import Settings
    from pulse.core.home import Home
    from pulse.core.window import Window
    from pulse.orchestration.embedded import RunResult
    from pulse.reading.status import Status
    from pulse.reports.contents import Community


# What a shell makes of a program that ended by SIGINT.
_INTERRUPTED = 130
_STOPPED = "pulse: stopped by Ctrl-C; what was published stays, and the same command goes on from here"


class _Commands(TyperGroup):
    """All commands. What was typed is shown in errors of wrong use, so it is made printable first."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse this group's own options."""
        with _printable_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, *arguments: Any, **options: Any) -> Any:
        """Parse and run a command. Whatever it ends with, nobody sees a traceback."""
        with _printable_errors(), _no_traceback():
            return super().invoke(*arguments, **options)


@contextmanager
def _printable_errors() -> Iterator[None]:
    try:
        yield
    except TyperException as error:
        error.message = printable(error.message)
        raise


@contextmanager
def _no_traceback() -> Iterator[None]:
    """Turn Ctrl-C, and what nobody foresaw, into one line; the traceback of the latter goes to a file."""
    try:
        yield
    except (typer.Exit, typer.Abort, TyperException, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        typer.echo(_STOPPED, err=True)
        raise typer.Exit(_INTERRUPTED) from error
    except Exception as error:
        what = printable(f"{type(error).__name__}: {error}", max_chars=300)
        typer.echo(f"pulse: unexpected: {what}. Next: report it, with {_kept_traceback(error)}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _ending_at_ctrl_c() -> Iterator[None]:
    """End this process at the first Ctrl-C, as a kill would, but with one line.

    Airflow, dbt and Great Expectations each make something else of an interrupt: a red task, an error without a word,
    or a thread that waits for ever. A run may be killed at any moment, so ending is safe, and the next one goes on.
    """
    import os
    import signal

    stderr = os.dup(2)  # the usual one leads into a file while a run lasts

    def end(*_: object) -> None:
        os.write(stderr, f"\n{_STOPPED}\n".encode())
        os._exit(_INTERRUPTED)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(stderr)


def _kept_traceback(error: Exception) -> str:
    """Where the traceback was written to, for whoever mends it."""
    import os
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace")
    try:
        # Beside the other logs of the home, private as they are; elsewhere where there is no home.
        folder = _home().airflow / "logs" / "commands"
        folder.mkdir(parents=True, exist_ok=True)
    except (PulseError, OSError):
        folder = Path(tempfile.gettempdir())
    try:
        descriptor, name = tempfile.mkstemp(prefix="pulse-", suffix=".log", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
    except OSError:
        return "the command that led to it (its traceback could not be written)"
    return printable(name)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Community Pulse: community posts, checked and counted, in tables that can be trusted.",
    epilog="Data lives in PULSE_HOME (default .pulse in the repository), the config is PULSE_CONFIG. "
    "Exit status: 0 done, 1 failed or stopped by a gate, 2 wrong use or configuration, 3 may succeed later.",
)
quarantine_app = typer.Typer(no_args_is_help=True, help="What gate 1 kept out: look at it, release it.")
lake_app = typer.Typer(no_args_is_help=True, help="Raw and what belongs to it, on object storage.")
sandbox_app = typer.Typer(no_args_is_help=True, help="Made-up communities whose truth is known.")
dev_app = typer.Typer(no_args_is_help=True, hidden=True, help="For people who work on Community Pulse itself.")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(lake_app, name="lake")
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(dev_app, name="dev")


class OutputFormat(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class SentimentModel(StrEnum):
    """Which model judges."""

    PULSE = "pulse"
    VADER = "vader"


class CsvEncoding(StrEnum):
    """Encodings that CSV files of others come in."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    CP1252 = "cp1252"


class CsvDelimiter(StrEnum):
    """What separates fields."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"
    BAR = "bar"
    NONE = "none"

    @property
    def character(self) -> str:
        """The delimiter itself; empty where a record is one field."""
        return {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "none": ""}[self.value]


class CsvQuote(StrEnum):
    """What encloses fields."""

    DOUBLE = "double"
    SINGLE = "single"
    NONE = "none"

    @property
    def character(self) -> str:
        """The quote itself, or ``none``."""
        return {"double": '"', "single": "'", "none": "none"}[self.value]


class SandboxCounts(StrEnum):
    """How a sandbox tells the counts of archived posts."""

    AS_RECORDED = "as-recorded"
    GROWING = "growing"


# ---- runs ------------------------------------------------------------------


@app.command(epilog="Example: `pulse run --day 2026-10-31`")
def run(
    day: Annotated[str, typer.Option(help="UTC day to load, YYYY-MM-DD; it must be over.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress lines.")] = False,
) -> None:
    """Run one day through the DAG `community_daily`, in this process. Safe to repeat."""
    from pulse.core.clock import utc_now
    from pulse.core.window import Window

    with _failing_in_one_line():
        window = Window.one_day(_day("--day", day))
        now = utc_now()
        window.require_over(now)
        _run(
            lambda embedded, home, progress: embedded.run_day(
                home, window.first_day, started_at=now, progress=progress
            ),
            quiet=quiet,
        )


@app.command(epilog="Example: `pulse backfill --from 2026-09-01 --to 2026-09-30`")
def backfill(
    from_day: Annotated[str, typer.Option("--from", help="First UTC day, YYYY-MM-DD.")],
    to_day: Annotated[str, typer.Option("--to", help="Last UTC day, included; it must be over.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress lines.")] = False,
) -> None:
    """Run a window of days through the DAG `community_backfill`, in this process. Safe to repeat."""
    from pulse.core.clock import utc_now

    with _failing_in_one_line():
        window = _window(from_day, to_day)
        now = utc_now()
        window.require_over(now)
        _run(
            lambda embedded, home, progress: embedded.run_window(home, window, started_at=now, progress=progress),
            quiet=quiet,
        )


@app.command(epilog="Example: `pulse listen`, once an hour, beside the daily `pulse run`")
def listen(
    at: Annotated[
        str | None, typer.Option(help="When it is due, ISO with zone; its UTC day is listened to.", show_default="now")
    ] = None,
) -> None:
    """Ask the live communities whose `listen_every_h` is over, within the day. Publishes nothing; safe to repeat."""
    from pulse.core.clock import utc_now

    with _failing_in_one_line():
        moment = utc_now() if at is None else _moment("--at", at)
        pipeline = _pipeline()
        say = Console(highlight=False, soft_wrap=True).print
        errors: list[PulseError] = []
        entry_ids = pipeline.due_listens(moment)
        for entry_id in entry_ids:
            try:
                with _progress_beside():
                    heard = pipeline.listen(entry_id, moment)
            except PulseError as error:
                errors.append(error)
                say(f"[red]failed[/]  {escape(printable(f'{entry_id}: {error}'))}")
            else:
                found = f"{entry_id}: {heard['calls_n']} calls, {heard['shown_n']} records"
                say(f"[green]heard[/]   {escape(printable(found))}")
        if not entry_ids:
            say("no community is due")
        if errors:
            raise next((error for error in errors if not error.retry_helps), errors[0])


@app.command(epilog="Example: `pulse alerts --day 2026-10-31`")
def alerts(
    day: Annotated[str, typer.Option(help="UTC day, YYYY-MM-DD, as published.")],
    send: Annotated[
        bool, typer.Option("--send", help="Send what notifiers were not told of yet, up to a week before the day.")
    ] = False,
) -> None:
    """Show the finds of a day that `listening.alerts` asks for; the daily run sends them."""
    from pulse.orchestration import environment
    from pulse.reading import finds

    with _failing_in_one_line():
        home, settings = _home_and_settings()
        environment.apply_for_embedded_runs(
            home
        )  # before anything of Airflow is imported: it would make a home of its own
        from pulse.orchestration import digest

        of_day = _day("--day", day)
        if not settings.listening.alert_rules:
            raise ConfigError("listening.alerts", value="nothing", next_step="add it to the config: docs/listening.md")
        found = finds.untold(home, settings.listening, (of_day, of_day))
        for line in digest.message_of(settings, found).splitlines() if found.finds else ("nothing found",):
            typer.echo(printable(line))
        if send:
            counts = digest.send_digest(home, settings, of_day, run_url="")
            typer.echo(f"told {counts['told_n']}, failed {counts['failed_n']}")
            if counts["failed_n"]:
                raise typer.Exit(3)


@app.command(epilog="Example: `pulse rebuild`")
def rebuild() -> None:
    """Build all marts from raw again, check and publish them: the repair when a mart is in doubt."""
    with _failing_in_one_line():
        console = Console()
        with _progress_to(console):
            state_id = _pipeline().rebuild(run_id=_command_id("rebuild"))
        console.print(f"published {state_id}")


@app.command("import", epilog="Example: `pulse import`")
def import_(
    show: Annotated[
        str | None, typer.Option(help="Only show why this file was stopped, or the lines that were kept out of it.")
    ] = None,
    forget: Annotated[
        str | None, typer.Option(help="Take back what a file brought that is no longer in the folder.")
    ] = None,
) -> None:
    """Import new and changed files of business results from `imports/` in the home, and publish (docs/imports.md)."""
    from pulse.imports import importing, kept_out

    with _failing_in_one_line():
        console = Console(highlight=False, soft_wrap=True)
        if show is not None:
            for kept in kept_out.kept_files(_home()):
                for message in kept.reasons.values() if kept.file_name == show else ():
                    console.print(f"stopped by {escape(printable(message))}")
            for number, broken, line in kept_out.kept_lines(_home(), show, limit=20):
                console.print(f"line {number}: {escape(printable(broken))}")
                console.print(f"      {escape(printable(line, max_chars=500))}")
            return
        pipeline, run_id = _pipeline(), _command_id("import")
        verdicts: list[dict[str, Any]] = []
        if forget is not None:
            importing.forget(pipeline.home, forget)
        else:
            with _progress_beside():
                verdicts = pipeline.import_results(run_id=run_id)
        for verdict in verdicts:
            style = "green" if verdict["outcome"] == "imported" else "red"
            console.print(
                f"[{style}]{verdict['outcome']:8}[/]  {escape(printable(verdict['file']))}: "
                f"{escape(printable(verdict['message']))}"
            )
        if forget is not None or any(verdict["outcome"] == "imported" for verdict in verdicts):
            with _progress_to(Console()):
                console.print(f"published {pipeline.publish_results(run_id=run_id)}")
        elif not verdicts:
            console.print(f"nothing new in {escape(printable(str(importing.folder(pipeline.home))))}")
        if any(verdict["outcome"] == "stopped" for verdict in verdicts):
            raise typer.Exit(1)


@app.command(epilog="Example: `pulse report 2026-10`")
def report(
    month: Annotated[str, typer.Argument(help="Month, YYYY-MM; it must be over.")],
    again: Annotated[
        bool, typer.Option("--again", help="Close the month again first: what differs becomes a new version.")
    ] = False,
    community: Annotated[
        str | None, typer.Option("--community", help="Of one community alone, PLATFORM/NAME; it lies beside the other.")
    ] = None,
) -> None:
    """Write the report of a month again, from its frozen KPIs; a month that is not frozen yet is closed first."""
    from pulse.config.document import config_path
    from pulse.config.report import report_policy
    from pulse.core.clock import utc_now
    from pulse.kpi import Month, close_month
    from pulse.kpi.closing import latest_version, lost_words
    from pulse.lake.kpi_store import lost_versions
    from pulse.reports.monthly import report_month

    with _failing_in_one_line():
        home, of_month = _home(), Month.parse(month, of="MONTH")
        policy, only = report_policy(config_path()), None if community is None else _community(community)
        of_month.require_over(utc_now())
        with _progress_beside():
            if again or latest_version(home, of_month) is None:
                typer.echo(printable(close_month(home, of_month, clock=utc_now).message))
            else:
                held = f"{of_month}: frozen as version {latest_version(home, of_month)}; --again closes it again"
                typer.echo(printable(held + lost_words(lost_versions(home, of_month))))
            written = report_month(home, of_month, clock=utc_now, policy=policy, only=only)
        typer.echo(printable(str(written.page)))


def _community(given: str) -> "Community":
    """A community as its platform compares it.

    Raises:
        ConfigError: it is no platform and name.
    """
    from pulse.platforms.names import canonical_name
    from pulse.reports.contents import Community

    platform, _, name = given.partition("/")
    if not platform or not name:
        raise ConfigError(
            "--community", value=given, limit="PLATFORM/NAME, such as reddit/espresso", next_step="mend the option"
        )
    return Community(platform, canonical_name(platform, name))


def _run(start: "Callable[[Any, Home, Callable[[str], None]], RunResult]", *, quiet: bool) -> None:
    from pulse.orchestration import embedded

    home, _ = _home_and_settings()
    console = Console(file=embedded.console_stream(), highlight=False, soft_wrap=True)
    started_s = time.monotonic()
    say = line_printer(console, started_s)
    if not quiet:
        say("starting Airflow in this process (some seconds) …")
    with _ending_at_ctrl_c(), nullcontext() if quiet else progress.shown(console, say):
        result = start(embedded, home, (lambda _line: None) if quiet else say)
    show_run(console, result)
    if not result.is_success:
        raise typer.Exit(1)


# ---- looking ---------------------------------------------------------------


@app.command(epilog="Example: `pulse init config/own.yml`, then `export PULSE_CONFIG=config/own.yml`")
def init(
    file: Annotated[Path, typer.Argument(help="The config to write; it must not be there yet.")] = Path("own.yml"),
    listen_to: Annotated[
        list[str] | None,
        typer.Option("--listen-to", help="An address or a file, instead of being asked; several times."),
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Ask no platform whether it answers.")] = False,
) -> None:
    """Begin: say what to listen to, try it, and write a config with it."""
    from pulse.cli import adding
    from pulse.core.files import write_bytes

    with _failing_in_one_line():
        if file.exists():
            raise ConfigError(
                f"config file {file}", value="it is there already", next_step="`pulse add` adds to it; or name another"
            )
        home = _home()

        def find(what: str) -> Any:
            return adding.found(what, name=None, given={}, config=file, home=home, is_tried=not no_check)

        if listen_to:
            chosen = []
            for what in listen_to:
                candidate, answer = find(what)
                for line in adding.described(candidate, answer):
                    typer.echo(printable(line, max_chars=500))
                chosen.append(candidate)
        else:
            typer.echo("Name what to listen to: a subreddit, a forum, a Lemmy community, a Mastodon tag, an export …")
            chosen = adding.asked(
                typer.echo, lambda question: typer.prompt(question, default="", show_default=False).strip(), find
            )
        if not chosen:
            raise ConfigError("communities", value="none", limit="at least one", next_step="name one, or `make demo`")
        write_bytes(file, adding.config_text(chosen).encode())
        typer.echo(f"written to {printable(str(file))}; now: export PULSE_CONFIG={shlex.quote(str(file.resolve()))}")
        typer.echo("then `pulse doctor`, and `pulse run --day …` or `pulse backfill --from … --to …`")


@app.command(epilog="Example: `pulse add https://www.reddit.com/r/espresso`, `pulse add discourse forum.example.org`")
def add(
    what: Annotated[str, typer.Argument(help="An address, a file or pattern of an export, or a source's name.")],
    name: Annotated[str | None, typer.Argument(help="With a source's name: the community's.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A further key of the entry, KEY=VALUE (YAML); several times.")
    ] = None,
    called: Annotated[
        str | None, typer.Option("--name", help="The community's name, where a file does not tell.")
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Ask no platform whether it answers.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it is; write nothing.")] = False,
) -> None:
    """Add a community to the config: find out what it is, try it, say what it can see."""
    from pulse.cli import adding
    from pulse.config.adding import add_entry, entry_line
    from pulse.config.document import config_path

    with _failing_in_one_line():
        home, config = _home(), config_path()
        given = adding.keys_of(set_ or ())
        candidate, answer = adding.found(
            what, name=name or called, given=given, config=config, home=home, is_tried=not no_check
        )
        for line in adding.described(candidate, answer):
            typer.echo(printable(line, max_chars=500))
        if dry_run:
            typer.echo(f"  entry    {printable(entry_line(candidate.keys), max_chars=1_000)}")
            return
        place = add_entry(config, candidate.keys, home)
        typer.echo(f"added to {printable(str(place))}; next: `pulse doctor`, then `pulse run --day …`")


@app.command(epilog="Example: `pulse doctor --deep`")
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file of raw, scores, quality, kpi, warehouse and published.")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Ask the platform of each live community one question.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check this installation: versions, folders, disk, author key, configuration, damaged files."""
    from pulse.cli import doctor as checks
    from pulse.cli import json_output
    from pulse.core.home import Home

    with _failing_in_one_line(), _progress_beside():
        findings = checks.examine(Home.from_environment(), is_deep=deep, is_online=online)
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json_output.doctor_document(findings))
    for finding in () if as_json else findings:
        style = STATE_STYLES[finding.level]
        console.print(f"[{style}]{finding.level:4}[/]  {finding.check:14} {escape(printable(finding.found))}")
        if finding.next_step:
            console.print(f"{'':21}Next: {escape(printable(finding.next_step))}")
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: `pulse status`")
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """What is published, what became of each community lately, and what waits for somebody."""
    from pulse.cli import json_output
    from pulse.reading.status import status_of

    with _failing_in_one_line():
        home, settings = _home_and_settings()
        current = status_of(home, settings)
    if as_json:
        typer.echo(json_output.status_document(current))
    else:
        _show_status(Console(highlight=False, soft_wrap=True).print, current)


def _show_status(say: "Callable[[str], None]", current: "Status") -> None:
    say(f"published: {current.state_id or 'nothing yet'}")
    if current.pending_dates_n:
        say(f"in raw but not published yet: {current.pending_dates_n} dates")
    if current.writer_pid is not None:
        say(f"being written by process {current.writer_pid}")
    for entry in current.entries:
        style = STATE_STYLES.get(entry.outcome or "", "default")
        say(
            f"[{style}]{entry.outcome or 'never tried':11}[/]  {entry.day or '-'!s:10}  "
            f"{escape(printable(entry.entry_id))}  {entry.contributions_n or 0} contributions, "
            f"{entry.complete_days_n} of {entry.tried_days_n} days complete"
        )
        if entry.reason:
            say(f"{'':25}{escape(printable(entry.reason))}")
        if entry.never_run:
            shown = ", ".join(f"{first} to {last}" for first, last in entry.never_run[:3])
            more = f" and {len(entry.never_run) - 3} more" if len(entry.never_run) > 3 else ""
            say(f"{'':25}{entry.never_run_days_n} days that nobody ran, so unknown: {shown}{more}")
    _show_damage(say, current)
    if current.stopped_loads:
        say(f"{len(current.stopped_loads)} stopped loads in quarantine: `pulse quarantine list`")
    for kept in current.kept_files:
        name = escape(printable(kept.file_name))
        if not kept.is_stopped:
            say(f"{kept.records_n} lines kept out of import {name}: `pulse import --show FILE`")
        for message in kept.reasons.values():
            say(f"[red]import stopped[/]  {name}: {escape(printable(message))}")


@app.command(epilog="Example: `pulse show EmberwellTea`")
def show(
    community: Annotated[str, typer.Argument(help="platform/community, or the community alone where that is clear.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """One community on one screen: its last day, 7, 30 and 365 days side by side."""
    from pulse.cli.console import show_recent
    from pulse.reading.recent import recent

    with _failing_in_one_line():
        name, windows = recent(_home(), community)
        if as_json:
            import json

            shown = {"community": name, "windows": [window.as_dict() for window in windows]}
            typer.echo(json.dumps(shown, indent=1))
            return
        show_recent(Console(highlight=False), name, windows)


def _show_damage(say: Callable[[str], None], current: "Status") -> None:
    for damaged in current.damaged:
        say(f"[red]damaged[/]  {escape(printable(f'{damaged.file}: {damaged.fault}'))}")
        say(f"{'':9}Next: {escape(printable(damaged.way_back))}")
    for gone in current.set_aside:
        say(f"[yellow]set aside[/]  {escape(printable(f'{gone.file}, lost: {gone.loss}'))}")


@app.command(epilog='Example: `pulse sql "select * from marts.dim_communities" --format csv`')
def sql(
    query: Annotated[
        str, typer.Argument(help="One SQL statement (DuckDB) that reads, or `-` to read it from standard input.")
    ],
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="How to write the rows; parquet needs `--output`.")
    ] = OutputFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option(help="File for the rows, outside PULSE_HOME; it appears when it is whole.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    limit: Annotated[int, typer.Option(help="Rows that a table shows; other formats give all.", min=1)] = 100,
) -> None:
    """Query the published marts (schema `marts`), and quality results (`quality`) and frozen KPIs (`kpi`) as they are
    now. Read-only: SELECT, WITH, FROM, VALUES, PIVOT, UNPIVOT, SUMMARIZE, DESCRIBE, SHOW, EXPLAIN.
    """
    from pulse.cli import query_command

    with _failing_in_one_line():
        query_command.run(
            lambda: sys.stdin.read() if query == "-" else query,
            output_format=output_format.value,
            output=output,
            is_replacing=force,
            limit=limit,
        )


@app.command(epilog="Example: `pulse mcp`, started by the assistant; docs/assistant.md")
def mcp() -> None:
    """Answer an assistant from the marts, over standard input and output (Model Context Protocol); read-only."""
    from pulse.reading import mcp_server

    with _failing_in_one_line():
        mcp_server.serve(_home())


@app.command(epilog="Example: `pulse score reviews.csv --text-column body --output judged.parquet`")
def score(
    file: Annotated[Path, typer.Argument(help="CSV, NDJSON (.ndjson, .jsonl) or Parquet, told by its name.")],
    text_column: Annotated[
        str | None,
        typer.Option(help="The column that holds the texts; without a header its number.", show_default="text"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the rows with their judgement; its name tells the kind.")
    ] = None,
    model: Annotated[SentimentModel, typer.Option(help="Which sentiment model judges.")] = SentimentModel.PULSE,
    no_header: Annotated[bool, typer.Option("--no-header", help="The first line of the CSV file is a row.")] = False,
    encoding: Annotated[
        CsvEncoding | None, typer.Option(help="Encoding of the CSV file.", show_default="found")
    ] = None,
    delimiter: Annotated[
        CsvDelimiter | None, typer.Option(help="What separates the fields of the CSV file.", show_default="found")
    ] = None,
    quote: Annotated[CsvQuote, typer.Option(help="What encloses fields of the CSV file.")] = CsvQuote.DOUBLE,
) -> None:
    """Judge the sentiment of the texts in a file: all of its rows, or none; shows how many feel how."""
    from pulse.texts.files import CsvOptions, score_file

    with _failing_in_one_line():
        options = CsvOptions(
            has_header=not no_header,
            encoding=None if encoding is None else encoding.value,
            delimiter=None if delimiter is None else delimiter.character,
            quote=quote.character,
        )
        with _progress_beside():
            done = score_file(file, text_column=text_column, output=output, model=model.value, csv_options=options)
        typer.echo(f"read as {printable(done.read_as)}")
        typer.echo(f"{done.texts_n} texts judged by {done.model_id}")
        for outcome, count in done.labels.items():
            typer.echo(f"  {outcome}: {count}")
        if done.mean_score is not None:
            typer.echo(f"mean score of the scorable: {done.mean_score:+.3f}")
        if output is not None:
            typer.echo(f"written: {printable(str(output))}")


@app.command(epilog="Example: `pulse discover RC_2026-09.zst RS_2026-09.zst`, then `pulse rebuild`")
def discover(
    files: Annotated[list[Path], typer.Argument(help="Files of Reddit's archives: NDJSON, maybe packed (.zst, .gz).")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of what was read of the same communities and months.")
    ] = False,
) -> None:
    """Read communities that are not followed yet where their files lie; keeps counts of each, no text and no author."""
    from pulse.words.discovery import discover as read_communities

    with _failing_in_one_line():
        with _progress_beside():
            done = read_communities(_home().create(), files, is_replacing=replace)
        typer.echo(f"{done.communities_n} communities, {done.contributions_n} contributions, {done.words_n} words kept")
        if done.unusable_lines_n:
            typer.echo(f"{done.unusable_lines_n} lines are no record")
        typer.echo("marts.fct_community_discovery ranks them from the next build on: `pulse run`, or `pulse rebuild`")


# ---- quarantine and upkeep -------------------------------------------------


@quarantine_app.command("list", epilog="Example: `pulse quarantine list`")
def quarantine_list() -> None:
    """The loads that were stopped, and the loads of which single records were kept out."""
    from pulse.gates import quarantine

    with _failing_in_one_line():
        home = _home()
        say = Console(highlight=False, soft_wrap=True).print
        stopped = quarantine.stopped_loads(home)
        say(f"{len(stopped)} stopped loads")
        for load in stopped:
            say(f"  {load.load_id}  {escape(printable(load.entry_id))}, {load.window}, {load.records_n} records")
            for message in load.reasons.values():
                say(f"      {escape(printable(message))}")
        stopped_ids = {load.load_id for load in stopped}
        others = [load_id for load_id in quarantine.loads_with_records(home) if load_id not in stopped_ids]
        say(f"{len(others)} other loads with records kept out")
        for load_id in others:
            say(f"  {load_id}")
        if stopped or others:
            say("Next: `pulse quarantine show LOAD`")


@quarantine_app.command("show", epilog="Example: `pulse quarantine show reddit_archive-reddit-tea-…`")
def quarantine_show(
    load_id: Annotated[str, typer.Argument(help="As `pulse quarantine list` names it.")],
    limit: Annotated[int, typer.Option(help="Records to show.", min=1)] = 20,
) -> None:
    """Why a load was stopped, and its records that were kept out, original lines included."""
    from pulse.gates import quarantine

    with _failing_in_one_line():
        home = _home()
        console = Console(highlight=False, soft_wrap=True)
        for load in quarantine.stopped_loads(home):
            if load.load_id == load_id:
                for message in load.reasons.values():
                    console.print(f"stopped by {escape(printable(message))}")
        for place, day, fault, record in quarantine.kept_records(home, load_id, limit=limit):
            console.print(f"{escape(printable(place))}, {day}: {escape(printable(fault))}")
            console.print(f"      {escape(printable(record, max_chars=500))}")


@quarantine_app.command("release", epilog="Example: `pulse quarantine release LOAD --waive quarantined_share`")
def quarantine_release(
    load_id: Annotated[str, typer.Argument(help="As `pulse quarantine list` names it.")],
    waive: Annotated[list[str], typer.Option(help="A rule that need not hold; may be given several times.")],
    reason: Annotated[str, typer.Option(help="Kept with the waiver.")] = "",
) -> None:
    """Let a stopped load through gate 1 again with named rules waived, and publish if it passes."""
    with _failing_in_one_line():
        console = Console()
        with _progress_to(console):
            state_id = _pipeline().release(
                load_id, waive=frozenset(waive), reason=reason, run_id=_command_id("release")
            )
        console.print(f"released and published {state_id}")


@app.command("set-aside", epilog="Example: `pulse set-aside kpi/kpi_monthly/month=2026-10/v0001.parquet`")
def set_aside(
    file: Annotated[Path, typer.Argument(help="A damaged file, as `pulse doctor --deep` names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go on without a damaged file that cannot be made again: says what is lost, then moves it to `damaged/`."""
    from pulse.core.clock import utc_now
    from pulse.reading import damage

    with _failing_in_one_line():
        home = _home()
        found = damage.require(home, file)
        typer.echo(printable(f"{found.file} is damaged: {found.fault}"))
        typer.echo(printable(f"Lost by setting it aside: {found.loss}"))
        typer.echo(printable(f"Without setting it aside: {found.way_back}"))
        if not yes and not typer.confirm("Set it aside?"):
            raise typer.Exit(1)
        typer.echo(printable(f"moved to {damage.set_aside(home, found, clock=utc_now).moved_to}"))
        if found.file.is_relative_to(home.raw) or found.file.is_relative_to(home.quality):
            typer.echo("Next: `pulse rebuild`, or the next run, publishes without it")


@app.command(epilog="Example: `pulse forget --platform reddit`, which asks for the name")
def forget(
    platform: Annotated[str, typer.Option(help="Platform of the account, as in the config.")],
    author: Annotated[
        str | None,
        typer.Option(
            help="Name of the account, or its id where the platform tells persons apart by ids (Discord); `-` reads it "
            "from standard input. Asked for if not given: an argument stays in the shell's history.",
            show_default="asked for",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a person who asked for it: everywhere in this home, and in whatever is loaded later. Prints the proof."""
    from pulse.steps import erasing, forgetting

    with _failing_in_one_line():
        name = author if author is not None else typer.prompt("Name or id of the account", err=True)
        asked = forgetting.Asked(platform, sys.stdin.readline().rstrip("\r\n") if name == "-" else name)
        if not yes and name != "-":
            typer.confirm("Erase what this account wrote, and publish without it? It cannot be undone", abort=True)
        console = Console()
        with _progress_to(console):
            proof = forgetting.forget(_pipeline(), asked, run_id=_command_id("forget"))
        for line in erasing.lines_of(proof):
            typer.echo(printable(line))
        if proof.left_n:
            typer.echo("pulse: something came in meanwhile. Next: run the same again", err=True)
            raise typer.Exit(3)


@app.command(epilog="Example: `pulse sweep --confirm reddit/tea`")
def sweep(
    entry: Annotated[
        list[str] | None, typer.Option(help="Entry to ask about, platform/community; may be given several times.")
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(help="Let the sweep of this entry go on after it stopped, then sweep it.")
    ] = None,
) -> None:
    """Ask platforms again by id for what is kept, and erase what was deleted there."""
    from pulse.steps import erasing, sweeping

    with _failing_in_one_line():
        pipeline = _pipeline()
        if confirm is not None:
            typer.echo(printable(f"{confirm} had stopped: {sweeping.confirm(pipeline, confirm)}"))
        named = [*(entry or ()), *([confirm] if confirm is not None else ())]
        with _progress_to(Console()):
            swept, proofs = sweeping.sweep(pipeline, named, run_id=_command_id("sweep"))
        for found in swept:
            typer.echo(printable(found.line))
        for line in (line for proof in proofs for line in erasing.lines_of(proof)):
            typer.echo(printable(line))
        if any(found.stopped for found in swept):
            typer.echo("pulse: look into it. Next: `pulse sweep --confirm ENTRY`", err=True)
            raise typer.Exit(1)


@app.command(epilog="Example: `pulse prune --dry-run`")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove what is older than the retention in the config, and compact settled days of raw and scores."""
    from pulse.core.clock import utc_now
    from pulse.steps import retention

    with _failing_in_one_line():
        home, settings = _home_and_settings()
        yesterday = utc_now().date() - timedelta(days=1)
        with _progress_beside():
            pruned = retention.prune(home, settings.retention, clock=utc_now, is_dry_run=dry_run)
            compacted = retention.compact(home, through=yesterday, is_run=False, is_dry_run=dry_run)
        for item in (*pruned, compacted):
            verb = "would remove" if dry_run else "removed"
            typer.echo(
                f"{item.kind}: {verb} {item.items_n} items older than {item.days} days, {item.freed_bytes / 1e6:.1f} MB"
            )


@lake_app.command(
    "copy", epilog="Example: `pulse lake copy s3://bucket/lake`; back: `pulse lake copy HOME --from s3://…`"
)
def lake_copy(
    to: Annotated[str, typer.Argument(help="s3://bucket/prefix, file:///folder, or the folder of a PULSE_HOME.")],
    *,
    from_: Annotated[
        str | None, typer.Option("--from", help="The same; one of both is a home.", show_default="PULSE_HOME")
    ] = None,
    purge_versions: Annotated[
        bool, typer.Option("--purge-versions", help="Delete old versions of objects too, where the bucket keeps them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a home loses files.")] = False,
) -> None:
    """Make a bucket hold what a home's raw, scores, quality and frozen months are, or the other way round; checked,
    whole or not at all. What the source does not have any more goes. Killed, the same command goes on.
    """
    from pulse.cli import lake_command

    with _failing_in_one_line():
        say = Console(highlight=False, soft_wrap=True).print
        with _progress_beside():
            copied = lake_command.copy(
                to,
                from_,
                purges_versions=purge_versions,
                may_remove=lambda lost_n: (
                    yes
                    or typer.confirm(f"{printable(to)} has {lost_n} files that the source does not have. Remove them?")
                ),
            )
        for line in lake_command.lines_of(copied, to=to):
            say(escape(printable(line)))


# ---- sandbox, demo, UI -----------------------------------------------------


@sandbox_app.command("world", epilog="Example: `pulse sandbox world --seed 7 --out /tmp/world`")
def sandbox_world(
    out: Annotated[Path, typer.Option(help="Folder to write to; it is made.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    first_day: Annotated[str, typer.Option(help="First UTC day of the world.")] = "2026-06-01",
    days: Annotated[int, typer.Option(help="How many days it lasts.")] = 92,
) -> None:
    """Write made-up communities as Reddit archive files, with the truth about them beside."""
    from pulse.sandbox import world, world_archive

    with _failing_in_one_line():
        made = world.make_world(seed=seed, first_day=_day("--first-day", first_day), days_n=days)
        files = world_archive.write_archives(made, out)
        typer.echo(f"{len(made.communities)} communities, {len(made.contributions)} contributions, in {out}")
        typer.echo(f"Next: PULSE_CONFIG={files.config} pulse backfill --from {made.first_day} --to {made.last_day}")


@sandbox_app.command("serve", epilog="Example: `pulse sandbox serve --now 2026-06-08T00:00:00+00:00 --port 8765`")
def sandbox_serve(
    archive: Annotated[
        list[Path] | None, typer.Option(help="Archive file to serve instead of a world; may be given several times.")
    ] = None,
    world_seed: Annotated[int, typer.Option(help="Seed of the world to serve where no archive is given.")] = 7,
    now: Annotated[
        str | None, typer.Option(help="Simulated now, ISO with zone; it stands still. Default: the data's end.")
    ] = None,
    port: Annotated[int, typer.Option(help="0 chooses a free one.", min=0, max=65_535)] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines cannot reach 127.0.0.1.")
    ] = "127.0.0.1",
    counts: Annotated[
        SandboxCounts, typer.Option(help="Counts of archives: as in the file, or growing towards it for 30 days.")
    ] = SandboxCounts.AS_RECORDED,
    hide_removed: Annotated[bool, typer.Option("--hide-removed", help="Leave removed ones out of listings.")] = False,
    rate_limit: Annotated[int | None, typer.Option(help="API calls per window; default no limit.", min=1)] = None,
    rate_window_s: Annotated[float, typer.Option(help="Seconds of a rate-limit window.", min=1.0)] = 600.0,
) -> None:
    """Answer as Reddit's API, and other platforms', from made-up communities, or from an archive, until Ctrl-C."""
    from pulse.sandbox import serving

    with _failing_in_one_line():
        at = None if now is None else _moment("--now", now)
        data: Any
        others: Any = None
        if archive:
            data = serving.archive_data(archive, counts=counts.value)
        else:
            data, others = serving.world_data(world_seed)
        serving.serve(
            data,
            others=others,
            now=at,
            host=host,
            port=port,
            say=typer.echo,
            hides_removed=hide_removed,
            rate_limit=rate_limit,
            rate_window_s=rate_window_s,
        )


@app.command(epilog="Example: `pulse demo`")
def demo() -> None:
    """The whole pipeline on made-up communities: no account, no service, about a minute."""
    from pulse.cli.demo import run_demo

    with _failing_in_one_line(), _ending_at_ctrl_c():
        run_demo()


@app.command(epilog="Example: `pulse serve --port 8090`")
def serve(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 chooses a free one.", min=0, max=65_535)] = 8090,
    login_header: Annotated[
        str | None,
        typer.Option(help="Header in which a reverse proxy names who is logged in; needs PULSE_PROXY_SECRET."),
    ] = None,
) -> None:
    """The page without Airflow, to read, until Ctrl-C; nothing can be released on it."""
    from pulse.page import serving

    with _failing_in_one_line():
        proxy = None if login_header is None else serving.Proxy.from_environment(login_header)
        serving.serve(_home(), port=port, proxy=proxy, say=typer.echo)


@app.command(epilog="Example: `pulse ui --port 8081`")
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 chooses a free one.", min=0, max=65_535)] = 8080,
) -> None:
    """Airflow's own UI and scheduler over this home, until Ctrl-C."""
    from pulse.orchestration import ui as airflow_ui

    with _failing_in_one_line():
        home = _home()
        try:
            airflow_ui.serve(home, port=port, say=typer.echo)
        except KeyboardInterrupt:
            typer.echo("stopped")


@dev_app.command("sources")
def sources(
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is current.")] = False,
) -> None:
    """Write docs/sources/README.md from what the sources say of themselves."""
    from pulse.cli import sources_table

    if not check:
        sources_table.document_path().write_text(sources_table.render(), encoding="utf-8")
    elif not sources_table.is_current():
        typer.echo("docs/sources/README.md is not current. Next: pulse dev sources", err=True)
        raise typer.Exit(1)


@dev_app.command("data-dictionary")
def data_dictionary(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the document is current.")] = False,
) -> None:
    """Write docs/data-dictionary.md from the dbt project."""
    from pulse.warehouse import dictionary

    if check and not dictionary.is_current():
        typer.echo("docs/data-dictionary.md is not current. Next: pulse dev data-dictionary", err=True)
        raise typer.Exit(1)
    if not check:
        dictionary.document_path().write_text(dictionary.render(), encoding="utf-8")


@dev_app.command("prepare")
def prepare() -> None:
    """Compile the kernels and parse the dbt project ahead, which the first run would do; `make install` calls it."""
    from pulse.listening import matcher
    from pulse.texts import engine
    from pulse.warehouse import transform
    from pulse.words import texts

    with _failing_in_one_line():
        engine.warm()
        matcher.warm(engine.EngineScorer())
        texts.warm()
        transform.parse_ahead()


# ---- helpers ---------------------------------------------------------------


def _home() -> "Home":
    from pulse.core.home import Home

    return Home.from_environment().create()


def _home_and_settings() -> "tuple[Home, Settings]":
    from pulse.config.settings import load_settings

    home = _home()
    return home, load_settings(home=home)


def _pipeline() -> Any:
    from pulse.steps.pipeline import Pipeline

    return Pipeline.from_environment()


def _command_id(name: str) -> str:
    from pulse.core.clock import utc_now

    return f"{name}__{utc_now():%Y-%m-%dT%H:%M:%S.%f}"


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            option, value=text, limit="a day as YYYY-MM-DD", next_step="see `pulse COMMAND --help`"
        ) from error


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(
            option,
            value=text,
            limit="a time with zone such as 2026-06-08T00:00:00+00:00",
            next_step="see `pulse COMMAND --help`",
        )
    return moment


def _window(from_day: str, to_day: str) -> "Window":
    from pulse.core.window import Window

    return Window(_day("--from", from_day), _day("--to", to_day))


@contextmanager
def _progress_to(console: Console) -> Iterator[None]:
    from pulse.orchestration.embedded import listening

    say = line_printer(console, time.monotonic())
    with _ending_at_ctrl_c(), listening(say), progress.shown(console, say):
        yield


def _progress_beside() -> AbstractContextManager[None]:
    """How far steps are, on standard error: standard output is the result."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    return progress.shown(console, line_printer(console, time.monotonic()))


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    """Turn our errors into one line and an exit status."""
    try:
        yield
    except PulseError as error:
        typer.echo(f"pulse: {error.for_terminal()}", err=True)
        raise typer.Exit(_exit_status(error)) from error


def _exit_status(error: PulseError) -> int:
    if isinstance(error, ConfigError | QueryError | DayNotOver):
        return 2
    return 3 if error.retry_helps else 1


def main() -> None:
    """Entry point of the command ``pulse``."""
    app()
