"""The ``report:`` part of the config: whose clock it goes by, where it can be reached, and whether it quotes."""

import ipaddress
import zoneinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError

from pulse.config.document import read_document
from pulse.core.errors import ConfigError
from pulse.core.strict import Strict


def _known_zone(name: str) -> str:
    """An IANA time zone that this machine knows."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a time zone of the IANA database, such as Europe/Berlin") from error
    return name


def _reachable(address: str) -> str:
    """An address of the web that others can open, without what only this machine or one browser knows."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".").lower()
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError as error:
        raise ValueError("not an address of the web") from error
    if parts.scheme not in {"http", "https"} or not host or not is_plain or not address.isprintable() or " " in address:
        raise ValueError("not a plain http or https address, such as https://reports.example.org")
    if is_of_this_machine(host):
        raise ValueError("an address of this machine alone: whoever gets the report cannot open it")
    return address.rstrip("/")


def is_of_this_machine(host: str) -> bool:
    """Whether a host, in lower case, leads nowhere but to the machine that asks."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


class ReportPolicy(Strict):
    """How the monthly report is made.

    Attributes:
        time_zone: IANA name of the zone in which it says when to post.
        base_url: where others reach the folder ``PULSE_HOME/reports``; without it, nothing links to the page.
        quotes: whether the page quotes what people wrote, on platforms whose terms allow it. Nothing else ever does.
    """

    time_zone: Annotated[str, Field(max_length=100), AfterValidator(_known_zone)] = "UTC"
    base_url: Annotated[str, Field(max_length=500), AfterValidator(_reachable)] | None = None
    quotes: bool = False


DEFAULT_POLICY = ReportPolicy()


def report_policy(path: Path) -> ReportPolicy:
    """Read the part alone: a report must not fail because a file of some community is not there today.

    Args:
        path: the config's main file.

    Raises:
        ConfigError: the file cannot be read, or says of the report what cannot be. The message names file and line.
    """
    document = read_document(path)
    given = document.values.get("report") if isinstance(document.values, dict) else None
    try:
        return ReportPolicy.model_validate({} if given is None else given)
    except ValidationError as error:
        fault = error.errors()[0]
        loc, place = document.as_written(("report", *fault["loc"]))
        raise ConfigError(
            f"config {place}", value=f"{'.'.join(map(str, loc))}: {fault['msg']}", next_step="mend that value"
        ) from error
