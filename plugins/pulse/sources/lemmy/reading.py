"""Which questions a community's home instance is asked, and what the answers mean.

Posts and comments stand in two listings, newest first, fifty to a page. They are read back to the window, and on to
what is due to be seen again: a page brings what fifty single questions would. Version 4 of the API (Lemmy 1.0) goes on
by cursors, version 3 (0.19) by numbers of pages; version 4 is asked first.

Listings show comments that are gone, marked, and leave such posts out; a post that its home does not find is gone, and
its comments tell by whom. Pinned posts head the listing whatever their age.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pulse.core.contract import AuthorRole, Kind, Removal
from pulse.core.errors import SourceError
from pulse.core.text import words_in
from pulse.sources.lemmy.entry import LemmyEntry, LemmyPolicy
from pulse.sources.live.extraction import Asking, Due, Members, Reached
from pulse.sources.live.fields import BadRecord, Fields, required
from pulse.sources.live.http import Endpoint, JsonAnswer, JsonApi
from pulse.sources.live.items import Item, Understood, understood
from pulse.sources.live.paging import Listing, Progress
from pulse.sources.live.refusals import refusal, wrong_shape
from pulse.sources.live.response_cache import SealedPage

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 1
SERVICE = "Lemmy"
MOST_ITEMS = 50
NOT_FOUND = frozenset({400, 404})
NOT_FOUND_ERRORS = frozenset({"not_found", "couldnt_find_post", "couldnt_find_comment"})
_VIEW_FIELDS = words_in(
    "post comment creator community counts subscribed saved read hidden creator_blocked unread_comments my_vote "
    "creator_banned_from_community banned_from_community creator_is_moderator creator_is_admin creator_banned "
    "image_details can_mod tags community_actions person_actions post_actions comment_actions "
    "creator_community_actions creator_home_instance_actions creator_local_instance_actions instance_actions "
    "instance_communities_actions instance_persons_actions home_instance_actions local_instance_actions "
    "creator_local_user post_tags creator_ban_expires_at creator_community_ban_expires_at"
)


@dataclass(frozen=True)
class _Home:
    """A community as its home knows it, and in which version of the API."""

    version: int
    community_id: int
    members_n: int | None
    active_n: int | None

    @property
    def api(self) -> str:
        return f"/api/v{self.version}"


class LemmyReader:
    """Reads one community; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: LemmyEntry) -> None:
        self._entry = entry
        self._found: _Home | None = None

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All posts and comments of the window."""
        reached: dict[Kind, Reached] = {}
        for kind in ("post", "comment"):
            reached[kind], _ = self._read(asking, kind, asking.start_at)
        return reached

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """By the listings, back to the oldest of what is due; then, one by one, what they did not show."""
        wanted = {one.contribution_id: one for one in due}
        for kind in ("post", "comment"):
            times = [one.created_at for one in due if one.is_post == (kind == "post")]
            if not times:
                continue
            _, listing = self._read(asking, kind, min(times))
            for one_id in listing.progress.ids:
                wanted.pop(one_id, None)
            if listing.spent is not None:
                raise listing.spent
        limit_n = asking.context.policy(LemmyPolicy).item_calls_per_run
        api = asking.open(replace(endpoint_of(self._entry), answer_statuses=NOT_FOUND)) if wanted else asking.api
        shown_n = sum(self._is_shown(asking, api, one) for one in list(wanted.values())[:limit_n])
        return len(wanted) - shown_n

    def members(self, asking: Asking) -> Members | None:
        """Subscribers everywhere, as the home knows them, and accounts that were active within a day."""
        home = self._home(asking)
        return None if home.members_n is None else Members(home.members_n, home.active_n)

    # ---- the community -----------------------------------------------------

    def _home(self, asking: Asking) -> _Home:
        """The community's id, asked for once; an instance that does not know version 4 is asked in version 3."""
        if self._found is not None:
            return self._found
        params = {"name": self._entry.local_name}
        api = asking.open(replace(endpoint_of(self._entry), answer_statuses=frozenset({404})))
        found = asking.document("/api/v4/community", params, partial(self._community, version=4), api=api)
        if found["community_id"] is None:
            found = asking.document("/api/v3/community", params, partial(self._community, version=3))
        self._found = _Home(found["version"], found["community_id"], found["members_n"], found["active_n"])
        return self._found

    def _community(self, answer: JsonAnswer, *, version: int) -> dict[str, Any]:
        document = answer.document if isinstance(answer.document, dict) else {}
        if answer.status == 404:
            # Where version 4 is not known, nobody says "not found" but the web server, in whatever words.
            error = document.get("error")
            if error in {None, "unknown"}:
                return {"version": None, "community_id": None}
            raise refusal(
                f"{SERVICE} at {self._entry.instance}", "/api/v4/community", 404, reason=str(error), credentials=""
            )
        try:
            view = required(Fields(document).inside("community_view"), "community_view")
            community = required(view.inside("community"), "community")
            counts = view.inside("counts") or community
            is_local = community.flag("local")
            facts = {
                "version": version,
                "community_id": required(community.whole("id"), "id"),
                "members_n": counts.whole("subscribers"),
                "active_n": counts.whole("users_active_day"),
            }
        except BadRecord:
            raise wrong_shape(f"community {self._entry.name}", expected="`community_view`", service=SERVICE) from None
        if is_local is False:
            raise SourceError(
                f"community {self._entry.name}", value="is a copy of another instance's there",
                next_step="name the instance where it is at home: copies miss votes and comments",
            )  # fmt: skip
        return facts

    # ---- listings ----------------------------------------------------------

    def _read(self, asking: Asking, kind: Kind, until: datetime) -> tuple[Reached, Listing]:
        """One listing from its beginning back to a time."""
        home = self._home(asking)
        path = f"{home.api}/{kind}/list"

        def ask(cursor: str | None, known: Progress) -> SealedPage:
            params: dict[str, str | int] = {"community_id": home.community_id, "limit": MOST_ITEMS}
            if home.version == 3:
                params |= {"sort": "New", "type_": "All", "page": cursor or 1}
            else:
                params |= {"sort": "new", "type_": "all"} | ({"page_cursor": cursor} if cursor else {})
            # The forms of version 4 before its release differ in this; what is not known there is not looked at.
            if home.version == 4 and kind == "comment":
                params["community_name_or_id"] = home.community_id
            if kind == "post":
                params["show_nsfw"] = "true"
            parse = partial(
                self._page, kind=kind, home=home, known=known, page_n=int(cursor or 1) if home.version == 3 else 0
            )
            return asking.page(path, params, parse)

        listing = Listing(ask)
        reached = asking.walk_back(listing, until)
        if reached.reason:
            reached = Reached(reached.since, f"{kind}s of {self._entry.name}: {reached.reason}")
        return reached, listing

    def _page(
        self, answer: JsonAnswer, *, kind: Kind, home: _Home, known: Progress, page_n: int
    ) -> tuple[Understood, str | None]:
        document = answer.document if isinstance(answer.document, dict) else {}
        views = document.get("items", document.get(f"{kind}s"))
        if not isinstance(views, list):
            raise wrong_shape(f"{kind}s of {self._entry.name}", expected=f"`{kind}s` or `items`", service=SERVICE)
        if any(_community_of(view) not in {None, home.community_id} for view in views):
            raise wrong_shape(f"{kind}s of {self._entry.name}", expected="those of this community", service=SERVICE)
        found = self._understood(views, self._post if kind == "post" else self._comment)
        after = (str(page_n + 1) if views else None) if home.version == 3 else document.get("next_page")
        known.require_new(f"{kind}s of {self._entry.name}", found.ids, after)
        return replace(found, oldest_s=_newest_unpinned_s(views)), after if isinstance(after, str) else None

    # ---- single things -----------------------------------------------------

    def _is_shown(self, asking: Asking, api: JsonApi, due: Due) -> bool:
        """Ask for one thing that the listings did not show; a post that is not found is gone."""
        home, number = self._home(asking), int(due.contribution_id.partition("/")[2])
        kind = "post" if due.is_post else "comment"
        by = self._who_took_it_down(asking, api, home, number) if due.is_post else "by_moderator"

        def parse(answer: JsonAnswer) -> tuple[Understood, None]:
            document = answer.document if isinstance(answer.document, dict) else {}
            if answer.status != 200:
                self._require_not_found(document, kind, answer.status)
                return self._gone(due, by), None
            view = document.get(f"{kind}_view")
            if _community_of(view) != home.community_id:
                return self._understood((), self._post), None
            return self._understood([view], self._post if due.is_post else self._comment), None

        return bool(asking.page(f"{home.api}/{kind}", {"id": number}, parse, api=api).ids)

    def _who_took_it_down(self, asking: Asking, api: JsonApi, home: _Home, post_id: int) -> Removal:
        """Who took a post down, if it is gone: as its copy beside its comments says; its author where it has none."""

        def flags(answer: JsonAnswer) -> dict[str, Any]:
            document = answer.document if isinstance(answer.document, dict) else {}
            views = document.get("items", document.get("comments"))
            post = views[0].get("post") if isinstance(views, list) and views and isinstance(views[0], dict) else None
            return {"is_removed": isinstance(post, dict) and post.get("removed") is True}

        params: dict[str, str | int] = {
            "post_id": post_id, "limit": 1,
            "sort": "New" if home.version == 3 else "new", "type_": "All" if home.version == 3 else "all",
        }  # fmt: skip
        found = asking.document(f"{home.api}/comment/list", params, flags, api=api)
        return "by_moderator" if found["is_removed"] else "by_author"

    def _require_not_found(self, document: Mapping[str, Any], kind: str, status: int) -> None:
        error = str(document.get("error", ""))
        if error not in NOT_FOUND_ERRORS:
            raise refusal(f"{SERVICE} at {self._entry.instance}", f"/{kind}", status, reason=error[:40], credentials="")

    def _gone(self, due: Due, by: Removal) -> Understood:
        item = due.gone(self._entry, by)
        return self._understood([{}], lambda _: item)

    # ---- records -----------------------------------------------------------

    def _understood(self, views: Sequence[object], understand: Callable[[Fields], Item]) -> Understood:
        return understood(views, understand, community=self._entry.community, known_fields=_VIEW_FIELDS)

    def _post(self, view: Fields) -> Item:
        post = required(view.inside("post"), "post")
        counts = view.inside("counts") or post
        post_id = f"post/{required(post.whole('id'), 'id')}"
        return Item(
            id=post_id,
            kind="post",
            community=self._entry.community,
            created_at=_published(post),
            edited_at=post.time("updated_at") or post.time("updated"),
            thread_id=post_id,
            title=post.text("name"),
            body=post.text("body"),
            url=post.text("url"),
            permalink=f"https://{self._entry.instance}/{post_id}",
            tags=_tags_of(view),
            author=_author_of(view),
            role=_role_of(view),
            score=counts.whole("score"),
            upvote_ratio=_upvote_ratio(counts),
            reply_count=counts.whole("comments"),
            removal=_removal_of(post),
        )

    def _comment(self, view: Fields) -> Item:
        comment = required(view.inside("comment"), "comment")
        counts = view.inside("counts") or comment
        number = required(comment.whole("id"), "id")
        thread_id = f"post/{required(comment.whole('post_id'), 'post_id')}"
        above = required(comment.text("path"), "path").split(".")
        if above[-1] != str(number):
            raise BadRecord("path_of_another", f"{number} in {'.'.join(above)[:40]}")
        return Item(
            id=f"comment/{number}",
            kind="comment",
            community=self._entry.community,
            created_at=_published(comment),
            edited_at=comment.time("updated_at") or comment.time("updated"),
            thread_id=thread_id,
            parent_id=f"comment/{int(above[-2])}" if len(above) > 2 and above[-2].isdigit() else thread_id,
            body=comment.text("content"),
            permalink=f"https://{self._entry.instance}/comment/{number}",
            author=_author_of(view),
            role=_role_of(view),
            score=counts.whole("score"),
            upvote_ratio=_upvote_ratio(counts),
            reply_count=counts.whole("child_count"),
            removal=_removal_of(comment),
        )


def endpoint_of(entry: LemmyEntry) -> Endpoint:
    """The home instance; some versions ask for a pause with another status than 429."""
    return Endpoint(SERVICE, (entry.url or f"https://{entry.instance}").rstrip("/"), is_rate_limit=_is_rate_limit)


def _is_rate_limit(status: int, document: object) -> bool:
    error = document.get("error") if isinstance(document, dict) else None
    return status == 429 or (status == 400 and isinstance(error, str) and error.startswith("rate_limit"))


def _community_of(view: object) -> int | None:
    community = view.get("community") if isinstance(view, dict) else None
    found = community.get("id") if isinstance(community, dict) else None
    return found if isinstance(found, int) else None


def _newest_unpinned_s(views: Sequence[object]) -> float | None:
    """When the newest thing of a page was created that stands there for its age: all behind it is older."""
    times = []
    for view in views:
        try:
            fields = Fields(view)
            one = required(fields.inside("comment") or fields.inside("post"), "post")
            if not (one.flag("featured_community") or one.flag("featured_local")):
                times.append(_published(one).timestamp())
        except BadRecord:
            continue
    return max(times, default=None)


def _published(one: Fields) -> datetime:
    return required(one.time("published_at") or one.time("published"), "published")


def _author_of(view: Fields) -> str | None:
    """A person's name with the home that the account's own address tells; None once the account was deleted."""
    creator = view.inside("creator")
    if creator is None or creator.flag("deleted"):
        return None
    name, address = creator.text("name"), creator.text("ap_id") or creator.text("actor_id")
    if not name or not address:
        return None
    try:
        home = urlsplit(address).hostname
    except ValueError:
        home = None
    return f"{name}@{required(home, 'home_of_author')}"


def _role_of(view: Fields) -> AuthorRole | None:
    creator = view.inside("creator")
    if creator is not None and creator.flag("bot_account"):
        return "bot"
    is_moderator = view.flag("creator_is_moderator") or view.flag("creator_is_admin")
    return "moderator" if is_moderator or (creator is not None and creator.flag("admin")) else None


def _upvote_ratio(counts: Fields) -> float | None:
    """None where nobody voted."""
    up_n, down_n = counts.whole("upvotes"), counts.whole("downvotes")
    if up_n is None or down_n is None or up_n < 0 or down_n < 0 or up_n + down_n == 0:
        return None
    return up_n / (up_n + down_n)


def _removal_of(one: Fields) -> Removal:
    return "by_author" if one.flag("deleted") else "by_moderator" if one.flag("removed") else "none"


def _tags_of(view: Fields) -> Sequence[str]:
    names = (one.text("display_name") or one.text("name") for one in map(Fields, view.items("tags") or ()))
    return [name for name in names if name]
