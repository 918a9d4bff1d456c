"""How one community of the made-up world comes to be: an event at a time, in order of time.

The volume of each day is drawn first, then each contribution finds its author, its thread and its parent among what is
there already. Answers that somebody makes a point of (the team, a bot, a welcome) are scheduled when a post is written.
The result is drafts: nothing has an id yet, because ids follow the order of the whole platform.
"""

import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from pulse.core.contract import AuthorRole
from pulse.sandbox import world_text
from pulse.sandbox.world_model import Edit, Removal
from pulse.sandbox.world_plan import Calendar, MoodShares, Plan
from pulse.sandbox.world_text import Mood, Names, Text

_H = 3_600
_DAY = 24 * _H
_POST_SHARE = 0.17
_LINK_SHARE = 0.18
_NEWCOMER_SHARE_OF_POSTS = 0.26
_NEWCOMER_SHARE_OF_COMMENTS = 0.05
# Somebody who writes in a community for the first time has written in an earlier one with this chance.
_WANDERER_SHARE = 0.07
_THREAD_POST_AUTHOR_ANSWERS_SHARE = 0.12
_ANSWERS_THE_POST_SHARE = 0.42
_DELETED_BY_AUTHOR_SHARE = 0.022
_HELD_BACK_SHARE = 0.004
_EDITED_SHARE = 0.03
_OLD_THREAD_SHARE = 0.006
_LOST_PARENT_SHARE = 0.003
_TRIES_N = 6
# From midnight to midnight, local time: asleep, awake, busiest after work.
_HOURS = (12, 7, 4, 3, 3, 5, 10, 18, 26, 30, 33, 36, 40, 38, 36, 37, 40, 45, 52, 58, 60, 54, 40, 24)


@dataclass(eq=False, slots=True)
class Account:
    """An account in the making; ``last_s`` is when it wrote last, anywhere."""

    name: str
    is_regular: bool = False
    is_fixed: bool = False
    moderates: str | None = None
    last_s: int = 0


@dataclass(eq=False, slots=True)
class Draft:
    """A contribution in the making. Times are seconds since 1970.

    Attributes:
        post: the thread's post; None for a post, and for a comment on a thread older than the world.
        parent: None for a post, and for an orphan.
        attention: of a post, 0 to 1: the chance that somebody who looks at it stays to comment.
        comments: of a post's thread, at any depth, in order of creation.
        full_id: given once all communities are made.
    """

    plan: Plan
    author: Account
    role: AuthorRole
    created_s: int
    appears_s: int
    text: Text
    mood: Mood
    post: "Draft | None"
    parent: "Draft | None"
    flair: str | None = None
    link_number: int | None = None
    attention: float = 0.0
    final_score: int = 1
    half_life_h: float = 4.0
    upvote_ratio: float | None = None
    is_stickied: bool = False
    is_orphan: bool = False
    is_newcomers: bool = False
    removal: Removal | None = None
    edit: Edit | None = None
    comments: "list[Draft]" = field(default_factory=list)
    full_id: str = ""

    @property
    def is_post(self) -> bool:
        """Whether it opens a thread."""
        return self.parent is None and not self.is_orphan

    def takes_answers_at(self, at_s: int) -> bool:
        """Whether it can be seen and is not gone."""
        return self.appears_s <= at_s and (self.removal is None or self.removal.at.timestamp() > at_s)


class CommunityMaker:
    """Makes the drafts of one community.

    Args:
        rng: of this community alone, so that a change to one leaves the others as they are.
        names: of the whole platform.
        others: people of the communities made before, who may turn up here.
    """

    def __init__(
        self, plan: Plan, calendar: Calendar, *, rng: random.Random, names: Names, others: list[Account]
    ) -> None:
        self._plan = plan
        self._calendar = calendar
        self._rng = rng
        self._names = names
        self._others = others
        self._end_s = int(calendar.end_at.timestamp())
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._scheduled_n = 0
        self._posts: list[Draft] = []
        self._post_times: list[int] = []
        self._known: set[str] = set()
        self._regulars = self._make_regulars()
        self._regular_weights: dict[tuple[int, int], list[float]] = {}
        self._team = Account(plan.team_account, is_fixed=True) if plan.team_account else None
        self._bots = [Account(name, is_fixed=True) for name in plan.bot_accounts]
        self.drafts: list[Draft] = []
        self.newcomers: list[Account] = []

    def make(self) -> list[Draft]:
        """All drafts, in order of creation."""
        day = self._plan.opens_on(self._calendar)
        while day <= self._calendar.last_day:
            self._schedule_day(day)
            day += timedelta(days=1)
        while self._queue:
            at_s, _, happen = heapq.heappop(self._queue)
            happen(at_s)
        return self.drafts

    # ---- what happens when -------------------------------------------------

    def _schedule(self, at_s: int, happen: Callable[[int], None]) -> None:
        """Let it happen, unless the world has ended by then or nobody writes on that day."""
        if at_s >= self._end_s or self._plan.is_silent_on(_moment(at_s).date(), self._calendar):
            return
        heapq.heappush(self._queue, (at_s, self._scheduled_n, happen))
        self._scheduled_n += 1

    def _schedule_day(self, day: date) -> None:
        rng = self._rng
        rate = self._plan.rate_on(day, self._calendar) * math.exp(rng.gauss(0, 0.06))
        count = max(1, round(rng.gauss(rate, math.sqrt(rate))))
        start_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        hours = [_HOURS[(hour + self._plan.utc_offset_h) % 24] for hour in range(24)]
        for hour in rng.choices(range(24), weights=hours, k=count):
            at_s = start_s + hour * _H + int(rng.random() * _H)
            self._schedule(at_s, self._post if rng.random() < _POST_SHARE else self._comment)
        self._schedule_weekly(day, start_s)

    def _schedule_weekly(self, day: date, start_s: int) -> None:
        """Moderators pin a thread on Mondays; the team announces something on Wednesdays."""
        if day.weekday() == 0:
            self._schedule(start_s + 6 * _H + int(self._rng.random() * _H), self._weekly_post)
        if day.weekday() == 2 and self._team is not None:
            self._schedule(start_s + 14 * _H + int(self._rng.random() * _H), self._team_post)

    # ---- people ------------------------------------------------------------

    def _make_regulars(self) -> list[Account]:
        accounts = [Account(self._names.another(), is_regular=True) for _ in range(self._plan.regulars_n)]
        for place in (1, 4):  # those who moderate are busy, but not the busiest
            accounts[place].moderates = self._plan.name
        return accounts

    def _regular(self, at_s: int) -> Account:
        """One of the regulars: few write much, many little, and each month shuffles that somewhat."""
        moment = _moment(at_s)
        month = (moment.year, moment.month)
        if month not in self._regular_weights:
            total, running = 0.0, []
            for place in range(len(self._regulars)):
                total += math.exp(self._rng.gauss(0, 0.25)) / (place + 2)
                running.append(total)
            self._regular_weights[month] = running
        weights = self._regular_weights[month]
        return self._regulars[min(bisect_right(weights, self._rng.random() * weights[-1]), len(weights) - 1)]

    def _newcomer(self) -> Account:
        if self._others and self._rng.random() < _WANDERER_SHARE:
            account = self._others[int(self._rng.random() * len(self._others))]
            if account.name not in self._known:
                self._known.add(account.name)
                return account
        account = Account(self._names.another())
        self._known.add(account.name)
        self.newcomers.append(account)
        return account

    def _writer(self, at_s: int, newcomer_share: float) -> tuple[Account, bool]:
        """Who writes, and whether for the first time; some newcomers will be back."""
        if self._rng.random() >= newcomer_share:
            return self._regular(at_s), False
        account = self._newcomer()
        if self._rng.random() < self._plan.welcome.return_share:
            self._schedule_return(account, at_s)
        return account, True

    def _schedule_return(self, account: Account, at_s: int) -> None:
        for _ in range(1 + int(self._rng.random() * 3)):
            later_s = at_s + _DAY + int(self._rng.random() * 20 * _DAY)
            self._schedule(later_s, lambda then_s: self._comment(then_s, account))

    # ---- posts -------------------------------------------------------------

    def _post(self, at_s: int) -> None:
        author, is_new = self._writer(at_s, _NEWCOMER_SHARE_OF_POSTS)
        is_link = self._rng.random() < _LINK_SHARE
        mood = self._mood(at_s)
        text = world_text.post_text(self._plan.theme, mood, self._rng, is_link=is_link)
        post = self._new_post(at_s, author, "member", text, mood)
        if is_link:
            post.link_number = int(self._rng.random() * 10**9)
        post.is_newcomers = is_new
        if is_new:
            post.attention *= self._plan.welcome.attention
        self._weather(post, self._plan.welcome.removed_share if is_new else self._plan.removed_share)
        self._schedule_answers(post)

    def _new_post(self, at_s: int, author: Account, role: AuthorRole, text: Text, mood: Mood) -> Draft:
        """A post of lasting kind: no removal, no edit; most get little attention and few get much."""
        rng = self._rng
        post = Draft(self._plan, author, role, at_s, at_s, text, mood, None, None)
        post.attention = min(1.0, 0.10 * rng.random() ** -0.55)
        post.flair = rng.choice(self._plan.theme.tags) if rng.random() < 0.7 else None
        votes = math.exp(rng.gauss(math.log(self._plan.contributions_per_day) - 2.2, 1.0))
        post.final_score = 0 if rng.random() < 0.06 else min(5_000, 1 + int(votes * (0.4 + 3 * post.attention)))
        post.upvote_ratio = round(0.52 + 0.46 * (1 - math.exp(-post.final_score / 18)) * (0.9 + 0.1 * rng.random()), 2)
        post.half_life_h = round(2 + 7 * rng.random(), 1)
        if post.final_score == 0:
            post.upvote_ratio = round(0.28 + 0.2 * rng.random(), 2)
        self._add(post)
        self._posts.append(post)
        self._post_times.append(at_s)
        return post

    def _weekly_post(self, at_s: int) -> None:
        moderators = [account for account in self._regulars if account.moderates]
        text = world_text.weekly_post_text(self._plan.theme, self._rng)
        post = self._new_post(at_s, self._rng.choice(moderators), "moderator", text, "neutral")
        post.is_stickied, post.attention = True, 0.8

    def _team_post(self, at_s: int) -> None:
        if self._team is not None:
            text = world_text.team_post_text(self._plan.theme, self._rng)
            self._new_post(at_s, self._team, "team", text, "neutral").attention = 0.6

    def _schedule_answers(self, post: Draft) -> None:
        """The answers that do not wait for chance: bot, team, and somebody who looks after newcomers."""
        rng = self._rng
        if rng.random() < 0.25:
            self._schedule(post.appears_s + 2, lambda at_s: self._bot_reply(at_s, post))
        if post.text.intent in {"complaint", "question", "request"} and self._team and rng.random() < 0.5:
            self._schedule(self._working_hour(post.appears_s), lambda at_s: self._team_reply(at_s, post))
        welcome = self._plan.welcome
        if post.is_newcomers and rng.random() < welcome.reply_share:
            wait_s = int(welcome.reply_after_h * _H * math.exp(rng.gauss(0, 0.7)))
            self._schedule(post.appears_s + 60 + wait_s, lambda at_s: self._greet(at_s, post))

    def _working_hour(self, from_s: int) -> int:
        """A moment from Monday to Friday, 8 to 17 UTC, at least half an hour after."""
        moment = _moment(from_s + _H // 2 + int(self._rng.random() * 2 * _H))
        if moment.hour >= 17:
            moment = moment.replace(hour=8) + timedelta(days=1)
        elif moment.hour < 8:
            moment = moment.replace(hour=8)
        while moment.weekday() >= 5:
            moment += timedelta(days=1)
        return int(moment.timestamp())

    # ---- comments ----------------------------------------------------------

    def _comment(self, at_s: int, author: Account | None = None) -> None:
        post = self._thread(at_s)
        if author is None:
            author, _ = self._writer(at_s, _NEWCOMER_SHARE_OF_COMMENTS)
        if post is None:
            self._orphan(at_s, author, None)
            return
        if self._rng.random() < _LOST_PARENT_SHARE:
            self._orphan(at_s, author, post)
            return
        parent = self._parent(post, at_s)
        can_answer = post.role == "member" and parent is not post and parent.author is not post.author
        if can_answer and self._rng.random() < _THREAD_POST_AUTHOR_ANSWERS_SHARE:
            author = post.author
        mood = self._mood(at_s)
        self._reply(at_s, author, parent, world_text.reply_text(self._plan.theme, mood, self._rng), mood)

    def _thread(self, at_s: int) -> Draft | None:
        """A thread to comment on, by how long ago it began and how much attention it draws; None for an old one."""
        rng = self._rng
        if rng.random() < _OLD_THREAD_SHARE:
            return None
        found: Draft | None = None
        for _ in range(_TRIES_N):
            chance = rng.random()
            median_h = 4.0 if chance < 0.7 else 18.0 if chance < 0.95 else 80.0
            lag_s = 40 + int(median_h * _H * math.exp(rng.gauss(0, 0.9)))
            place = bisect_right(self._post_times, at_s - lag_s) - 1
            post = self._posts[place] if place >= 0 else None
            if post is None or not post.takes_answers_at(at_s):
                continue
            if rng.random() < post.attention:
                return post
            if found is None or post.attention > found.attention:
                found = post
        return found

    def _parent(self, post: Draft, at_s: int) -> Draft:
        """The post itself, or one of its comments, later ones rather."""
        rng = self._rng
        if post.comments and rng.random() >= _ANSWERS_THE_POST_SHARE:
            for _ in range(3):
                comment = post.comments[int(len(post.comments) * rng.random() ** 0.6)]
                if comment.role != "bot" and comment.takes_answers_at(at_s):
                    return comment
        return post

    def _reply(self, at_s: int, author: Account, parent: Draft, text: Text, mood: Mood) -> None:
        if author is parent.author:  # people do not talk to themselves
            author = self._regular(at_s)
        role: AuthorRole = "member"
        if author.moderates == self._plan.name and self._rng.random() < 0.12:
            role = "moderator"
        comment = self._new_comment(at_s, author, role, text, mood, parent)
        self._weather(comment, self._plan.removed_share)

    def _new_comment(
        self, at_s: int, author: Account, role: AuthorRole, text: Text, mood: Mood, parent: Draft
    ) -> Draft:
        rng = self._rng
        post = parent.post or parent
        comment = Draft(self._plan, author, role, at_s, at_s, text, mood, post, parent)
        votes = math.exp(rng.gauss(math.log(self._plan.contributions_per_day) - 3.2, 1.0))
        chance = rng.random()
        # Votes below zero happen, and more so where people are cross.
        is_downvoted = chance < (0.12 if mood == "negative" else 0.03)
        comment.final_score = -int(votes) if is_downvoted else min(2_000, 1 + int(votes * (0.5 + 2 * post.attention)))
        comment.half_life_h = round(1.5 + 5 * rng.random(), 1)
        post.comments.append(comment)
        self._add(comment)
        return comment

    def _orphan(self, at_s: int, author: Account, post: Draft | None) -> None:
        """A comment whose parent nobody can find: on a thread from before the world, or on a lost comment."""
        mood = self._mood(at_s)
        text = world_text.reply_text(self._plan.theme, mood, self._rng)
        comment = Draft(self._plan, author, "member", at_s, at_s, text, mood, post, None, is_orphan=True)
        if post is not None:
            post.comments.append(comment)
        self._add(comment)

    def _bot_reply(self, at_s: int, post: Draft) -> None:
        text = world_text.bot_reply_text(self._plan.theme, self._rng)
        bot = self._bots[int(self._rng.random() * len(self._bots))]
        comment = self._new_comment(at_s, bot, "bot", text, "neutral", post)
        comment.is_stickied, comment.final_score = True, 1

    def _team_reply(self, at_s: int, post: Draft) -> None:
        if self._team is not None and post.takes_answers_at(at_s):
            text = world_text.team_reply_text(self._plan.theme, self._rng, ask=post.text.ask)
            self._new_comment(at_s, self._team, "team", text, "neutral", post)

    def _greet(self, at_s: int, post: Draft) -> None:
        if post.takes_answers_at(at_s):
            mood = self._pick(self._plan.welcome.moods)
            text = world_text.newcomer_reply_text(self._plan.theme, mood, self._rng)
            self._reply(at_s, self._regular(at_s), post, text, mood)

    # ---- common ------------------------------------------------------------

    def _add(self, draft: Draft) -> None:
        draft.author.last_s = max(draft.author.last_s, draft.created_s)
        self._known.add(draft.author.name)
        self.drafts.append(draft)

    def _mood(self, at_s: int) -> Mood:
        return self._pick(self._plan.moods_on(_moment(at_s).date(), self._calendar))

    def _pick(self, shares: MoodShares) -> Mood:
        chance = self._rng.random()
        if chance < shares["positive"]:
            return "positive"
        return "negative" if chance > 1 - shares["negative"] else "neutral"

    def _weather(self, draft: Draft, removed_share: float) -> None:
        """What may befall it later: held back by a filter, removed, deleted, edited."""
        rng = self._rng
        chance = rng.random()
        if chance < _HELD_BACK_SHARE:
            draft.appears_s += _DAY + int(rng.random() * 3 * _DAY)
        elif chance < _HELD_BACK_SHARE + removed_share:
            draft.removal = Removal(_later(draft, rng, median_h=4.0, spread=1.0), "by_moderator")
        elif chance < _HELD_BACK_SHARE + removed_share + _DELETED_BY_AUTHOR_SHARE:
            # The spread lets some go after an archive has looked at them.
            draft.removal = Removal(_later(draft, rng, median_h=30.0, spread=2.0), "by_author")
        if draft.text.body and rng.random() < _EDITED_SHARE:
            appended = world_text.edit_text(self._plan.theme, rng)
            draft.edit = Edit(_later(draft, rng, median_h=0.7, spread=1.0), appended)


def _later(draft: Draft, rng: random.Random, *, median_h: float, spread: float) -> datetime:
    """A time after it appeared, log-normal."""
    return _moment(draft.appears_s + 60 + int(median_h * _H * math.exp(rng.gauss(0, spread))))


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, tz=UTC)
