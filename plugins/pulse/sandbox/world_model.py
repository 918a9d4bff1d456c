"""What exists in the made-up world, and what can be seen of it at a given time.

Everything is frozen; every function here depends on its arguments alone. Times are aware and in UTC, in whole seconds.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pulse.core.contract import AuthorRole, Kind
from pulse.sandbox.world_text import Intent, Mood

REMOVED_BY_MODERATOR = "[removed]"
DELETED_BY_AUTHOR = "[deleted]"
TITLE_DELETED_BY_AUTHOR = "[deleted by user]"
NO_AUTHOR = "[deleted]"
_SECONDS_PER_H = 3_600
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Community:
    """A community of the platform.

    Attributes:
        full_id: ``t5_…``.
        opens_at: when it was founded; for most of them the beginning of the world.
        members_n_at_open: members at ``opens_at``. members_per_day: how many it gains.
        is_feed_broken: its archive is written with lines that cannot be used.
    """

    full_id: str
    name: str
    topic: str
    opens_at: datetime
    members_n_at_open: int
    members_per_day: float
    team_accounts: tuple[str, ...]
    bot_accounts: tuple[str, ...]
    is_feed_broken: bool


@dataclass(frozen=True, slots=True)
class Person:
    """An account; it may write in several communities.

    Attributes:
        full_id: ``t2_…``.
        account_deleted_at: from then on its name is gone from all it wrote, while the texts stay.
    """

    full_id: str
    name: str
    account_deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Removal:
    """Text, and the author's name where the platform takes it away, are gone from ``at`` on."""

    at: datetime
    by: Literal["by_author", "by_moderator"]


@dataclass(frozen=True, slots=True)
class Edit:
    """From ``at`` on, the body ends in ``appended``."""

    at: datetime
    appended: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """A post or a comment.

    Attributes:
        full_id: ``t3_…`` or ``t1_…``.
        thread_id, parent_id: full ids; a post names itself and has no parent.
        appears_at: when others can see it: ``created_at``, or days later when a filter held it back (late data).
        title, body: as written, before any edit; ``body`` is empty for a link, ``title`` None for a comment.
        link_url: what a link post links to; None for text posts and comments.
        mood: of title and body together, as planted.
        role: bot, team, moderator (speaking as one: distinguished), member.
        final_score, half_life_h: the score starts at 1 and halves its distance to ``final_score`` each ``half_life_h``.
        is_by_thread_author: a comment by who wrote the post.
        is_orphan: hangs from a thread or a parent that is older than the world, or was lost.
        replies_appear_at: for a post, when each comment of its thread appears, in order.
    """

    full_id: str
    kind: Kind
    community: Community
    author: Person
    role: AuthorRole
    created_at: datetime
    appears_at: datetime
    thread_id: str
    parent_id: str | None
    title: str | None
    body: str
    link_url: str | None
    flair: str | None
    mood: Mood
    intent: Intent
    ask: str | None
    final_score: int
    half_life_h: float
    upvote_ratio: float | None
    is_stickied: bool
    is_by_thread_author: bool
    is_orphan: bool
    removal: Removal | None
    edit: Edit | None
    replies_appear_at: tuple[datetime, ...] = ()

    @property
    def is_post(self) -> bool:
        """Whether it opens a thread."""
        return self.kind == "post"


def is_visible_at(contribution: Contribution, at: datetime) -> bool:
    """Whether the platform lists it; a removed one stays listed, as a stub."""
    return contribution.appears_at <= at


def is_gone_at(contribution: Contribution, at: datetime) -> bool:
    """Whether its text has been taken away, by its author or by moderators."""
    return contribution.removal is not None and contribution.removal.at <= at


def score_at(contribution: Contribution, at: datetime) -> int:
    """Upvotes net of downvotes: 1 at first, then ever nearer to ``final_score`` and never back."""
    age_h = (at - contribution.created_at).total_seconds() / _SECONDS_PER_H
    if age_h <= 0:
        return 1
    missing = (1 - contribution.final_score) * math.exp2(-age_h / contribution.half_life_h)
    return contribution.final_score + round(missing)


def comments_at(post: Contribution, at: datetime) -> int:
    """Comments in its thread as the platform counts them: all that have appeared, removed ones included."""
    return bisect_right(post.replies_appear_at, at)


def members_at(community: Community, at: datetime) -> int:
    """Members of the community; the count never falls. 0 before it opens."""
    age = at - community.opens_at
    if age < timedelta(0):
        return 0
    return community.members_n_at_open + int(community.members_per_day * age.total_seconds() / _SECONDS_PER_DAY)


def author_at(contribution: Contribution, at: datetime) -> str | None:
    """The author's name as shown; None when the account is gone or the platform hides it.

    Who deletes a text takes the name along. Moderators take it from comments, but not from posts.
    """
    deleted_at = contribution.author.account_deleted_at
    if deleted_at is not None and deleted_at <= at:
        return None
    removal = contribution.removal
    if removal is None or removal.at > at:
        return contribution.author.name
    return contribution.author.name if contribution.is_post and removal.by == "by_moderator" else None


def title_at(contribution: Contribution, at: datetime) -> str | None:
    """Title as shown, a placeholder once the author deleted the post; None for a comment."""
    if contribution.removal is not None and contribution.removal.by == "by_author" and is_gone_at(contribution, at):
        return TITLE_DELETED_BY_AUTHOR if contribution.is_post else None
    return contribution.title


def body_at(contribution: Contribution, at: datetime) -> str:
    """Body as shown: with its edit, or a placeholder once it is gone."""
    if contribution.removal is not None and is_gone_at(contribution, at):
        return DELETED_BY_AUTHOR if contribution.removal.by == "by_author" else REMOVED_BY_MODERATOR
    if contribution.edit is not None and contribution.edit.at <= at:
        return contribution.body + contribution.edit.appended
    return contribution.body


def mood_at(contribution: Contribution, at: datetime) -> Mood | None:
    """Planted sentiment of the text; None once it was taken down, whatever stub the platform still shows."""
    return None if is_gone_at(contribution, at) else contribution.mood
