"""What ``pulse sql`` does: run one statement, show its rows or write them to a file, and end at once on Ctrl-C."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import duckdb
import typer
from rich.console import Console
from rich.markup import escape

from pulse.cli.console import show_rows
from pulse.cli.output_file import OutputFile
from pulse.core.errors import ConfigError
from pulse.core.files import storage_error
from pulse.core.home import Home
from pulse.core.interrupts import Interrupted, interruptible
from pulse.core.text import printable
from pulse.reading import query
from pulse.reading.results import Result, plan_lines, rows_for_table, write_csv, write_json, write_parquet

# What a shell reports of a program that Ctrl-C ended.
INTERRUPTED_STATUS = 130


class _Running:
    """The connection of a query that runs, for whoever wants to stop it."""

    def __init__(self) -> None:
        self.connection: duckdb.DuckDBPyConnection | None = None

    def stop(self) -> None:
        if self.connection is not None:
            query.stop(self.connection)


def run(
    read_statement: Callable[[], str], *, output_format: str, output: Path | None, is_replacing: bool, limit: int
) -> None:
    """Run the statement and give its rows.

    Args:
        output_format: table, csv, json or parquet.
        output: a file for the rows; None for standard output.
        is_replacing: whether a file that is there may be replaced.
        limit: rows that a table shows.

    Raises:
        ConfigError: the output cannot go there.
        QueryError: the statement does more than read, or DuckDB refuses it.
        StorageError: the output cannot be written.
        typer.Exit: with status 130, after Ctrl-C.
    """
    if output_format == "parquet" and output is None:
        raise ConfigError("--format parquet", value="no file", limit="a file", next_step="add `--output FILE`")
    if is_replacing and output is None:
        raise ConfigError("--force", value="no file", limit="a file", next_step="add `--output FILE`")
    home = Home.from_environment().create()
    target = None if output is None else OutputFile.at(output, home, is_replacing=is_replacing)
    running = _Running()

    def work() -> None:
        statement = read_statement()
        with query.connect(home, statement) as running.connection:
            result = query.run(running.connection, statement)
            if target is None:
                _show(result, output_format, limit=limit)
            else:
                with target.writing() as draft:
                    _write(result, output_format, draft, limit=limit)

    try:
        interruptible(work, stop=running.stop)
    except (Interrupted, KeyboardInterrupt) as error:
        typer.echo("pulse: interrupted", err=True)
        if isinstance(error, Interrupted) and not error.is_stopped:
            # DuckDB asks for interrupts between its steps only, and one step can take hours.
            if target is not None:
                target.discard()
            shutil.rmtree(query.spill_folder(home), ignore_errors=True)
            os._exit(INTERRUPTED_STATUS)
        raise typer.Exit(INTERRUPTED_STATUS) from None
    if target is not None:
        typer.echo(f"written: {printable(str(target.target))}", err=True)


def _show(result: Result, output_format: str, *, limit: int) -> None:
    if output_format == "csv":
        write_csv(result, sys.stdout, is_terminal=sys.stdout.isatty())
    elif output_format == "json":
        write_json(result, sys.stdout)
    else:
        _show_table(result, Console(), limit=limit)


def _show_table(result: Result, console: Console, *, limit: int) -> None:
    if result.is_plan:
        for line in plan_lines(result):
            console.print(escape(line), highlight=False, soft_wrap=True)
        return
    rows, has_more = rows_for_table(result, limit=limit)
    shown_n = result.columns_to_show
    show_rows(console, result.columns[:shown_n], [row[:shown_n] for row in rows], has_more)


def _write(result: Result, output_format: str, draft: Path, *, limit: int) -> None:
    if output_format == "parquet":
        draft.touch()  # says first, and plainly, where it cannot be written
        try:
            write_parquet(result, draft)
        except duckdb.IOException as error:
            raise storage_error(draft, error) from error
        except duckdb.Error as error:
            raise query.translated(result, error) from error
        return
    with draft.open("w", encoding="utf-8", newline="") as stream:
        _write_text(result, output_format, stream, limit=limit)


def _write_text(result: Result, output_format: str, stream: TextIO, *, limit: int) -> None:
    if output_format == "csv":
        write_csv(result, stream, is_terminal=False)
    elif output_format == "json":
        write_json(result, stream)
    else:
        _show_table(result, Console(file=stream, width=100_000, color_system=None), limit=limit)
