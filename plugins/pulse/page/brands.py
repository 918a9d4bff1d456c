"""Brands: how much people talk of us and of others, where the config names brands; else what to configure."""

from typing import Any

from pulse.page.snapshot import Snapshot

SHARE = "marts.fct_share_of_voice"
MENTIONS = "marts.fct_brand_mentions"
_ROWS_N = 60


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """The latest rows of both marts, as far as they are published; columns as the marts have them."""
    sections = [
        section
        for table, heading in ((SHARE, "Share of voice"), (MENTIONS, "Mentions"))
        if (section := _section(snapshot, table, heading)) is not None
    ]
    return {"sections": sections, "is_published": snapshot.has(SHARE) or snapshot.has(MENTIONS)}


def _section(snapshot: Snapshot, table: str, heading: str) -> dict[str, Any] | None:
    if not snapshot.has(table):
        return None
    columns = [name for name in snapshot.column_names(table) if name not in _HIDDEN]
    time = next((name for name in columns if name.endswith(("_start_date", "_date", "_at"))), None)
    order = f"order by {time} desc nulls last" if time else ""
    rows = snapshot.rows(f"select {', '.join(columns)} from {table} {order} limit {_ROWS_N}")
    return {"heading": heading, "columns": columns, "rows": [list(row.values()) for row in rows]} if rows else None


# What tells persons apart, and what people wrote, have no place in a table of brands.
_HIDDEN = frozenset({"author_key", "title", "body", "permalink", "text_sha256", "excerpt"})
