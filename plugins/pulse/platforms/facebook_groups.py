"""Facebook Groups. Nothing can be asked there any more; what people exported by hand is read from files."""

from datetime import date

from pulse.platforms.platform import Platform

FACEBOOK_GROUPS = Platform(name="facebook_groups", kinds=("post", "comment"), opened_on=date(2004, 2, 4))
