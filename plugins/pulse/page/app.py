"""The application: its routes, who may use them, and the headers under which a browser shows them.

Every route asks who is there. Everything is read, but for two forms, which carry a token: a statement to run, and a
release to ask for. Nothing is kept by the browser, and nothing is loaded from anywhere else.
"""

import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from pulse.core.errors import PulseError, QueryError
from pulse.core.home import Home
from pulse.page import brands, communities, data_docs_page, kept, loads, months, querying, today
from pulse.page.access import Access, ReleaseRequest, User, is_of_our_origin
from pulse.page.rendering import Renderer, asset
from pulse.page.snapshot import Snapshots
from pulse.reading import statement

_FORM_BYTES = 100_000
_REASON_CHARS = 500
_LOAD_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_RULE = re.compile(r"[a-z0-9_]{1,100}")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
# Data Docs and reports are pages of others, or hold what people wrote: no script runs in them, and they load nothing
# but what lies beside them.
_FRAMED = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MEDIA = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".png": "image/png",
    ".svg": "image/svg+xml", ".otf": "font/otf", ".woff": "font/woff", ".woff2": "font/woff2", ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
}  # fmt: skip

Text = Annotated[str, Query(max_length=200)]
Page = Annotated[int, Query(ge=1, le=10_000)]


def create_app(home: Home, access: Access) -> FastAPI:
    """The page over a home, for whoever ``access`` lets in; a dependency of every route answers 401 to others."""
    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(access.current_user)],
        title="Community Pulse",
    )  # fmt: skip
    snapshots = Snapshots(home)
    render = Renderer(home, access, snapshots)
    asks = Depends(access.current_user)
    _handle_errors(app, render)
    _add_assets(app)
    _add_today(app, snapshots, render, asks)
    _add_loads(app, home, snapshots, render, asks)
    _add_release(app, access, asks)
    _add_communities(app, snapshots, render, asks)
    _add_months(app, home, snapshots, render, asks)
    _add_query(app, home, access, snapshots, render, asks)
    _add_framed(app, home)
    return app


def _handle_errors(app: FastAPI, render: Renderer) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        return response

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> Response:
        if "text/html" not in request.headers.get("accept", "") or error.status_code == 401:
            return await http_exception_handler(request, error)
        return HTMLResponse(render.refusal(str(error.detail)), status_code=error.status_code)

    @app.exception_handler(PulseError)
    async def told(_request: Request, error: PulseError) -> HTMLResponse:
        return HTMLResponse(render.error(error), status_code=503)


def _add_assets(app: FastAPI) -> None:
    @app.get("/page.css")
    def style() -> Response:
        return Response(asset("page.css"), media_type="text/css; charset=utf-8")

    @app.get("/page.js")
    def script() -> Response:
        return Response(asset("page.js"), media_type="text/javascript; charset=utf-8")


# ---- today -------------------------------------------------------------------


def _add_today(app: FastAPI, snapshots: Snapshots, render: Renderer, asks: Any) -> None:
    @app.get("/")
    @app.get("/today")
    def days(q: Text = "", page: Page = 1, end: date | None = None, user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("today", user, snapshot, today.calendar(snapshot, text=q, page=page, last=end))

    @app.get("/year")
    def year(q: Text = "", page: Page = 1, user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("year", user, snapshot, today.year(snapshot, text=q, page=page))

    @app.get("/day")
    def day(platform: Text, community: Text, day: date, user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        found = today.one_day(snapshot, platform, community, day)
        return render("day", user, snapshot, _there(found, "community"))


# ---- loads -------------------------------------------------------------------


def _add_loads(app: FastAPI, home: Home, snapshots: Snapshots, render: Renderer, asks: Any) -> None:
    @app.get("/loads")
    def results(
        q: Text = "",
        run: Text = "",
        gate: Text = "",
        page: Page = 1,
        all: bool = False,  # noqa: A002
        user: User = asks,
    ) -> HTMLResponse:
        snapshot = snapshots.latest()
        found = loads.found(snapshot, text=q, run=run, gate=gate, page=page, is_all=all)
        return render("loads", user, snapshot, found)

    @app.get("/rules")
    def rules(user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("rules", user, snapshot, {"rules": loads.rules(snapshot)})

    @app.get("/load")
    def load(id: Text, asked: Text = "", user: User = asks) -> HTMLResponse:  # noqa: A002
        snapshot = snapshots.latest()
        found = _there(loads.one_load(snapshot, home, id), "load")
        return render("load", user, snapshot, {**found, "asked": asked})

    @app.get("/marts-check")
    def marts_check(run: Text, user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("marts_check", user, snapshot, _there(loads.marts_check(snapshot, home, run), "check of marts"))

    @app.get("/lines")
    def lines(load: Text, user: User = asks) -> HTMLResponse:
        if not user.may_release:
            raise HTTPException(403, "original lines are for who may release a load")
        if not _LOAD_ID.fullmatch(load):
            raise HTTPException(404, "no such load")
        return render("lines", user, snapshots.latest(), {"load_id": load, "found": kept.lines(home, load)})


def _add_release(app: FastAPI, access: Access, asks: Any) -> None:
    @app.post("/release")
    async def release(request: Request, user: User = asks) -> Response:
        form = await _form(request, access, user)
        if not user.may_release or access.ask_release is None:
            raise HTTPException(403, "releasing a load needs the right to edit runs")
        load_id, waived = form.get("load_id", [""])[0], tuple(form.get("waive", ()))
        reason = " ".join(form.get("reason", [""])[0].split())
        if not _LOAD_ID.fullmatch(load_id) or not waived or not all(_RULE.fullmatch(rule) for rule in waived):
            raise HTTPException(422, "a load and at least one rule to waive are needed")
        if set(waived) - set(kept.waivable(list(waived))):
            raise HTTPException(422, "one of these rules cannot be waived")
        if not reason or len(reason) > _REASON_CHARS:
            raise HTTPException(422, f"a reason of up to {_REASON_CHARS} characters is needed")
        asked = ReleaseRequest(load_id, tuple(sorted(set(waived))), reason, user.name)
        run = await run_in_threadpool(access.ask_release, asked)
        return RedirectResponse(f"load?id={load_id}&asked={quote(run, safe='')}", status_code=303)


# ---- communities, brands, months ---------------------------------------------


def _add_communities(app: FastAPI, snapshots: Snapshots, render: Renderer, asks: Any) -> None:
    @app.get("/communities")
    def listed(q: Text = "", page: Page = 1, user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("communities", user, snapshot, communities.listed(snapshot, text=q, page=page))

    @app.get("/community")
    def one(platform: Text, community: Text, user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("community", user, snapshot, _there(communities.one(snapshot, platform, community), "community"))

    @app.get("/brands")
    def voice(user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("brands", user, snapshot, brands.shown(snapshot))


def _add_months(app: FastAPI, home: Home, snapshots: Snapshots, render: Renderer, asks: Any) -> None:
    @app.get("/months")
    def listed(user: User = asks) -> HTMLResponse:
        snapshot = snapshots.latest()
        return render("months", user, snapshot, {"months": months.listed(snapshot, home)})

    @app.get("/month")
    def one(month: Text, platform: Text = "*", community: Text = "*", user: User = asks) -> HTMLResponse:
        if not _MONTH.fullmatch(month):
            raise HTTPException(404, "no such month")
        snapshot = snapshots.latest()
        found = months.one(snapshot, home, date.fromisoformat(f"{month}-01"), platform, community)
        return render("month", user, snapshot, _there(found, "month"))


# ---- query -------------------------------------------------------------------


def _add_query(app: FastAPI, home: Home, access: Access, snapshots: Snapshots, render: Renderer, asks: Any) -> None:
    def shown(user: User, sql: str, told: Mapping[str, Any], status_code: int = 200) -> HTMLResponse:
        snapshot = snapshots.latest()
        facts = {"sql": sql, "dictionary": querying.dictionary(snapshot), "examples": querying.EXAMPLES}
        nothing = {"answer": None, "error": None}
        return render("query", user, snapshot, {**nothing, **facts, **told}, status_code=status_code)

    @app.get("/query")
    def form(user: User = asks) -> HTMLResponse:
        return shown(user, "", {})

    @app.post("/query")
    async def ask(request: Request, user: User = asks) -> Response:
        form = await _form(request, access, user)
        # Browsers send the lines of a field with CR and LF.
        sql, output_format = form.get("sql", [""])[0].replace("\r\n", "\n"), form.get("format", ["table"])[0]
        if output_format not in {"table", "csv", "parquet"}:
            raise HTTPException(422, "table, csv or parquet")
        try:
            answer = await run_in_threadpool(statement.run, home, sql, output_format)  # type: ignore[arg-type]
        except QueryError as error:
            return await run_in_threadpool(shown, user, sql, {"error": error}, 422)
        if answer.file is None:
            return await run_in_threadpool(shown, user, sql, {"answer": answer})
        media = "text/csv; charset=utf-8" if output_format == "csv" else months.REPORT_FILES["kpis.parquet"]
        return FileResponse(
            answer.file, media_type=media, filename=f"rows.{output_format}",
            background=BackgroundTask(shutil.rmtree, answer.file.parent, ignore_errors=True),
        )  # fmt: skip


# ---- Data Docs and reports ---------------------------------------------------


def _add_framed(app: FastAPI, home: Home) -> None:
    @app.get("/data-docs/{path:path}")
    def data_docs(path: str) -> Response:
        return _framed(home.quality / "data_docs", path)

    @app.get("/reports/{month}/{name}")
    def report(month: str, name: str, platform: Text = "*", community: Text = "*") -> Response:
        if not _MONTH.fullmatch(month) or name not in months.REPORT_FILES:
            raise HTTPException(404, "no such report")
        file = months.report_folder(home, date.fromisoformat(f"{month}-01"), platform, community) / name
        if not file.is_file():
            raise HTTPException(404, "no such report")
        is_page = name.endswith((".html", ".png"))
        return FileResponse(
            file, media_type=months.REPORT_FILES[name], filename=None if is_page else f"{month}-{name}",
            headers={"Content-Security-Policy": _FRAMED},
        )  # fmt: skip


def _framed(root: Path, path: str) -> Response:
    """A file below a folder; links of Data Docs to their shared files stay below it too."""
    resolved_root = root.resolve()
    file = (resolved_root / path).resolve()
    if not file.is_relative_to(resolved_root) or not file.is_file() or file.suffix not in _MEDIA:
        raise HTTPException(404, "no such file")
    if file.suffix == ".html":
        content = data_docs_page.harmless(file.read_text(encoding="utf-8"))
        return HTMLResponse(content, headers={"Content-Security-Policy": _FRAMED})
    return FileResponse(file, media_type=_MEDIA[file.suffix], headers={"Content-Security-Policy": _FRAMED})


# ---- parts -------------------------------------------------------------------


def _there(found: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
    if found is None:
        raise HTTPException(404, f"no such {what}")
    return found


async def _form(request: Request, access: Access, user: User) -> dict[str, list[str]]:
    """The fields of a form that a page of ours sent for this user.

    Raises:
        HTTPException: 403 where it did not, 413 where it is too long, 415 where it is no form.
    """
    if not is_of_our_origin(request.headers):
        raise HTTPException(403, "sent by another site")
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "a form is needed")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise HTTPException(413, f"more than {_FORM_BYTES} bytes")
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200)
    if not access.is_token_of(user, form.get("csrf", [""])[0]):
        raise HTTPException(403, "the form is too old, or not from this page: open it again")
    return form
