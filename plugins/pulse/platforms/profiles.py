"""Communities that are one account's own page: ``u_name`` on Reddit. Their name is a person's, so it is never stored.

A wildcard leaves them out. Where the configuration names one, it is kept as ``u_`` and the first 16 characters of the
account's author key: in rows, folder names, entry ids, load ids and outcomes alike. Addresses that lead to an account's
page are not kept at all.
"""

import re

from pulse.platforms.names import author_key, author_key_sql

PREFIX = "u_"
_KEY_CHARS = 16
_PSEUDONYM = re.compile(rf"{PREFIX}[0-9a-f]{{{_KEY_CHARS}}}")
# As the platform writes it, and as people do in a configuration. RE2 and Python read it alike.
_PROFILE = r"^(?:/?(?:r/)?u_|/?(?:u|user)/)"
_NAME = re.compile(_PROFILE + r"(.*)$", re.IGNORECASE | re.DOTALL)
# Reddit's hosts and those that mirror it, also within the query of another address; or a path alone.
_SLASH = "(?:/|%2f)"
_ADDRESS = (
    rf"(?:^{_SLASH}*|(?:redd[a-z.]*|redlib[a-z.-]*)(?::[0-9]+)?{_SLASH}+)"
    rf"(?:(?:u|user){_SLASH}|r{_SLASH}+u_)"
)


def account_in(name: str) -> str | None:
    """The account whose page a community of this name is; None for any other community."""
    match = _NAME.match(name)
    return match[1].strip("/") if match else None


def pseudonym(key: bytes, platform: str, account: str) -> str:
    """The name under which an account's page is kept."""
    return PREFIX + author_key(key, platform, account)[:_KEY_CHARS]


def kept_name_sql(key: bytes, platform: str, name_sql: str) -> str:
    """DuckDB expression: a community's canonical name, or the pseudonym where it is a profile.

    It holds key material: never to be logged, nor to appear in an error's message.
    """
    account = f"rtrim(regexp_replace({name_sql}, '{_PROFILE}', '', 'i'), '/')"
    return (
        f"case when {is_profile_sql(name_sql)} "
        f"then '{PREFIX}' || substr({author_key_sql(key, platform, account)}, 1, {_KEY_CHARS}) else {name_sql} end"
    )


def is_profile_sql(name_sql: str) -> str:
    """DuckDB expression: whether a community's name, clear or as it is kept, is that of a profile."""
    return f"regexp_matches({name_sql}, '{_PROFILE}', 'i')"


def is_clear_name(name: str) -> bool:
    """Whether a community's name is that of a profile as the platform writes it, not its pseudonym."""
    return account_in(name) is not None and _PSEUDONYM.fullmatch(name) is None


def leads_to_profile_sql(address_sql: str) -> str:
    """DuckDB expression: whether an address names an account; NULL for NULL."""
    return f"regexp_matches({address_sql}, '{_ADDRESS}', 'i')"
