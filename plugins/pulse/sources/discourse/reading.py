"""Which questions a forum is asked, and what the answers mean.

All public posts of a forum stand in one listing, newest first, fifty to a page, in which any post's id can be asked
for; ids grow with time, so the end of any day is found by halving. What a topic is called stands with its posts, how
often it was viewed in the list of topics. A topic shows twenty of its posts around a number, which is how they are
looked at again: a number that a topic does not show any more was taken down, or moved to another topic.

Three generations of the software mean three things by ``before=N``: posts below N; N and those below; or N and the 49
ids below it, of which none may be public. Pages go on from their lowest id, and past an empty one by fifty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from pulse.core.contract import Kind, Removal
from pulse.core.errors import BadCredentials, SourceError
from pulse.core.text import printable, words_in
from pulse.sources.context import SourceContext
from pulse.sources.discourse.credentials import DiscourseCredentials
from pulse.sources.discourse.entry import DiscourseEntry, DiscoursePolicy, account_at
from pulse.sources.html_text import text_of
from pulse.sources.live.extraction import Asking, Due, Members, Reached, back_from
from pulse.sources.live.fields import BadRecord, Fields, required
from pulse.sources.live.http import Endpoint, JsonAnswer, JsonApi
from pulse.sources.live.items import Item, NotSpeech, Understood, understood
from pulse.sources.live.paging import Progress
from pulse.sources.live.refusals import refusal, wrong_shape
from pulse.sources.live.response_cache import SealedPage

# Raised whenever something else comes out of the same records.
MAPPING_VERSION = 2
SERVICE = "the forum"
_POSTS = "/posts.json"
_PAGE_POSTS = 50
# Posts of a topic are shown around a number: a few before it, most from it on.
_SHOWN_FROM_IT = 15
_GONE = frozenset({403, 404, 410})
_LIKE = 2
_SMALL_ACTION, _WHISPER = 3, 4
_FIELDS = words_in(
    "id name username avatar_template uploaded_avatar_id created_at cooked post_number post_type updated_at "
    "posts_count reply_count reply_to_post_number quote_count avg_time incoming_link_count reads readers_count score "
    "yours topic_id topic_slug topic_title topic_html_title topic_archetype category_id _category_id display_username "
    "primary_group_name primary_group_flair_url primary_group_flair_bg_color primary_group_flair_color flair_name "
    "flair_url flair_bg_color flair_color flair_group_id version can_edit can_delete can_recover can_see_hidden_post "
    "can_wiki link_counts read user_title title_is_group bookmarked raw excerpt truncated post_url "
    "post_localizations_count "
    "actions_summary moderator admin staff group_moderator user_id hidden hidden_reason_id trust_level deleted_at "
    "deleted_by user_deleted edit_reason can_view_edit_history wiki notice action_code action_code_who "
    "action_code_path via_email is_auto_generated reply_to_user mentioned_users badges_granted user_suspended "
    "user_status user_created_at user_cakedate user_date_of_birth reactions current_user_reaction reaction_users_count "
    "current_user_used_main_reaction likeable can_accept_answer can_unaccept_answer accepted_answer "
    "topic_accepted_answer can_vote polls polls_votes event calendar_details reviewable_id reviewable_score_count "
    "reviewable_score_pending_count locale is_localized language can_translate retorts"
)


class DiscourseReader:
    """Reads one forum; see :class:`pulse.sources.live.extraction.Reader`."""

    def __init__(self, entry: DiscourseEntry) -> None:
        self._entry = entry

    def read_window(self, asking: Asking) -> Mapping[Kind, Reached]:
        """All public posts of the window."""
        about = _About(self._channels(asking), self._topics(asking))
        first = self._first_cursor(asking, about)

        def ask(cursor: str | None, _: Progress) -> SealedPage:
            return self._page(asking, about, first if cursor is None else int(cursor))

        reached = back_from(asking, f"posts of {self._entry.name}", ask, asking.start_at)
        return {"post": reached, "comment": reached}

    def look_again(self, asking: Asking, due: Sequence[Due]) -> int:
        """Topic by topic, those with the youngest of what is due first."""
        api = self._open(asking)
        channels = self._channels(asking)
        by_topic = {one.thread_id: one.created_at for one in reversed(due)}
        in_order = sorted(due, key=lambda one: (by_topic[one.thread_id], one.thread_id), reverse=True)
        return sum(
            self._look_at_topic(asking, api, channels, list(of_topic))
            for _, of_topic in groupby(in_order, key=lambda one: one.thread_id)
        )

    def members(self, asking: Asking) -> Members | None:
        """Accounts, and those that were there within a day; None where the forum keeps that to itself."""

        def stats(answer: JsonAnswer) -> dict[str, Any]:
            document = answer.document if isinstance(answer.document, dict) else {}
            if answer.status != 200 and document.get("error_type") == "invalid_access":
                return {"members_n": None, "active_n": None}
            self._require_shown(answer, "/about.json")
            about = document.get("about")
            if not isinstance(about, dict):
                raise wrong_shape(f"what {self._entry.name} says of itself", expected="`about`", service=SERVICE)
            told = about.get("stats")
            counts = told if isinstance(told, dict) else {}
            return {
                "members_n": _count(counts.get("users_count", counts.get("user_count"))),
                "active_n": _count(counts.get("active_users_last_day")),
            }

        found = asking.document("/about.json", {}, stats)
        return None if found["members_n"] is None else Members(found["members_n"], found["active_n"])

    # ---- the forum's parts -------------------------------------------------

    def _channels(self, asking: Asking) -> Mapping[int, str]:
        """Names of categories by their id, below their parent's name; numbers where none is told."""

        def names(answer: JsonAnswer) -> dict[str, Any]:
            self._require_shown(answer, "/site.json")
            told = answer.document.get("categories") if isinstance(answer.document, dict) else None
            if not isinstance(told, list):
                raise wrong_shape(f"site of {self._entry.name}", expected="`categories`", service=SERVICE)
            by_id = {
                one["id"]: one
                for one in told
                if isinstance(one, dict) and isinstance(one.get("id"), int) and isinstance(one.get("name"), str)
            }
            return {"channels": {str(one_id): _path_of(one_id, by_id) for one_id in by_id}}

        found = asking.document("/site.json", {}, names)["channels"]
        return {int(one_id): name for one_id, name in found.items()}

    def _topics(self, asking: Asking) -> Mapping[int, "_Topic"]:
        """The newest topics, back to the window's first, as far as the policy lets them be listed."""
        topics: dict[int, _Topic] = {}
        start = asking.start_at.timestamp()
        for page_n in range(asking.context.policy(DiscoursePolicy).topic_pages_per_run):
            params: dict[str, str | int] = {"order": "created", "page": page_n}
            page = asking.document("/latest.json", params, self._newest_topics)
            found = {int(topic_id): _Topic(*facts) for topic_id, facts in page["topics"].items()}
            topics |= found
            if not found or page["newest_s"] < start:
                break
        return topics

    def _newest_topics(self, answer: JsonAnswer) -> dict[str, Any]:
        self._require_shown(answer, "/latest.json")
        listed = answer.document.get("topic_list") if isinstance(answer.document, dict) else None
        told = listed.get("topics") if isinstance(listed, dict) else None
        if not isinstance(told, list):
            raise wrong_shape(f"topics of {self._entry.name}", expected="`topic_list`", service=SERVICE)
        topics, times = {}, []
        for one in told:
            try:
                fields = Fields(one)
                times.append(required(fields.time("created_at"), "created_at").timestamp())
                topics[str(required(fields.whole("id"), "id"))] = _Topic.of(fields).facts()
            except BadRecord:
                continue  # its posts are rows all the same
        return {"topics": topics, "newest_s": max(times, default=0.0)}

    # ---- the listing of posts ----------------------------------------------

    def _first_cursor(self, asking: Asking, about: "_About") -> int | None:
        """The id from which to go back: a little after the window's end; None for the newest post.

        Steps back are doubled until they lead behind the window's end, then halved between the last two.
        """
        end_s = asking.window.end_at.timestamp()

        def is_later(before: int | None) -> bool:
            newest_s = self._page(asking, about, before).oldest_s
            return newest_s is not None and newest_s >= end_s

        top = self._page(asking, about, None)
        if top.after is None or top.oldest_s is None or top.oldest_s < end_s:
            return None
        later, earlier, step = None, int(top.after), _PAGE_POSTS
        while earlier > 1 and is_later(earlier):
            later, earlier, step = earlier, max(earlier - step, 1), step * 2
        while later is not None and later - earlier > 2 * _PAGE_POSTS:
            middle = (later + earlier) // 2
            later, earlier = (middle, earlier) if is_later(middle) else (later, middle)
        return later

    def _page(self, asking: Asking, about: "_About", before: int | None) -> SealedPage:
        params = {} if before is None else {"before": before}
        return asking.page(_POSTS, params, partial(self._posts, about=about, before=before))

    def _posts(self, answer: JsonAnswer, *, about: "_About", before: int | None) -> tuple[Understood, str | None]:
        self._require_shown(answer, _POSTS)
        posts = answer.document.get("latest_posts") if isinstance(answer.document, dict) else None
        if not isinstance(posts, list):
            raise wrong_shape(f"posts of {self._entry.name}", expected="`latest_posts`", service=SERVICE)
        ids = [post["id"] for post in posts if isinstance(post, dict) and isinstance(post.get("id"), int)]
        if before is not None and any(one > before for one in ids):
            raise wrong_shape(f"posts of {self._entry.name}", expected=f"posts up to {before}", service=SERVICE)
        found = self._understood(posts, partial(self._post, about=about))
        lower = [one for one in ids if before is None or one < before]
        # A page is behind the window when all of it is: a post that was moved stands among younger ones.
        found = replace(found, oldest_s=found.newest_s)
        if before is None and not lower:
            return found, None
        after = min(lower) if lower else (before or 0) - _PAGE_POSTS
        return found, str(after) if after > 1 else None

    # ---- looking again -----------------------------------------------------

    def _look_at_topic(self, asking: Asking, api: JsonApi, channels: Mapping[int, str], due: Sequence[Due]) -> int:
        """Ask until each due number was shown, or is known to be gone; returns how many the forum did not give."""
        wanted = {_number_of(one): one for one in due}
        topic_id = due[0].thread_id.partition("/")[0]
        is_begun = False
        while wanted:
            number = min(wanted)
            around = number if is_begun or number > _SHOWN_FROM_IT else None
            is_begun = True
            path = f"/t/{topic_id}.json" if around is None else f"/t/{topic_id}/{around}.json"
            parse = partial(self._topic, channels=channels, wanted=wanted, around=around)
            page = asking.page(path, {}, parse, api=api, notes=lambda answer: {"status": answer.status})
            if page.notes["status"] == 404 and not page.ids:
                return self._look_at_post(asking, api, wanted, f"/posts/by_number/{topic_id}/{number}.json")
            if page.notes["status"] == 403:
                return len(wanted)
            for shown in page.ids:
                wanted.pop(int(shown.partition("/")[2] or 0), None)
            if around is not None:
                wanted.pop(around, None)
        return 0

    def _look_at_post(self, asking: Asking, api: JsonApi, wanted: Mapping[int, Due], path: str) -> int:
        """Whether a topic that is not found was taken down (404 again) or hidden from us (403)."""

        def parse(answer: JsonAnswer) -> tuple[Understood, None]:
            return self._gone(wanted.values() if answer.status in {404, 410} else ()), None

        return len(wanted) - len(asking.page(path, {}, parse, api=api).ids)

    def _topic(
        self, answer: JsonAnswer, *, channels: Mapping[int, str], wanted: Mapping[int, Due], around: int | None
    ) -> tuple[Understood, None]:
        """Posts of a topic around a number, or its first ones, and what is gone of those that should stand there."""
        if answer.status != 200:
            return self._gone(wanted.values() if answer.status == 410 else ()), None
        document = answer.document
        stream = document.get("post_stream") if isinstance(document, dict) else None
        posts = stream.get("posts") if isinstance(stream, dict) else None
        if not isinstance(posts, list):
            raise wrong_shape(f"a topic of {self._entry.name}", expected="`post_stream`", service=SERVICE)
        try:
            fields = Fields(document)
            topic = _Topic.of(fields)
            about = _About(channels, {required(fields.whole("id"), "id"): topic}, fields.text("title"))
        except BadRecord:
            raise wrong_shape(f"a topic of {self._entry.name}", expected="title, id, views", service=SERVICE) from None
        numbers = (one.get("post_number") for one in posts if isinstance(one, dict))
        shown = {one for one in numbers if isinstance(one, int)}
        # All that a topic has between two posts that it shows stands here, and so does the number that was asked for.
        first = 1 if around is None else min(shown | {around})
        last = max(shown | {around or 0})
        gone = [_Gone(due) for one, due in wanted.items() if first <= one <= last and one not in shown]
        return self._understood([*posts, *gone], partial(self._post, about=about)), None

    def _gone(self, due: Any) -> Understood:
        return self._understood([_Gone(one) for one in due], partial(self._post, about=_About({}, {})))

    # ---- a post ------------------------------------------------------------

    def _understood(self, posts: Sequence[object], understand: Any) -> Understood:
        return understood(posts, understand, community=self._entry.community, known_fields=_FIELDS)

    def _post(self, fields: Fields, *, about: "_About") -> Item:
        if isinstance(fields.document, _Gone):
            return fields.document.due.gone(self._entry, "by_moderator")
        created_at = required(fields.time("created_at"), "created_at")
        if fields.whole("post_type") in {_SMALL_ACTION, _WHISPER}:
            raise NotSpeech(created_at)
        topic_id, number = (
            required(fields.whole("topic_id"), "topic_id"),
            required(fields.whole("post_number"), "number"),
        )
        required(fields.whole("id"), "id")
        topic = about.topics.get(topic_id)
        is_first = number == 1
        answered = fields.whole("reply_to_post_number") or 1
        title = fields.text("topic_title")
        removal = _removal_of(fields)
        category_id = fields.whole("category_id") or (topic.category_id if topic else None)
        return Item(
            id=f"{topic_id}/{number}",
            kind="post" if is_first else "comment",
            community=self._entry.community,
            channel=None if category_id is None else about.channels.get(category_id, f"category {category_id}"),
            created_at=created_at,
            edited_at=fields.time("updated_at") if (fields.whole("version") or 1) > 1 else None,
            thread_id=f"{topic_id}/1",
            parent_id=None if is_first else f"{topic_id}/{answered}",
            title=(about.title if title is None else title) if is_first else None,
            body=text_of(fields.text("cooked") or ""),
            permalink=f"https://{self._entry.name}/t/{topic_id}/{number}",
            tags=topic.tags if topic is not None and is_first else (),
            author=self._author(fields),
            role=_role_of(fields),
            score=_likes_of(fields),
            reply_count=_replies_to_topic(fields, topic) if is_first else fields.whole("reply_count"),
            view_count=topic.views if topic is not None and is_first else None,
            reactions=_reactions_of(fields),
            removal=removal,
            is_accepted_answer=None if is_first else fields.flag("accepted_answer"),
        )

    def _author(self, fields: Fields) -> str | None:
        name = fields.text("username")
        return account_at(name, self._entry.community) if name else None

    # ---- access ------------------------------------------------------------

    def _open(self, asking: Asking) -> JsonApi:
        """The same forum, where it may say of a thing that it is not there."""
        return asking.open(replace(endpoint_of(self._entry, asking.context), answer_statuses=_GONE))

    def _require_shown(self, answer: JsonAnswer, path: str) -> None:
        """Refuse an answer that shows nothing, and say so where the forum shows nothing to anybody without a login."""
        if answer.status == 200:
            return
        document = answer.document if isinstance(answer.document, dict) else {}
        if document.get("error_type") == "not_logged_in":
            raise SourceError(
                f"forum {self._entry.name}", value="shows itself only to who is logged in",
                next_step=f"set `needs_key` in its entry, and {DiscourseCredentials.how}; or take it out of the config",
            )  # fmt: skip
        errors = document.get("errors")
        reason = printable(str(errors[0]), max_chars=200) if isinstance(errors, list) and errors else ""
        if self._entry.needs_key:
            raise BadCredentials(
                f"forum {self._entry.name}", value=f"HTTP {answer.status}, {reason}",
                next_step="check that the key is not revoked, and that its account may read",
            )  # fmt: skip
        raise refusal(f"forum {self._entry.name}", path, answer.status, reason=reason, credentials="")


class _Gone(dict[str, Any]):
    """In place of a post that is not there any more."""

    def __init__(self, due: Due) -> None:
        super().__init__(id=due.contribution_id)
        self.due = due


class _Topic:
    """What the list of topics tells of one."""

    def __init__(self, views: int | None, posts_n: int | None, category_id: int | None, tags: Sequence[str]) -> None:
        self.views, self.posts_n, self.category_id, self.tags = views, posts_n, category_id, tuple(tags)

    @classmethod
    def of(cls, fields: Fields) -> "_Topic":
        tags = [one.get("name") if isinstance(one, dict) else one for one in fields.items("tags") or ()]
        return cls(
            fields.whole("views"), fields.whole("posts_count"), fields.whole("category_id"),
            [one for one in tags if isinstance(one, str)],
        )  # fmt: skip

    def facts(self) -> list[Any]:
        """As JSON takes it."""
        return [self.views, self.posts_n, self.category_id, list(self.tags)]


class _About:
    """What is known beside a post: names of categories, topics, and the title of the one topic that was asked for."""

    def __init__(self, channels: Mapping[int, str], topics: Mapping[int, _Topic], title: str | None = None) -> None:
        self.channels, self.topics, self.title = channels, topics, title


def endpoint_of(entry: DiscourseEntry, context: SourceContext) -> Endpoint:
    """A forum's address, with its key if it needs one.

    Raises:
        ConfigError: a key is needed and none is given, or it is another forum's.
    """
    headers = context.credentials(DiscourseCredentials).headers_for(entry.address) if entry.needs_key else {}
    return Endpoint(
        SERVICE, entry.address, headers=headers, answer_statuses=frozenset({403}),
        credentials_hint=f"check the key: {DiscourseCredentials.how}",
    )  # fmt: skip


def _number_of(due: Due) -> int:
    return int(due.contribution_id.partition("/")[2])


def _path_of(category_id: int, by_id: Mapping[int, Mapping[str, Any]]) -> str:
    """A category's name below its parents'; they lie three deep at most."""
    names: list[str] = []
    one = by_id.get(category_id)
    while one is not None and len(names) < 3:
        names.insert(0, str(one["name"]))
        parent_id = one.get("parent_category_id")
        one = by_id.get(parent_id) if isinstance(parent_id, int) else None
    return " / ".join(names)


def _removal_of(fields: Fields) -> Removal:
    """Who took it down: authors leave a notice that stands for a day, flags of others hide a post."""
    if fields.flag("user_deleted"):
        return "by_author"
    return "by_moderator" if fields.text("deleted_at") or fields.flag("hidden") else "none"


def _role_of(fields: Fields) -> Any:
    """The forum's own accounts have negative ids."""
    if (fields.whole("user_id") or 0) < 0:
        return "bot"
    return "moderator" if any(fields.flag(name) for name in ("staff", "admin", "moderator")) else None


def _likes_of(fields: Fields) -> int | None:
    """Likes; a kind of action that nobody took is not in the list."""
    actions = fields.items("actions_summary")
    if actions is None:
        return None
    of_kind = {one.whole("id"): one.whole("count") for one in map(Fields, actions)}
    return of_kind.get(_LIKE) or 0


def _reactions_of(fields: Fields) -> Mapping[str, int] | None:
    """By emoji; None where the forum has no plugin for them."""
    reactions = fields.items("reactions")
    if reactions is None:
        return None
    told = [(one.text("id"), one.whole("count")) for one in map(Fields, reactions)]
    return {name: count for name, count in told if name and count}


def _replies_to_topic(fields: Fields, topic: _Topic | None) -> int | None:
    """All posts of a topic but the first, as the forum counts them."""
    posts_n = fields.whole("posts_count")
    if posts_n is None and topic is not None:
        posts_n = topic.posts_n
    return None if posts_n is None else max(posts_n - 1, 0)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
