"""Facebook Groups. Nothing can be asked there any more; what people exported by hand is read from files."""

from datetime import date

from pulse.platforms.platform import Platform
from pulse.platforms.terms import Terms

FACEBOOK_GROUPS = Platform(
    name="facebook_groups",
    kinds=("post", "comment"),
    opened_on=date(2004, 2, 4),
    terms=Terms(
        addresses=("https://techbriefly.com/2024/02/06/meta-third-party-facebook-groups",),
        looked_up_on=date(2026, 11, 28),
        remark="No interface shows groups since 2024 (a report of it; Meta's own page was not at hand): what people "
        "exported by hand is read.",
    ),
)
