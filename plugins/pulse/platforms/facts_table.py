"""What marts need to know of platforms, as a table that dbt reads: terms with their source, and how ids repeat.

The table is made of the platforms' files alone and holds nothing of anybody's, so it is written again whenever it is
missing, damaged, or says something else than the code.
"""

import hashlib
from pathlib import Path

from pulse.core import parquet
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.platforms.platform import Platform
from pulse.platforms.registry import PLATFORMS

PLATFORM_FACTS = Table(
    "platforms",
    "What is true of each platform that has a file of its own in the code.",
    "one row per platform.",
    (
        Column("platform", "VARCHAR", False, "platform name, lower case"),
        Column("may_rank_persons", "BOOLEAN", False, "whether a table or a page may show which persons lead"),
        Column("keep_text_days", "BIGINT", True, "days that texts may be kept; NULL where none are stated"),
        Column("delete_within_h", "BIGINT", True, "hours within which a deletion upstream must reach what was kept"),
        Column("attribution", "VARCHAR", True, "what must stand beside a text that is shown; NULL for nothing"),
        Column("may_train", "BOOLEAN", True, "whether texts may train a model; NULL where the terms are silent"),
        Column("remark", "VARCHAR", True, "what else to know"),
        Column("terms_urls", "VARCHAR[]", False, "addresses of the documents that say so; empty where none was read"),
        Column("terms_checked_date", "DATE", True, "when they were read; NULL where none was"),
        Column("ids_shared_within", "VARCHAR", True, "see `Platform.ids_shared_within`"),
    ),
)
_DIGEST = b"digest"


def facts_file(home: Home) -> Path:
    """Where the table lies."""
    return home.dbt / "platforms" / "platforms.parquet"


def ensure_file(home: Home) -> None:
    """Write the table, unless it is there and says the same.

    Raises:
        StorageError: it cannot be written.
    """
    file, said = facts_file(home), digest().encode()
    if _digest_of(file) != said:
        import pyarrow as pa

        table = pa.Table.from_pylist(_rows(), schema=PLATFORM_FACTS.arrow_schema)
        parquet.write(file, table.replace_schema_metadata({_DIGEST: said}))


def digest() -> str:
    """Tells one state of the table from another."""
    return hashlib.sha256(repr((PLATFORM_FACTS.columns, _rows())).encode()).hexdigest()


def _rows() -> list[dict[str, object]]:
    return [_row_of(platform) for _, platform in sorted(PLATFORMS.items())]


def _digest_of(file: Path) -> bytes | None:
    """What a whole file was made of; None where there is none."""
    import pyarrow.parquet as pq

    if parquet.fault_of(file, is_deep=True) is not None:
        return None
    return (pq.read_metadata(file).metadata or {}).get(_DIGEST)


def _row_of(platform: Platform) -> dict[str, object]:
    terms = platform.terms
    return {
        "platform": platform.name, "may_rank_persons": terms.may_rank_persons, "keep_text_days": terms.keep_text_days,
        "delete_within_h": terms.delete_within_h, "attribution": terms.attribution or None,
        "may_train": terms.may_train, "remark": terms.remark or None, "terms_urls": list(terms.addresses),
        "terms_checked_date": terms.looked_up_on, "ids_shared_within": platform.ids_shared_within,
    }  # fmt: skip
