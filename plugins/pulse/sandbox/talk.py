"""What people said in one community, apart from any platform: each double of a platform shows it in its own shape."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from pulse.core.contract import Removal
from pulse.sandbox.world import World
from pulse.sandbox.world_model import author_at, body_at, is_gone_at, members_at, score_at, title_at


@dataclass(frozen=True)
class Said:
    """A post, or an answer to one, as it is at a given time.

    Attributes:
        number: unique in its talk, and larger than that of everything said before.
        thread, parent: numbers of the post it stands under, and of what it answers; a post has no parent.
        author, author_number: None when nobody may see who it was.
        title, body: plain text; None once it was taken down.
        replies_n: of a post, all answers below it; of an answer, those to itself.
    """

    number: int
    thread: int
    parent: int | None
    created_at: datetime
    author: str | None
    author_number: int | None
    title: str | None
    body: str | None
    score: int = 0
    replies_n: int = 0
    link_url: str | None = None
    edited_at: datetime | None = None
    removal: Removal = "none"
    is_bot: bool = False

    @property
    def is_post(self) -> bool:
        """Whether it opens a thread."""
        return self.parent is None


@dataclass(frozen=True)
class Talk:
    """All that was said by a time, what was taken down included.

    Attributes:
        said: oldest first.
    """

    said: Sequence[Said]
    members_n: int = 0
    active_n: int = 0

    @cached_property
    def by_number(self) -> Mapping[int, Said]:
        """Everything by its number."""
        return {one.number: one for one in self.said}

    @cached_property
    def shown(self) -> list[Said]:
        """Newest first, without what was taken down."""
        return [one for one in reversed(self.said) if one.removal == "none"]


TalkAt = Callable[[datetime], Talk]


@dataclass(frozen=True)
class Reply:
    """An answer of a double; header names in lower case."""

    document: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def talk_of(world: World, community: str) -> TalkAt:
    """One community of the world, as a function of time."""
    said = sorted((one for one in world.contributions if one.community.name == community), key=_when)
    numbers = {one.full_id: number for number, one in enumerate(said, start=1_000)}

    @lru_cache(maxsize=4)
    def at(now: datetime) -> Talk:
        shown = [one for one in said if one.appears_at <= now and not one.is_orphan]
        direct: dict[str | None, int] = {}
        for one in shown:
            direct[one.parent_id] = direct.get(one.parent_id, 0) + 1
        members_n = members_at(shown[0].community, now) if shown else 0
        return Talk([_said(one, numbers, direct, now) for one in shown], members_n, members_n // 100)

    def _said(one: Any, numbers: Mapping[str, int], direct: Mapping[str | None, int], now: datetime) -> Said:
        author = author_at(one, now)
        is_gone = is_gone_at(one, now)
        below = sum(at_s <= now for at_s in one.replies_appear_at) if one.is_post else direct.get(one.full_id, 0)
        return Said(
            number=numbers[one.full_id],
            thread=numbers[one.thread_id],
            parent=None if one.is_post else numbers[one.parent_id],
            created_at=one.created_at,
            author=author,
            author_number=None if author is None else int(one.author.full_id[3:], 36),
            title=None if is_gone else title_at(one, now),
            body=None if is_gone else body_at(one, now),
            score=score_at(one, now),
            replies_n=below,
            link_url=one.link_url,
            edited_at=one.edit.at if one.edit is not None and one.edit.at <= now else None,
            removal=one.removal.by if is_gone and one.removal is not None else "none",
            is_bot=one.role == "bot",
        )

    return at


def _when(contribution: Any) -> tuple[datetime, str]:
    return contribution.created_at, contribution.full_id


def number_in(text: str | None, default: int) -> int:
    """A whole number of a query; the default where there is none."""
    try:
        return int(text or "")
    except ValueError:
        return default


def as_html(text: str | None) -> str | None:
    """A text as platforms send it: escaped, its paragraphs marked up."""
    if text is None:
        return None
    paragraphs = (html.escape(part, quote=True).replace("\n", "<br>") for part in text.split("\n\n"))
    return "".join(f"<p>{part}</p>" for part in paragraphs)
