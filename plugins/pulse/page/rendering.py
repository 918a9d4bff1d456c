"""Templates filled in: everything is escaped, and texts of people have no character that hides or turns the others."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape

from pulse.core.errors import PulseError
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.page import mart_tables
from pulse.page.access import Access, RunLinks, User
from pulse.page.snapshot import Snapshot, Snapshots
from pulse.showing import colours, figures

_FOLDER = Path(__file__).parent
_VIEWS = (
    ("today", "Today", ("today", "year", "day")),
    ("loads", "Loads and gates", ("loads", "load", "rules", "marts_check", "lines")),
    ("communities", "Communities", ("communities", "community")),
    ("months", "Months", ("months", "month")),
    ("brands", "Brands", ("brands",)),
    ("query", "Query", ("query",)),
)


@cache
def asset(name: str) -> bytes:
    """A file that pages load: the style sheet with its colours, or the script."""
    content = (_FOLDER / name).read_text(encoding="utf-8")
    return (colours.css() + content if name.endswith(".css") else content).encode()


class Renderer:
    """Fills templates for one application."""

    def __init__(self, home: Home, access: Access, snapshots: Snapshots) -> None:
        self._home = home
        self._access = access
        self._snapshots = snapshots
        self._environment = _environment()

    def __call__(
        self, view: str, user: User, snapshot: Snapshot, facts: Mapping[str, Any], *, status_code: int = 200
    ) -> HTMLResponse:
        """A view as an answer; facts are the template's variables."""
        html = self._environment.get_template(f"{view}.html.j2").render(
            **facts,
            view=view,
            views=_VIEWS,
            user=user,
            csrf=self._access.token(user),
            can_release=user.may_release and self._access.ask_release is not None,
            run_links=self._links,
            state_id=snapshot.state_id,
            published_at=snapshot.published_at,
            damage=snapshot.damage,
        )
        return HTMLResponse(html, status_code=status_code)

    def error(self, error: PulseError) -> str:
        """A page that says what is wrong with what there is to show."""
        return self.refusal(str(error))

    def refusal(self, message: str) -> str:
        """A page that says why there is nothing to show."""
        return self._environment.get_template("error.html.j2").render(
            view="error", views=_VIEWS, error=message, state_id=None, published_at=None, damage=None
        )

    def _links(self, run_id: str | None, entry_id: str | None = None) -> RunLinks | None:
        return self._access.links(run_id, entry_id) if run_id else None


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "day": mart_tables.day_text, "moment": mart_tables.moment, "month": figures.month_name, "count": _count,
        "number": mart_tables.number, "caveats": mart_tables.caveats, "lines": _lines,
    }  # fmt: skip
    environment.globals["link"] = _link
    environment.globals["counted"] = figures.counted
    return environment


def _shown(value: Any) -> Any:
    """What becomes of each expression of a template: people's texts lose what cannot be seen."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return value if value.isascii() and value.isprintable() else printable(value)


def _link(view: str, **parameters: Any) -> Markup:
    """The address of a view, relative to any other; parameters that are empty are left out."""
    given = {name: value for name, value in parameters.items() if value not in {None, "", False}}
    return Markup(escape(f"{view}?{urlencode(given)}" if given else view))  # noqa: S704  (percent-encoded and escaped)


def _count(value: int | None) -> str:
    return "not visible" if value is None else figures.figure(value, "count")


def _lines(text: str) -> Markup:
    """A text of several lines as it was typed, for a form's field; escaped."""
    return escape("\n".join(printable(line, max_chars=20_000) for line in text.split("\n")))
