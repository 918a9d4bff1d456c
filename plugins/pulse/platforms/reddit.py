"""Reddit. Terms and limits: https://redditinc.com/policies/data-api-terms, looked up 2026-11-28."""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.reddit_notices import is_notice_sql

# Reddit allows 300 and 40,000 characters today; archives hold longer texts of other years.
REDDIT = Platform(
    name="reddit",
    kinds=("post", "comment"),
    ignores_case=True,
    opened_on=date(2005, 6, 23),
    id_patterns={"post": "t3_[0-9a-z]{1,13}", "comment": "t1_[0-9a-z]{1,13}"},
    thread_id_pattern="t3_.*",
    least_score=1,
    notice_sql=is_notice_sql,
    permalink_community_prefix="/r/",
    community_prefix_pattern="^/?r/(?=[^/]+$)",
    has_profiles=True,
    may_rank_persons=True,
)
