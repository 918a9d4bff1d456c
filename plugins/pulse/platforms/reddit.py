"""Reddit."""

import re
from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.reddit_notices import is_notice_sql
from pulse.platforms.terms import Terms

# Profiles, /r/u_name, spell an account. Behind a post's id stands its title, in place of which Reddit takes anything.
_PERMALINK = re.compile(
    "(?:https://(?:www|old)[.]reddit[.]com)?"
    "(?P<post>/r/[A-Za-z0-9][A-Za-z0-9_]{1,49}/comments/[0-9a-z]{1,13}/)(?:[^/?#]+/(?P<comment>[0-9a-z]{1,13})?/?)?"
)


def _plain_link(permalink: str) -> str | None:
    found = _PERMALINK.fullmatch(permalink)
    if found is None or found["post"].lower().startswith("/r/u_"):
        return None
    comment = f"_/{found['comment']}/" if found["comment"] else ""
    return f"https://www.reddit.com{found['post']}{comment}"


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
    plain_link=_plain_link,
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
