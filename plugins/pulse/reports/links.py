"""Addresses that may stand in a report: they open a web page, and carry no words and no name of a person."""

import re
from urllib.parse import quote, urlsplit, urlunsplit

from pulse.config.report import is_of_this_machine
from pulse.core.home import Home
from pulse.core.text import printable, words_in
from pulse.platforms.registry import platform_named
from pulse.reports.files import ReportFiles

_MAX_CHARS = 2_000
# What paths of platforms are made of: words of theirs, and ids, which have a digit.
_OWN_WORDS = words_in(
    "a archives c channels comment comments discussion g groups i item p permalink post posts q questions r s status "
    "statuses t thread threads topic topics watch"
)
_ID = re.compile(r"^(?=.*[0-9])[0-9A-Za-z]{1,40}$")
_FRAGMENT = re.compile(r"^(?=.*[0-9])[0-9A-Za-z_]{1,40}$")


def web_address(address: str | None) -> str | None:
    """The address if a click on it opens a web page and nothing else; None otherwise."""
    if not address or printable(address, max_chars=_MAX_CHARS) != address or " " in address:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.hostname else None


def public_address(address: str | None) -> str | None:
    """The same, unless it is one of this machine alone, which nobody else can open."""
    found = web_address(address)
    return None if found is None or is_of_this_machine(str(urlsplit(found).hostname).rstrip(".")) else found


def permalink(platform: str, address: str | None) -> str | None:
    """A contribution's address without what people wrote and without names; None where it cannot be made so.

    The path is the platform's own, or made of ids and of words that platforms use: what stands in a file may be
    anything.
    """
    plain = platform_named(platform).plain_permalink
    if plain is not None and address is not None and re.match(plain[0], address):
        return web_address(re.sub(*plain, address))
    found = public_address(address)
    if found is None:
        return None
    parts = urlsplit(found)
    segments = [segment for segment in parts.path.split("/") if segment]
    is_plain = all(segment in _OWN_WORDS or _ID.match(segment) for segment in segments)
    if not segments or not is_plain or parts.query or parts.username or parts.password:
        return None
    fragment = parts.fragment if _FRAGMENT.match(parts.fragment) else ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", fragment))


def page_address(home: Home, files: ReportFiles, base_url: str | None) -> str | None:
    """Where others open the page, below the address that the config gives; None without one."""
    if base_url is None:
        return None
    return f"{base_url}/{quote(str(files.page.relative_to(home.reports)))}"
