"""The answers of :mod:`pulse.reading.answers` as tools of the Model Context Protocol, over standard input and output.

The SDK is an extra: ``pip install 'community-pulse[mcp]'``. Nothing here writes, but for what large sorts spill.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from pulse.core.errors import ConfigError, PulseError
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.reading import answers
from pulse.reading.answers import Answer

_INSTRUCTIONS = (
    "Figures about online communities, made once a day from what people there wrote. Begin with list_tables. NULL "
    "means that something cannot be seen; 0 means zero. Never give a figure without its completeness (whole days of "
    "days), its interval where there is one, and its caveat; docs/metrics.md defines each. A change is only one where "
    "is_change_clear says so. author_key stands for a person: never try to find out who it is. " + answers.NOTICE
)


def serve(home: Home) -> None:
    """Answer one client until it closes the stream. Standard output belongs to the protocol, logs go to standard error.

    Raises:
        ConfigError: the SDK is not installed.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)
    server(home).run("stdio")


def server(home: Home) -> Any:
    """The server with its tools, for :func:`serve` and tests.

    Raises:
        ConfigError: the SDK is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp_types import ToolAnnotations
    except ImportError as error:
        raise ConfigError(
            "pulse mcp", value="the SDK of the Model Context Protocol is not installed",
            next_step="`pip install 'community-pulse[mcp]'`",
        ) from error  # fmt: skip
    made = MCPServer("community-pulse", instructions=_INSTRUCTIONS, log_level="WARNING")
    reads = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )  # fmt: skip
    for tool in _tools(home):
        made.tool(annotations=reads, structured_output=False)(tool)
    return made


def _tools(home: Home) -> tuple[Callable[..., str], ...]:
    def list_tables() -> str:
        """All tables that can be asked, each with its grain; and when they were published, over which days."""
        return _answered(lambda: answers.tables(home))

    def describe_table(
        table: Annotated[str, Field(description="as list_tables names it, such as marts.fct_community_weekly")],
    ) -> str:
        """A table's columns: types, units, and what NULL means in each."""
        return _answered(lambda: answers.columns(home, table))

    def run_sql(statement: Annotated[str, Field(description="one statement of DuckDB's SQL that only reads")]) -> str:
        """Rows of one statement over marts, kpi and quality; at most 500, within 30 seconds. All else is refused."""
        return _answered(lambda: answers.rows_of(home, statement))

    def get_kpis(
        month: Annotated[str, Field(description="YYYY-MM")],
        community: Annotated[
            str | None, Field(description="one community's name; leave out for all, together (*) and each")
        ] = None,
    ) -> str:
        """KPIs of a month with interval, completeness, change and caveat: as frozen where the month is closed."""
        return _answered(lambda: answers.kpis(home, _month(month), community))

    def get_actions(
        month: Annotated[str, Field(description="YYYY-MM")],
        community: Annotated[str | None, Field(description="one community's name; leave out for all")] = None,
    ) -> str:
        """What to do after a month and why, each with its size, uncertainty and ids of its evidence."""
        return _answered(lambda: answers.actions(home, _month(month), community))

    def get_evidence(
        contribution_ids: Annotated[list[str], Field(description="as evidence_ids of an action gives them")],
    ) -> str:
        """Title, link and counts of contributions; those that were taken back since are not there any more."""
        return _answered(lambda: answers.evidence(home, contribution_ids))

    return (list_tables, describe_table, run_sql, get_kpis, get_actions, get_evidence)


def _answered(answer: Callable[[], Answer]) -> str:
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        return json.dumps(answers.as_document(answer()), ensure_ascii=False)
    except PulseError as error:
        raise ToolError(str(error)) from error


def _month(text: str) -> date:
    try:
        year, month = text.split("-")
        return date(int(year), int(month), 1)
    except ValueError as error:
        raise ConfigError(
            "month", value=printable(text, max_chars=20), limit="YYYY-MM", next_step="give a month such as 2026-07"
        ) from error
