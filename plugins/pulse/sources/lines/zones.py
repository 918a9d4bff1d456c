"""Times that do not tell their zone: what the config may say of it, and what they are in UTC."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from pulse.core.files import sql_text

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")


def offset_minutes(zone: str) -> int | None:
    """Minutes east of UTC of a fixed offset; None for the name of a zone."""
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return minutes if match[1] == "+" else -minutes


def _known(zone: str) -> str:
    if offset_minutes(zone) is None:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"unknown zone {zone!r} (limit: a name such as Europe/Paris, or -05:00)") from None
    return zone


# In a model of the config: a name of the time zone database, or a fixed offset such as ``-05:00``.
Zone = Annotated[str, AfterValidator(_known)]


def in_zone_sql(local_sql: str, zone: str) -> str:
    """DuckDB expression: a time without zone as a time with zone."""
    minutes = 0 if zone == "UTC" else offset_minutes(zone)
    if minutes is None:
        return f"timezone({sql_text(zone)}, {local_sql})"
    # Whole numbers, which take a third of the time that DuckDB's zones do.
    return f"make_timestamptz(epoch_us({local_sql}) - {minutes * 60_000_000})"
