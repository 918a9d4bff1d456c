"""Reddit."""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.reddit_notices import is_notice_sql
from pulse.platforms.terms import Terms

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
    # /r/tea/comments/abc123/what_do_you_drink/def456/: the title may be any word, or none.
    plain_permalink=(
        (
            r"^(?:https?://(?:[a-z]+\.)?reddit\.com)?(?:/r/[^/]+|/u(?:ser)?/[^/]+)?/comments/([0-9a-z]{1,13})"
            r"(?:/[^/]*(?:/([0-9a-z]{1,13}))?)?/?$"
        ),
        r"https://www.reddit.com/comments/\1/_/\2",
    ),
    community_prefix_pattern="^/?r/(?=[^/]+$)",
    has_profiles=True,
    terms=Terms(
        addresses=(
            "https://redditinc.com/policies/data-api-terms",
            "https://support.reddithelp.com/hc/en-us/articles/42728983564564-Responsible-Builder-Policy",
        ),
        looked_up_on=date(2026, 11, 28),
        may_rank_persons=True,
        may_quote=True,  # contents may be shown as they are, formatted and not changed otherwise
        delete_within_h=48,
        may_train=False,
        remark="The 48 hours for deletions are what is commonly cited; confirm the wording before relying on more. "
        "Commercial use needs an agreement.",
    ),
)
