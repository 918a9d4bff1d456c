"""What report and page call things: each KPI's name, unit and meaning, and what each caveat says in plain words.

The formulas live in the models and are written down in docs/metrics.md; ``metric`` is the heading there.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "share", "points", "hours", "ratio", "money"]
Better = Literal["higher", "lower", "neither"]
Group = Literal["Activity", "People", "Answers and mood", "Brands and needs", "Business"]
CountedKind = Literal["posts", "comments", "messages"]


@dataclass(frozen=True)
class KpiWords:
    """How one KPI is told.

    Attributes:
        kind: count (whole things), share (0 to 1, told in %), points (-1 to 1, told as -100 to +100), hours, ratio
            (per something), money (the unit is the currency).
        better: which way is plainly good news; most counts are neither: a row brings comments, too.
        meaning: what it is, in a sentence or two for somebody who has never seen it.
        kinds: what must have been read for it (``posts``, ``comments``, ``messages``); without any, it is of whatever
            was read.
    """

    label: str
    kind: Kind
    group: Group
    meaning: str
    metric: str
    better: Better = "neither"
    kinds: tuple[CountedKind, ...] = ()


_POSTS: tuple[CountedKind, ...] = ("posts",)
_COMMENTS: tuple[CountedKind, ...] = ("comments",)
_BOTH: tuple[CountedKind, ...] = ("posts", "comments")
_MESSAGES: tuple[CountedKind, ...] = ("messages",)

# In the order of the page.
KPIS: dict[str, KpiWords] = {
    "posts": KpiWords(
        "Posts",
        "count",
        "Activity",
        "Posts written in the month, by anybody.",
        "Posts, comments, messages, removed",
        kinds=_POSTS,
    ),
    "comments": KpiWords(
        "Comments",
        "count",
        "Activity",
        "Comments written in the month, by anybody.",
        "Posts, comments, messages, removed",
        kinds=_COMMENTS,
    ),
    "messages": KpiWords(
        "Messages",
        "count",
        "Activity",
        "Messages of chats written in the month, by anybody. A message is no post.",
        "Posts, comments, messages, removed",
        kinds=_MESSAGES,
    ),
    "platform_replies": KpiWords(
        "Replies by the platform's count",
        "count",
        "Activity",
        "Replies to the posts of the month as the platform itself counts them, known also where nobody read "
        "the comments.",
        "Replies as the platform counts them",
        kinds=_POSTS,
    ),
    "conversations": KpiWords(
        "Conversations",
        "count",
        "Activity",
        "Threads in which somebody else than the author of the post wrote a comment in the month.",
        "Conversations",
        kinds=_BOTH,
    ),
    "chat_conversations": KpiWords(
        "Conversations in chats",
        "count",
        "Activity",
        "Conversations that were opened in chats in the month: messages of a channel without half an hour of silence, "
        "and what answers them.",
        "Conversations of a chat, and their answers",
        kinds=_MESSAGES,
    ),
    "likes": KpiWords(
        "Likes",
        "count",
        "Activity",
        "Scores (upvotes less downvotes, likes) of what was written in the month, as seen by its last day. They grow "
        "for some days after writing, so the last days of a month always look a little low.",
        "Likes, awards, reactions",
    ),
    "awards": KpiWords(
        "Awards", "count", "Activity", "Awards given to what was written in the month.", "Likes, awards, reactions"
    ),
    "reactions": KpiWords(
        "Reactions", "count", "Activity", "Reactions to what was written in the month.", "Likes, awards, reactions"
    ),
    "contributors": KpiWords(
        "Contributors",
        "count",
        "People",
        "Different people who wrote at least once. Bots, our own team and accounts that are gone do not count; people "
        "who only read are invisible everywhere.",
        "Contributors; contributors per day, week and month",
    ),
    "new_contributors": KpiWords(
        "New contributors",
        "count",
        "People",
        "Contributors whose first ever contribution to the community lies in this month.",
        "New and returning contributors",
    ),
    "returning_contributors": KpiWords(
        "Returning contributors",
        "count",
        "People",
        "Contributors who had written in the community before this month.",
        "New and returning contributors",
    ),
    "stickiness": KpiWords(
        "Stickiness",
        "share",
        "People",
        "On how many of the month's known days the average contributor wrote. Readers are not in it, so it is higher "
        "than the figure that apps give.",
        "Stickiness (of contributors)",
        "higher",
    ),
    "engagement_per_contributor": KpiWords(
        "Engagement per contributor",
        "ratio",
        "People",
        "Likes and comments that a contributor's writing received, on average.",
        "Engagement per contributor",
        "higher",
        _BOTH,
    ),
    "member_growth": KpiWords(
        "Member growth",
        "share",
        "People",
        "Change in the number of members from the first to the last days of the month.",
        "Member growth",
        "higher",
    ),
    "response_rate_24h": KpiWords(
        "Posts answered within 24 hours",
        "share",
        "Answers and mood",
        "Share of posts that got a comment by another person within 24 hours. Bots do not count, and only posts that "
        "could be watched that long do.",
        "Response rate within 1 h and 24 h",
        "higher",
        _BOTH,
    ),
    "median_first_response_h": KpiWords(
        "Time to first answer",
        "hours",
        "Answers and mood",
        "Half of the posts get their first answer by another person within this time. Unanswered posts count too, so "
        "it is not shown where fewer than half are ever answered.",
        "Time to first response",
        "lower",
        _BOTH,
    ),
    "chat_response_rate_24h": KpiWords(
        "Conversations in chats answered within 24 hours",
        "share",
        "Answers and mood",
        "Share of those who opened a conversation in a chat that somebody else answered within 24 hours. Bots do not "
        "count, and only openers that could be watched that long do.",
        "Conversations of a chat, and their answers",
        "higher",
        _MESSAGES,
    ),
    "chat_median_first_response_h": KpiWords(
        "Time to first answer in chats",
        "hours",
        "Answers and mood",
        "Half of the conversations in chats get their first answer by another person within this time. Unanswered ones "
        "count too, so it is not shown where fewer than half are ever answered.",
        "Conversations of a chat, and their answers",
        "lower",
        _MESSAGES,
    ),
    "net_sentiment": KpiWords(
        "Net sentiment",
        "points",
        "Answers and mood",
        "Share of positive less share of negative texts, from -100 (all negative) to +100 (all positive). Compare a "
        "community with itself over time, not communities with each other.",
        "Net sentiment",
        "higher",
    ),
    "share_of_voice": KpiWords(
        "Share of voice",
        "share",
        "Brands and needs",
        "Of the people who named any brand of the config, the share that spoke of ours. Each person has one vote, "
        "split over the brands that they named.",
        "KPIs of listening",
        "higher",
    ),
    "awareness": KpiWords(
        "People who name our brand",
        "count",
        "Brands and needs",
        "Distinct people who named a brand of ours.",
        "KPIs of listening",
        "higher",
    ),
    "needs_voiced": KpiWords(
        "People who voice a need",
        "count",
        "Brands and needs",
        "Distinct people who voiced a wish, a complaint or a request.",
        "KPIs of listening",
    ),
    "advocates": KpiWords(
        "Advocates",
        "count",
        "Brands and needs",
        "People who praised a brand of ours at first hand, on several days and in several threads, and "
        "promote nothing.",
        "KPIs of listening",
        "higher",
    ),
    "user_made_posts": KpiWords(
        "User-made posts",
        "count",
        "Brands and needs",
        "Contributions that tell of a brand of ours at first hand, show a picture with it, or enter a contest.",
        "KPIs of listening",
        "higher",
    ),
    "value_to_pitch": KpiWords(
        "Help of what the team gives and asks for",
        "share",
        "Brands and needs",
        "Of the team's answers to people and its promotions together, the share that is answers.",
        "KPIs of listening",
        "higher",
    ),
    "promotion_reception": KpiWords(
        "Reception of our promotions",
        "ratio",
        "Brands and needs",
        "Mean mood of replies to the team's promotions less that of replies to other posts, from -2 to 2.",
        "KPIs of listening",
        "higher",
    ),
    "visits": KpiWords("Visits", "count", "Business", "Visits, as imported.", "Business results"),
    "leads": KpiWords("Leads", "count", "Business", "Leads, as imported.", "Business results"),
    "sales": KpiWords("Sales", "count", "Business", "Sales, as imported.", "Business results"),
    "revenue": KpiWords(
        "Revenue", "money", "Business", "Revenue, as imported, in its own currency.", "Business results"
    ),
}

# What people voice, and forms of posts by what they are told apart by.
NEEDS = {
    "wish": "wishes", "complaint": "complaints", "recommendation_request": "requests for a recommendation",
    "support_request": "requests for help", "question": "questions",
}  # fmt: skip
FORMS = {
    "shown_as: text": "posts that tell something themselves",
    "shown_as: picture": "pictures",
    "shown_as: video": "videos",
    "shown_as: link": "links",
    "shown_as: title_only": "posts of a title alone",
    "title_form: how_to": "how-tos",
    "title_form: question": "titles that ask",
    "title_form: number_first": "titles that begin with a number",
    "title_form: statement": "titles that state something",
    "title_form: no_title": "posts without a title",
    "length: under_100": "posts of under 100 characters",
    "length: 100_to_499": "posts of 100 to 499 characters",
    "length: 500_to_1999": "posts of 500 to 1,999 characters",
    "length: 2000_or_more": "posts of 2,000 characters or more",
}
# What each code means for the reader. A code that is not here is shown as it is.
CAVEATS = {
    "small_n": "too few cases for a figure that can be trusted",
    "incomplete": "days are missing",
    "left_censored": "too few days before were looked at to tell who is new",
    "not_observable": "the platform does not show it to us",
    "partly_observed": "visible for a part of the contributions only",
    "refunds": "refunds are taken off",
    "identical_lines": "lines that stood more than once in an imported file were counted once",
    "several_currencies": "imported in several currencies, which make no sum",
    "late_only": "seen only long after it was written",
    "authors_not_observed": "nobody can see who wrote some or all of it",
    "comments_not_read": "comments were not read",
    "messages_not_read": "messages were not read",
    "posts_not_read": "posts were not read",
    "never_seen": "nothing ever matched the name",
    "silent_everywhere": "days on which a whole source showed nothing anywhere are left out of figures per day",
    "not_supported": "none of its texts is in a language that is judged",
    "many_unsure": "many mentions may mean something else, and are left out",
    "nearly_all_praise": "nearly all of it is praise: look who says it",
    "errors_measured_elsewhere": "how often the model is wrong was measured on texts of another platform",
    "errors_of_another_model": "how often the model is wrong was measured on an earlier one",
    "errors_too_large": "the model is wrong too often here to tell a share",
    "other_age": "not seen at the age at which the others are compared",
}

# The ages at which posts are compared, as they follow "after".
AGES = {
    "24h": "a day",
    "36h": "a day and a half",
    "2d": "two days",
    "3d": "three days",
    "5d": "five days",
    "7d": "a week",
    "30d": "a month",
    "settled": "a week or longer",
}


def of_kpi(kpi: str, unit: str | None) -> KpiWords:
    """The words for one KPI; a KPI that has none yet is told by its own name."""
    if kpi in KPIS:
        return KPIS[kpi]
    kinds: dict[str | None, Kind] = {"share": "share", "hours": "hours", "count": "count", "net": "points"}
    label = kpi.replace("_", " ").capitalize()
    return KpiWords(label, kinds.get(unit, "ratio"), "Activity", "See docs/metrics.md.", label)


def form_text(dimension: str, form: str) -> str:
    """What posts of a form are called: ``pictures``, ``posts on a Monday``; hours are UTC."""
    if dimension == "weekday":
        return f"posts on a {form.capitalize()}"
    if dimension == "day_part" and form.endswith("_utc"):
        return f"posts from {form.removesuffix('_utc').replace('_', ' ')} h UTC"
    return FORMS.get(f"{dimension}: {form}", f"posts of the kind {form.replace('_', ' ')}")


def caveat_text(code: str) -> str:
    """What one caveat code says."""
    return CAVEATS.get(code, code)


def age_text(label: str | None) -> str | None:
    """What an age is called; one that has no words is told as it is."""
    return None if label is None else AGES.get(label, label)
