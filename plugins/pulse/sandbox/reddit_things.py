"""How Reddit wraps a record: things and listings, with every key that its answers have.

A record's own fields always win; what is added has the value that a plain public contribution has. Where an old
archive does not know a count, the answer says null: a made-up zero would be believed.
"""

import html
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pulse.sandbox.reddit_catalogue import Item
from pulse.sandbox.reddit_data import CommunityFacts, RedditData

SITE = "https://www.reddit.com"
Thing = dict[str, Any]
_PARAGRAPHS = re.compile(r"\n\s*\n")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_EITHER: dict[str, Any] = {
    "all_awardings": [],
    "approved_at_utc": None,
    "approved_by": None,
    "archived": False,
    "author": "[deleted]",
    "author_flair_background_color": None,
    "author_flair_css_class": None,
    "author_flair_richtext": [],
    "author_flair_template_id": None,
    "author_flair_text": None,
    "author_flair_text_color": None,
    "author_flair_type": "text",
    "author_is_blocked": False,
    "author_patreon_flair": False,
    "author_premium": False,
    "awarders": [],
    "banned_at_utc": None,
    "banned_by": None,
    "can_gild": False,
    "can_mod_post": False,
    "distinguished": None,
    "downs": 0,
    "edited": False,
    "gilded": 0,
    "gildings": {},
    "likes": None,
    "locked": False,
    "mod_note": None,
    "mod_reason_by": None,
    "mod_reason_title": None,
    "mod_reports": [],
    "no_follow": True,
    "num_reports": None,
    "removal_reason": None,
    "report_reasons": None,
    "saved": False,
    "score": None,
    "send_replies": True,
    "stickied": False,
    "subreddit_type": "public",
    "top_awarded_type": None,
    "total_awards_received": 0,
    "treatment_tags": [],
    "user_reports": [],
}
# A count that the archive lacks is null here; the API itself always tells one.
_POST: dict[str, Any] = {
    "allow_live_comments": False,
    "category": None,
    "clicked": False,
    "content_categories": None,
    "contest_mode": False,
    "discussion_type": None,
    "domain": "",
    "hidden": False,
    "hide_score": False,
    "is_created_from_ads_ui": False,
    "is_crosspostable": True,
    "is_meta": False,
    "is_original_content": False,
    "is_reddit_media_domain": False,
    "is_robot_indexable": True,
    "is_self": False,
    "is_video": False,
    "link_flair_background_color": "",
    "link_flair_css_class": None,
    "link_flair_richtext": [],
    "link_flair_text": None,
    "link_flair_text_color": "dark",
    "link_flair_type": "text",
    "media": None,
    "media_embed": {},
    "media_only": False,
    "num_comments": None,
    "num_crossposts": None,
    "over_18": False,
    "parent_whitelist_status": None,
    "pinned": False,
    "pwls": None,
    "quarantine": False,
    "removed_by": None,
    "removed_by_category": None,
    "secure_media": None,
    "secure_media_embed": {},
    "selftext": "",
    "spoiler": False,
    "subreddit_subscribers": None,
    "suggested_sort": None,
    "thumbnail": "",
    "thumbnail_height": None,
    "thumbnail_width": None,
    "upvote_ratio": None,
    "url": None,
    "view_count": None,
    "visited": False,
    "whitelist_status": None,
    "wls": None,
}
_COMMENT: dict[str, Any] = {
    "associated_award": None,
    "body": "",
    "collapsed": False,
    "collapsed_because_crowd_control": None,
    "collapsed_reason": None,
    "collapsed_reason_code": None,
    "comment_type": None,
    "controversiality": 0,
    "is_submitter": False,
    "replies": "",
    "score_hidden": False,
    "unrepliable_reason": None,
}
_COMMUNITY: dict[str, Any] = {
    "accounts_active_is_fuzzed": False,
    "advertiser_category": "",
    "all_original_content": False,
    "allow_chat_post_creation": False,
    "allow_discovery": True,
    "allow_galleries": True,
    "allow_images": True,
    "allow_polls": True,
    "allow_predictions": False,
    "allow_videogifs": True,
    "allow_videos": True,
    "banner_background_color": "",
    "banner_background_image": "",
    "banner_img": "",
    "banner_size": None,
    "can_assign_link_flair": False,
    "can_assign_user_flair": False,
    "collapse_deleted_comments": False,
    "comment_score_hide_mins": 0,
    "community_icon": "",
    "disable_contributor_requests": False,
    "emojis_custom_size": None,
    "emojis_enabled": False,
    "free_form_reports": True,
    "has_menu_widget": False,
    "header_img": None,
    "header_size": None,
    "header_title": None,
    "hide_ads": False,
    "icon_img": "",
    "icon_size": None,
    "is_chat_post_feature_enabled": False,
    "is_crosspostable_subreddit": True,
    "is_enrolled_in_new_modmail": None,
    "key_color": "",
    "lang": "en",
    "link_flair_enabled": True,
    "link_flair_position": "right",
    "mobile_banner_image": "",
    "notification_level": None,
    "original_content_tag_enabled": False,
    "over18": False,
    "primary_color": "",
    "public_description_html": None,
    "public_traffic": False,
    "quarantine": False,
    "restrict_commenting": False,
    "restrict_posting": True,
    "show_media": True,
    "show_media_preview": True,
    "spoilers_enabled": True,
    "submission_type": "any",
    "submit_link_label": None,
    "submit_text": "",
    "submit_text_html": None,
    "submit_text_label": None,
    "subreddit_type": "public",
    "suggested_comment_sort": None,
    "user_can_flair_in_sr": None,
    "user_flair_background_color": None,
    "user_flair_css_class": None,
    "user_flair_enabled_in_sr": False,
    "user_flair_position": "right",
    "user_flair_richtext": [],
    "user_flair_template_id": None,
    "user_flair_text": None,
    "user_flair_text_color": None,
    "user_flair_type": "text",
    "user_has_favorited": None,
    "user_is_banned": None,
    "user_is_contributor": None,
    "user_is_moderator": None,
    "user_is_muted": None,
    "user_is_subscriber": None,
    "user_sr_flair_enabled": None,
    "user_sr_theme_enabled": True,
    "videostream_links_count": 0,
    "whitelist_status": None,
    "wiki_enabled": False,
    "wls": None,
}


class ThingMaker:
    """Makes the things of one data source as they are at one time."""

    def __init__(self, data: RedditData, now: datetime) -> None:
        self._data = data
        self._now = now
        # A page has many things of few communities, and comments of few threads.
        self._community_ids: dict[str, str | None] = {}
        self._threads: dict[str, dict[str, Any]] = {}

    def in_listing(self, item: Item) -> Thing:
        """A post, or a comment with what the listing of a community tells about its thread."""
        if item.is_post:
            return self.post(item)
        return {"kind": "t1", "data": self._thread_facts(item) | self._comment(item)}

    def post(self, item: Item) -> Thing:
        """A post."""
        made = _EITHER | _POST | self._common(item)
        made["selftext_html"] = as_html(made["selftext"], fence=True) if made["selftext"] else None
        return {"kind": "t3", "data": made}

    def plain_comment(self, item: Item) -> Thing:
        """A comment without its thread, as it is asked for by its id."""
        return {"kind": "t1", "data": self._comment(item)}

    def in_tree(self, item: Item, *, depth: int, replies: Sequence[Thing] = ()) -> Thing:
        """A comment below its post, with its place in the tree; ``replies`` is "" where there are none."""
        made = self._comment(item) | {"depth": depth}
        if replies:
            made["replies"] = listing(replies)
        return {"kind": "t1", "data": made}

    def _comment(self, item: Item) -> dict[str, Any]:
        made = _EITHER | _COMMENT | self._common(item)
        made["body_html"] = as_html(made["body"] or "")
        return made

    def _common(self, item: Item) -> dict[str, Any]:
        """The record with what all things have; what old archives lack, or have as null, is filled in."""
        made = self._data.record(item, self._now)
        score = made["ups"] if made.get("score") is None and "ups" in made else made.get("score")
        return made | {
            "name": item.full_id,
            "created": item.created_s,
            "created_utc": item.created_s,
            "subreddit_id": made.get("subreddit_id") or self._community_id(item.community),
            "subreddit_name_prefixed": made.get("subreddit_name_prefixed") or f"r/{made['subreddit']}",
            "permalink": made.get("permalink") or _permalink(item, made["subreddit"]),
            "score": score,
            "ups": made.get("ups", score),
        }

    def _community_id(self, name: str) -> str | None:
        if name not in self._community_ids:
            community = self._data.community(name, self._now)
            self._community_ids[name] = community.full_id if community else None
        return self._community_ids[name]

    def _thread_facts(self, comment: Item) -> dict[str, Any]:
        """What a comment tells of its thread; not to be changed."""
        if comment.thread_id not in self._threads:
            self._threads[comment.thread_id] = self._made_thread_facts(comment)
        return self._threads[comment.thread_id]

    def _made_thread_facts(self, comment: Item) -> dict[str, Any]:
        thread = self._data.catalogue.get(comment.thread_id)
        if thread is None:
            return _unknown_thread(comment)
        post = self.post(thread)["data"]
        permalink = SITE + post["permalink"]
        return {
            "link_title": post["title"],
            "link_author": post["author"],
            "link_permalink": permalink,
            "link_url": post["url"] or permalink,
            "num_comments": post["num_comments"],
            "over_18": post["over_18"],
            "quarantine": post["quarantine"],
        }


def _permalink(item: Item, community: str) -> str:
    """As :func:`pulse.sources.reddit.mapping.RedditMapping.contract_select` makes it where a record has none."""
    comment = "" if item.is_post else f"_/{item.full_id[3:]}/"
    return f"/r/{community}/comments/{item.thread_id[3:]}/{comment}"


def _unknown_thread(comment: Item) -> dict[str, Any]:
    permalink = f"{SITE}/comments/{comment.thread_id[3:]}/"
    return {
        "link_title": "[deleted by user]",
        "link_author": "[deleted]",
        "link_permalink": permalink,
        "link_url": permalink,
        "num_comments": None,
        "over_18": False,
        "quarantine": False,
    }


def community_thing(facts: CommunityFacts) -> Thing:
    """A community, as ``about`` tells of it."""
    text = f"All about {facts.topic}." if facts.topic else ""
    return {
        "kind": "t5",
        "data": _COMMUNITY
        | {
            "id": facts.full_id.removeprefix("t5_"),
            "name": facts.full_id,
            "display_name": facts.name,
            "display_name_prefixed": f"r/{facts.name}",
            "title": facts.name,
            "url": f"/r/{facts.name}/",
            "description": text,
            "description_html": as_html(text, fence=True),
            "public_description": text,
            "subscribers": facts.members_n,
            "accounts_active": facts.active_n,
            "active_user_count": facts.active_n,
            "created": facts.created_s,
            "created_utc": facts.created_s,
        },
    }


def more_thing(*, parent_id: str, depth: int, children: Sequence[str], count: int) -> Thing:
    """A stub for comments left out: ``children`` are their ids, ``count`` counts all below them too."""
    return {
        "kind": "more",
        "data": {
            "count": count,
            "name": f"t1_{children[0]}",
            "id": children[0],
            "parent_id": parent_id,
            "depth": depth,
            "children": list(children),
        },
    }


def continue_thing(*, parent_id: str, depth: int) -> Thing:
    """A stub where a thread grows too deep: what follows is asked for as a thread of its own."""
    return {
        "kind": "more",
        "data": {"count": 0, "name": "t1__", "id": "_", "parent_id": parent_id, "depth": depth, "children": []},
    }


def listing(
    children: Iterable[Thing], *, after: str | None = None, before: str | None = None, dist: int | None = None
) -> Thing:
    """A listing; ``dist`` is how many things it has where Reddit tells it."""
    return {
        "kind": "Listing",
        "data": {
            "after": after,
            "dist": dist,
            "modhash": None,
            "geo_filter": "",
            "children": list(children),
            "before": before,
        },
    }


def as_html(text: str, *, fence: bool = False) -> str:
    """The text as Reddit shows it: paragraphs only, other marks stay as they are."""
    paragraphs = "\n\n".join(f"<p>{html.escape(part, quote=False)}</p>" for part in _PARAGRAPHS.split(text))
    made = f'<div class="md">{paragraphs}\n</div>'
    return f"<!-- SC_OFF -->{made}<!-- SC_ON -->" if fence else made


def escaped(value: Any) -> Any:
    """The same answer without ``raw_json``: &, < and > in all texts written as HTML entities."""
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, dict):
        return {name: escaped(one) for name, one in value.items()}
    if isinstance(value, list):
        return [escaped(one) for one in value]
    return value
