"""Names of communities and accounts as their platform compares them, and the pseudonyms made of accounts."""

import hashlib
import hmac
import string

from pulse.platforms.registry import platform_named

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def canonical_name(platform: str, name: str) -> str:
    """A community's or author's name as compared on its platform.

    Only A to Z are lowered: Reddit's names are ASCII, and engines disagree on the case of other letters.
    """
    return name.translate(_ASCII_LOWER) if platform_named(platform).ignores_case else name


def canonical_name_sql(platform: str, name_sql: str) -> str:
    """The same as :func:`canonical_name` as a DuckDB expression."""
    if not platform_named(platform).ignores_case:
        return name_sql
    # Nearly all names are ASCII, for which lower() says the same in a fraction of the time.
    return (
        f"case when strlen({name_sql}) = length({name_sql}) then lower({name_sql}) "
        f"else translate({name_sql}, '{string.ascii_uppercase}', '{string.ascii_lowercase}') end"
    )


def author_key(key: bytes, platform: str, name: str) -> str:
    """Pseudonym of an author: hex HMAC-SHA256(key, platform ‖ 0x00 ‖ name), 64 characters.

    The name is lower-cased first where the platform ignores case.
    """
    message = platform.encode() + b"\x00" + canonical_name(platform, name).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def author_key_sql(key: bytes, platform: str, name_sql: str) -> str:
    """The same as :func:`author_key` as a DuckDB expression over a VARCHAR expression; NULL stays NULL.

    HMAC is two nested hashes (RFC 2104), so the bulk path needs no Python per row. The expression holds key material:
    it must never be logged, nor appear in a message of an error.
    """
    block_size = 64
    padded = (hashlib.sha256(key).digest() if len(key) > block_size else key).ljust(block_size, b"\x00")
    inner = _blob_sql(bytes(byte ^ 0x36 for byte in padded) + platform.encode() + b"\x00")
    outer = _blob_sql(bytes(byte ^ 0x5C for byte in padded))
    name = canonical_name_sql(platform, name_sql)
    return f"sha256({outer} || unhex(sha256({inner} || encode({name}))))"


def _blob_sql(data: bytes) -> str:
    return f"unhex('{data.hex()}')"
