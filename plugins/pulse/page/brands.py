"""Brands: how much people talk of us and of others, where the config names brands; else what to configure."""

from typing import Any

from pulse.page import mart_tables
from pulse.page.snapshot import Snapshot

SHARE_COLUMNS: mart_tables.Columns = (
    ("month_start_date", "Month"), ("brand", "Brand"), ("people_n", "People who name it"),
    ("share_of_voice", "Of all who name a brand"), ("mentions_n", "Mentions"), ("unsure_n", "May mean something else"),
    ("caveat", "Beware"),
)  # fmt: skip
_SECTIONS: tuple[tuple[str, str, mart_tables.Columns], ...] = (
    ("Share of voice", "marts.fct_share_of_voice", SHARE_COLUMNS),
    (
        "Who knows which brand", "marts.fct_brand_awareness_monthly",
        (("month_start_date", "Month"), ("brand", "Brand"), ("people_n", "People who name it"),
         ("aware_share", "Of all who wrote"), ("first_time_people_n", "Named it for the first time"),
         ("returning_share", "Had named it before"), ("caveat", "Beware")),
    ),
    (
        "How they speak of it", "marts.fct_brand_sentiment",
        (("month_start_date", "Month"), ("brand", "Brand"), ("mentions_n", "Mentions"), ("positive_n", "Positive"),
         ("neutral_n", "Neutral"), ("negative_n", "Negative"), ("mean_sentence_score", "Mood, from −100 to +100"),
         ("caveat", "Beware")),
    ),
)  # fmt: skip
_ROWS_N = 60
_ORDER = ("month_start_date desc", "is_ours desc", "brand")


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """The latest months of all communities together; each followed brand has a row, so no row is no brand."""
    tables = [table for one in _SECTIONS if (table := _read(snapshot, *one)) is not None]
    return {"tables": tables}


def _read(snapshot: Snapshot, heading: str, mart: str, columns: mart_tables.Columns) -> mart_tables.Table | None:
    """Rows over all communities (``*``) where the mart has them, else of each."""
    of_all = mart_tables.read(snapshot, heading, mart, columns, order=_ORDER, of={"community": "*"}, limit=_ROWS_N)
    return of_all or mart_tables.read(snapshot, heading, mart, columns, order=_ORDER, limit=_ROWS_N)
