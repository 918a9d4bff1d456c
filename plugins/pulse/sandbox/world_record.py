"""A contribution of the made-up world as Reddit shows it: the JSON of its API and of the Pushshift archives."""

import re
from datetime import datetime
from typing import Any

from pulse.sandbox.world_model import (
    NO_AUTHOR,
    Contribution,
    author_at,
    body_at,
    comments_at,
    is_gone_at,
    members_at,
    score_at,
    title_at,
)

_SITE = "https://www.reddit.com"
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_SLUG_CHARS = 50


def record(contribution: Contribution, observed_at: datetime) -> dict[str, Any]:
    """The record of one post or comment as it was at ``observed_at``: counts, text, author, removal, edit.

    Field names and types are Reddit's. ``retrieved_on`` is ``observed_at``, as an archive would note it. Whether it is
    listed at all by then is :func:`pulse.sandbox.world_model.is_visible_at`.
    """
    common = _common(contribution, observed_at)
    return common | (_post(contribution, observed_at) if contribution.is_post else _comment(contribution, observed_at))


def _common(contribution: Contribution, at: datetime) -> dict[str, Any]:
    community = contribution.community
    author = author_at(contribution, at)
    score = score_at(contribution, at)
    edit = contribution.edit
    is_edited = edit is not None and edit.at <= at and not is_gone_at(contribution, at)
    # The automatic comments of a community are signed by its moderators.
    is_distinguished = contribution.role in {"moderator", "bot"}
    fields: dict[str, Any] = {
        "id": contribution.full_id[3:],
        "name": contribution.full_id,
        "subreddit": community.name,
        "subreddit_id": community.full_id,
        "subreddit_name_prefixed": f"r/{community.name}",
        "subreddit_type": "public",
        "author": author or NO_AUTHOR,
        "author_flair_text": None,
        "author_flair_css_class": None,
        "created_utc": int(contribution.created_at.timestamp()),
        "retrieved_on": int(at.timestamp()),
        "edited": int(edit.at.timestamp()) if edit is not None and is_edited else False,
        "score": score,
        "ups": score,
        "gilded": 0,
        "gildings": {},
        "total_awards_received": 0,
        "all_awardings": [],
        "distinguished": "moderator" if is_distinguished else None,
        "stickied": contribution.is_stickied,
        "archived": False,
        "locked": False,
        "can_gild": False,
        "no_follow": score <= 1,
        "send_replies": contribution.role != "bot",
    }
    if author is not None:
        fields["author_fullname"] = contribution.author.full_id
    return fields


def _post(post: Contribution, at: datetime) -> dict[str, Any]:
    name = post.community.name
    title = title_at(post, at) or ""
    is_gone = is_gone_at(post, at)
    permalink = f"/r/{name}/comments/{post.full_id[3:]}/{_slug(title)}/"
    is_self = post.link_url is None
    link_url = None if is_gone else post.link_url
    return {
        "title": title,
        "selftext": body_at(post, at),
        "permalink": permalink,
        "url": link_url or _SITE + permalink,
        "domain": f"self.{name}" if is_self else "pictures.example",
        "is_self": is_self,
        "is_video": False,
        "is_original_content": False,
        "is_robot_indexable": not is_gone,
        "post_hint": "self" if is_self else "image",
        "thumbnail": "self" if is_self else "default",
        "num_comments": comments_at(post, at),
        "num_crossposts": 0,
        "upvote_ratio": post.upvote_ratio,
        "view_count": None,
        "over_18": False,
        "spoiler": False,
        "hidden": False,
        "pinned": False,
        "quarantine": False,
        "link_flair_text": post.flair,
        "link_flair_type": "text",
        "link_flair_richtext": [],
        "media": None,
        "media_embed": {},
        "removed_by_category": _removed_by(post) if is_gone else None,
        "suggested_sort": None,
        "subreddit_subscribers": members_at(post.community, at),
        "whitelist_status": "all_ads",
    }


def _comment(comment: Contribution, at: datetime) -> dict[str, Any]:
    thread = comment.thread_id[3:]
    return {
        "body": body_at(comment, at),
        "link_id": comment.thread_id,
        "parent_id": comment.parent_id,
        "permalink": f"/r/{comment.community.name}/comments/{thread}/comment/{comment.full_id[3:]}/",
        "is_submitter": comment.is_by_thread_author and author_at(comment, at) is not None,
        "collapsed": comment.final_score < 0 and score_at(comment, at) < 0,
        "collapsed_reason": None,
        "controversiality": 0,
        "score_hidden": False,
    }


def _removed_by(post: Contribution) -> str | None:
    if post.removal is None:
        return None
    return "deleted" if post.removal.by == "by_author" else "moderator"


def _slug(title: str) -> str:
    return _NOT_IN_SLUG.sub("_", title.lower()).strip("_")[:_SLUG_CHARS].rstrip("_") or "post"
