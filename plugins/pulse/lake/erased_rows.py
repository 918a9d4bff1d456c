"""What is left of a contract row, or of a line kept for quarantine, whose content or author has to go."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

# Of a contract row: the column, and what stands there without its content.
CONTENT: Mapping[str, str] = MappingProxyType(
    {
        "title": "null", "body": "null", "text_sha256": "null", "url": "null", "permalink": "null", "tags": "[]",
        "extra": "null",
    }
)  # fmt: skip
# The body is not read: where it holds something there is a hash (rule text_hash_matches of gate 1, not waivable).
HOLDS_CONTENT = (
    "(text_sha256 is not null or title is not null or url is not null or permalink is not null or len(tags) > 0 "
    "or extra is not null)"
)
# Of a line: the row stays, because lines are counted.
LINE: Mapping[str, str] = MappingProxyType({"line": "cast('' as blob)", "detail": "'erased'"})
# When the content of somebody who asked to be forgotten is gone: whatever is observed later is gone too.
FOR_GOOD = datetime(9999, 12, 31, tzinfo=UTC)
