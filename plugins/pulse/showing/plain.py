"""Plain words: what figures are called where people read who are no analysts, and which words they never meet alone.

A word of statistics may stand in brackets behind its plain one: ``the mood (net sentiment)``. Tests hold the report to
it.
"""

import re

# Parts of words, in lower case, and what to write instead.
STATISTICS = {
    "gini": "how evenly it is shared",
    "kaplan-meier": "unanswered ones counted too",
    "percentile": "better than so many of a hundred",
    "quantile": "better than so many of a hundred",
    "median": "half of them",
    "confidence interval": "likely between",
    "standard error": "how sure it is",
    "standard deviation": "how widely spread",
    "variance": "how widely spread",
    "wilson": "likely between",
    "p-value": "could be chance",
    "p value": "could be chance",
    "significan": "clearly so",
    "correlation": "go up together",
    "regression": "go up together",
    "benjamini": "however many are compared",
    "bonferroni": "however many are compared",
    "pagerank": "replied to by many",
    "poisson": "likely between",
    "logarithm": "times as many",
    "z-score": "how far from usual",
    "cohort": "newcomers of a month",
    "net sentiment": "the mood",
    "stickiness": "how often the same people write",
    "lift": "times as many as by chance",
    "placebo": "communities without one",
}
# Codes and names of columns, which people outside the code never meet.
CODES = (
    "small_n", "left_censored", "not_observable", "partly_observed", "late_only", "other_age", "comments_not_read",
    "messages_not_read", "posts_not_read", "authors_not_observed", "silent_everywhere", "several_currencies",
    "is_clear", "author_key", "recommendation_request", "support_request", "title_only", "too_few_",
)  # fmt: skip

# Figures as the report calls them; all others go by the label of `pulse.showing.words`.
LABELS = {
    "contributors": "People who took part",
    "new_contributors": "People who wrote for the first time",
    "returning_contributors": "People who had written before",
    "response_rate_24h": "Posts answered within a day",
    "median_first_response_h": "Half of the posts are answered within",
    "chat_conversations": "Conversations in chats",
    "chat_response_rate_24h": "Questions in chats answered within a day",
    "chat_median_first_response_h": "Half of the chats are answered within",
    "net_sentiment": "Mood, from −100 to +100",
    "stickiness": "Share of days on which a person wrote",
    "engagement_per_contributor": "Likes and comments that a person got",
    "platform_replies": "Replies, as the platform counts them",
}


def label_of(kpi: str, label: str) -> str:
    """What the report calls a figure; ``label`` where it has no plainer name."""
    return LABELS.get(kpi, label)


def jargon_in(text: str) -> list[str]:
    """Words of statistics, and codes, that stand in a text without their plain words before them."""
    low = text.casefold()
    for word, instead in STATISTICS.items():
        low = low.replace(f"{instead} ({word})", "")
    words = [word for word in STATISTICS if re.search(rf"\b{re.escape(word)}", low)]
    return words + [code for code in CODES if code in low]
