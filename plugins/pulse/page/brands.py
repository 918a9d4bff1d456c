"""Brands: how much people talk of us and of others, where the config names brands; else what to configure."""

from collections.abc import Sequence
from typing import Any

from pulse.page import mart_tables
from pulse.page.snapshot import Snapshot

SHARE_COLUMNS = (
    "month_start_date", "brand", "is_ours", "voters_n", "share_of_voice", "share_of_voice_low", "share_of_voice_high",
    "mentions_n", "unsure_n", "caveat",
)  # fmt: skip
_SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Share of voice", "marts.fct_share_of_voice", SHARE_COLUMNS),
    (
        "Who knows which brand", "marts.fct_brand_awareness_monthly",
        ("month_start_date", "brand", "is_ours", "people_n", "aware_share", "aware_share_low", "aware_share_high",
         "first_time_people_n", "returning_share", "caveat"),
    ),
    (
        "How they speak of it", "marts.fct_brand_sentiment",
        ("month_start_date", "brand", "is_ours", "mentions_n", "positive_n", "neutral_n", "negative_n",
         "mean_sentence_score", "mean_sentence_score_low", "mean_sentence_score_high", "caveat"),
    ),
)  # fmt: skip
_ROWS_N = 60
_ORDER = ("month_start_date desc", "is_ours desc", "brand")


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """The latest months of all communities together; each followed brand has a row, so no row is no brand."""
    tables = [table for one in _SECTIONS if (table := _read(snapshot, *one)) is not None]
    return {"tables": tables}


def _read(snapshot: Snapshot, heading: str, mart: str, columns: Sequence[str]) -> mart_tables.Table | None:
    """Rows over all communities (``*``) where the mart has them, else of each."""
    of_all = mart_tables.read(snapshot, heading, mart, columns, order=_ORDER, of={"community": "*"}, limit=_ROWS_N)
    return of_all or mart_tables.read(snapshot, heading, mart, columns, order=_ORDER, limit=_ROWS_N)
