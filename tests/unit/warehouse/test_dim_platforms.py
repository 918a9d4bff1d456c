"""What the warehouse says of platforms is what their files state."""

import jinja2

from pulse.platforms.registry import PLATFORMS
from pulse.warehouse import transform


def test_stg_platforms__allows_to_rank_persons_where_the_terms_of_a_platform_do():
    sql = (transform.DBT_PROJECT / "models" / "staging" / "stg_platforms.sql").read_text(encoding="utf-8")
    module = jinja2.Environment(autoescape=False).from_string(sql).module  # noqa: S701
    stated = {name: platform.terms.may_rank_persons for name, platform in PLATFORMS.items()}
    assert module.may_rank_persons == stated  # type: ignore[attr-defined]
