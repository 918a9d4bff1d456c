"""The endpoints: what PRAW asks of Reddit, answered from the sandbox's data. Wiring only.

What every answer has alike (Date, rate-limit headers, faults) is added by :mod:`pulse.sandbox.reddit_gate`.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from pulse.sandbox.faults import Fault
from pulse.sandbox.reddit_catalogue import Item, ListingKind
from pulse.sandbox.reddit_data import RedditData
from pulse.sandbox.reddit_paging import PageQuery, clamped, page_of
from pulse.sandbox.reddit_things import Thing, ThingMaker, community_thing, escaped, listing
from pulse.sandbox.reddit_tokens import TokenAnswer
from pulse.sandbox.reddit_tree import DEFAULT_LIMIT, MAX_CONTEXT, MAX_DEPTH, MAX_LIMIT, Cut, Tree
from pulse.sandbox.sandbox_state import SandboxState

INFO_LIMIT = 100
JSON_TYPE = "application/json; charset=UTF-8"
_NO_TOKEN = {"www-authenticate": 'Bearer realm="reddit", error="invalid_token"'}
_CLIENT_REFUSED = {"www-authenticate": 'Basic realm="reddit"'}
_CLOSED = {
    "private": (403, {"reason": "private", "message": "Forbidden", "error": 403}),
    "banned": (404, {"reason": "banned", "message": "Not Found", "error": 404}),
    "quarantined": (
        403,
        {
            "reason": "quarantined",
            "quarantine_message": "This community is quarantined.",
            "quarantine_message_html": "<p>This community is quarantined.</p>",
            "quarantine_requires_email_optin": False,
            "message": "Forbidden",
            "error": 403,
        },
    ),
}
_MESSAGES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}


class Refusal(Exception):
    """An answer that is an error, with Reddit's body for it."""

    def __init__(self, status: int, *, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None):
        super().__init__(status)
        self.status = status
        self.body = error_body(status) if body is None else body
        self.headers = headers or {}


def error_body(status: int) -> dict[str, Any]:
    """What Reddit says to an error of which it says nothing more."""
    return {"message": _MESSAGES.get(status, "Error"), "error": status}


def make_app(data: RedditData, state: SandboxState) -> FastAPI:
    """The application over one data source."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.include_router(_token_router(state))
    app.include_router(_api_router(data, state))
    app.include_router(_control_router(state))

    @app.exception_handler(Refusal)
    async def refuse(_request: Request, refusal: Refusal) -> Response:
        return as_json(refusal.body, status=refusal.status, headers=refusal.headers)

    @app.exception_handler(HTTPException)
    async def refuse_plainly(_request: Request, error: HTTPException) -> Response:
        return as_json(error_body(error.status_code), status=error.status_code)

    @app.exception_handler(RequestValidationError)
    async def explain(_request: Request, error: RequestValidationError) -> Response:
        explanation = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        return as_json(error_body(400) | {"explanation": explanation}, status=400)

    return app


def as_json(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer as Reddit writes it: other than ASCII as escapes, and the type with its charset."""
    return Response(json.dumps(body), status_code=status, headers={"content-type": JSON_TYPE} | (headers or {}))


# ---- tokens ----------------------------------------------------------------


def _token_router(state: SandboxState) -> APIRouter:
    router = APIRouter()

    @router.post("/api/v1/access_token")
    async def access_token(request: Request) -> Response:
        given = state.tokens.give(request.headers.get("authorization"), await _params(request))
        return _token_response(given)

    @router.post("/api/v1/revoke_token")
    async def revoke_token(request: Request) -> Response:
        done = state.tokens.revoke(request.headers.get("authorization"), await _params(request))
        return _token_response(done) if done.is_unauthorized else Response(headers={"content-type": JSON_TYPE})

    return router


def _token_response(answer: TokenAnswer) -> Response:
    headers = _CLIENT_REFUSED if answer.is_unauthorized else {}
    return as_json(answer.body, status=answer.status, headers={"cache-control": "max-age=0, must-revalidate"} | headers)


async def _params(request: Request) -> dict[str, str]:
    """Query and form together; of a repeated name the last counts."""
    form = await request.form()
    return dict(request.query_params) | {name: value for name, value in form.items() if isinstance(value, str)}


# ---- the API ---------------------------------------------------------------


class _Asked:
    """One API call: its parameters, the data and the time it sees."""

    def __init__(self, data: RedditData, state: SandboxState, params: dict[str, str]) -> None:
        self.data = data
        self.now: datetime = state.now
        self.params = params
        self._behaviour = state.behaviour
        self.things = ThingMaker(data, self.now)

    def answer(self, body: Any) -> Response:
        is_raw = self.params.get("raw_json") == "1"
        return as_json(body if is_raw else escaped(body))

    def communities(self, names: str) -> list[str]:
        """Those of ``a+b+c`` that can be read. A single one that cannot is refused; among several it is left out."""
        wanted = [name for name in names.split("+") if name]
        known = [name for name in wanted if self._is_known(name)]
        readable = [name for name in known if self._behaviour.closed_reason(name) is None]
        if readable:
            return readable
        if known:
            _refuse_closed(self._behaviour.closed_reason(known[0]))
        location = f"/subreddits/search.json?q={quote(names)}"
        raise Refusal(302, body={}, headers={"location": location})

    def page(self, names: str, kind: ListingKind) -> Response:
        listed: Iterable[Item] = self.data.catalogue.newest_first(self.communities(names), kind, self.now.timestamp())
        if self._behaviour.hides_removed:
            listed = (item for item in listed if not self.data.is_removed(item, self.now))
        page = page_of(listed, PageQuery.from_params(self.params), window_n=self._behaviour.page_limit_items)
        children = [self.things.in_listing(item) for item in page.items]
        return self.answer(listing(children, after=page.after, before=page.before, dist=len(children)))

    def about(self, name: str) -> Response:
        self.communities(name)
        facts = self.data.community(name, self.now)
        if facts is None:
            raise Refusal(404)
        return self.answer(community_thing(facts))

    def thread(self, post_number: str) -> tuple[Item, Tree]:
        """The post and its comments."""
        post = self.data.catalogue.get(f"t3_{post_number.lower()}")
        if post is None or post.appears_s > self.now.timestamp():
            raise Refusal(404)
        _refuse_closed(self._behaviour.closed_reason(post.community))
        return post, Tree(self.data, post.full_id, self.now)

    def comments(self, post_number: str, comment_number: str | None) -> Response:
        post, tree = self.thread(post_number)
        cut = Cut(
            limit=clamped(self.params.get("limit"), default=DEFAULT_LIMIT, most=MAX_LIMIT),
            depth=clamped(self.params.get("depth"), default=MAX_DEPTH, most=MAX_DEPTH),
            sort=self.params.get("sort", ""),
        )
        full_id = f"t1_{comment_number.lower()}" if comment_number else ""
        if full_id in tree:
            context = clamped(self.params.get("context"), default=0, most=MAX_CONTEXT, least=0)
            things = tree.below(full_id, cut, context=context)
        else:
            things = [] if comment_number else tree.forest(cut)
        return self.answer([listing([self.things.post(post)], dist=1), listing(things)])

    def more_children(self) -> Response:
        link_id = self.params.get("link_id", "")
        if not link_id.startswith("t3_"):
            raise Refusal(400)
        _, tree = self.thread(link_id.removeprefix("t3_"))
        children = [f"t1_{number.strip().lower()}" for number in self.params.get("children", "").split(",")]
        things = tree.more(
            children,
            sort=self.params.get("sort", ""),
            has_replies=self.params.get("limit_children", "").lower() not in {"true", "1"},
        )
        return self.answer({"json": {"errors": [], "data": {"things": things}}})

    def info(self) -> Response:
        if "id" in self.params:
            wanted = [full_id.strip().lower() for full_id in self.params["id"].split(",")]
            things = [self._thing(full_id) for full_id in wanted[:INFO_LIMIT]]
        elif "sr_name" in self.params:
            things = [self._community(name) for name in self.params["sr_name"].split(",")[:INFO_LIMIT]]
        elif "url" in self.params:
            things = list(self._posts_linking_to(self.params["url"]))
        else:
            things = []
        found = [thing for thing in things if thing is not None]
        return self.answer(listing(found, dist=len(found)))

    def _thing(self, full_id: str) -> Thing | None:
        if full_id.startswith("t5_"):
            return self._community(full_id)
        item = self.data.catalogue.get(full_id)
        if item is None or item.appears_s > self.now.timestamp() or self._behaviour.closed_reason(item.community):
            return None
        return self.things.post(item) if item.is_post else self.things.plain_comment(item)

    def _community(self, name: str) -> Thing | None:
        facts = self.data.community(name, self.now)
        return None if facts is None or self._behaviour.closed_reason(facts.name) else community_thing(facts)

    def _posts_linking_to(self, url: str) -> Iterable[Thing]:
        for item in self.data.catalogue.all_posts():
            thing = self._thing(item.full_id)
            if thing is not None and thing["data"]["url"] == url:
                yield thing

    def _is_known(self, name: str) -> bool:
        """Closed communities are known even where the data has nothing of them."""
        return self._behaviour.closed_reason(name) is not None or self.data.community(name, self.now) is not None


def _refuse_closed(reason: str | None) -> None:
    if reason is not None:
        status, body = _CLOSED[reason]
        raise Refusal(status, body=body)


def _api_router(data: RedditData, state: SandboxState) -> APIRouter:
    async def asked(request: Request) -> _Asked:
        if not state.tokens.is_valid(request.headers.get("authorization")):
            raise Refusal(401, headers=_NO_TOKEN)
        return _Asked(data, state, await _params(request))

    wants = Annotated[_Asked, Depends(asked)]
    router = APIRouter()

    @router.get("/r/{names}/new")
    async def new(names: str, call: wants) -> Response:
        return call.page(names, "posts")

    @router.get("/r/{names}/comments")
    async def comments(names: str, call: wants) -> Response:
        return call.page(names, "comments")

    @router.get("/r/{name}/about")
    async def about(name: str, call: wants) -> Response:
        return call.about(name)

    @router.get("/comments/{post}")
    async def thread(post: str, call: wants) -> Response:
        return call.comments(post, None)

    @router.get("/comments/{post}/{_slug}/{comment}")
    async def thread_of_comment(post: str, _slug: str, comment: str, call: wants) -> Response:
        return call.comments(post, comment)

    @router.get("/api/morechildren")
    @router.post("/api/morechildren")
    async def more_children(call: wants) -> Response:
        return call.more_children()

    @router.get("/api/info")
    async def info(call: wants) -> Response:
        return call.info()

    return router


# ---- control, for who runs it from the command line ------------------------


class NowDocument(BaseModel):
    """Body of ``PUT /sandbox/now``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    now: AwareDatetime


def _control_router(state: SandboxState) -> APIRouter:
    router = APIRouter(prefix="/sandbox")

    @router.put("/now")
    async def set_now(told: NowDocument) -> Response:
        state.set_now(told.now)
        return as_json({"now": state.now.isoformat()})

    @router.post("/faults")
    async def add_fault(fault: Fault) -> Response:
        state.faults.add(fault)
        return as_json({"faults_left": state.faults.left_n})

    @router.delete("/faults")
    async def clear_faults() -> Response:
        state.faults.clear()
        return as_json({"faults_left": 0})

    @router.get("/calls")
    async def calls() -> Response:
        return as_json({"calls": state.calls, "token_calls": state.token_calls})

    return router
