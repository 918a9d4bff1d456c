"""Undoing what programs do to texts, as DuckDB expressions."""

from collections.abc import Iterable


def repaired_sql(text_sql: str, repairs: Iterable[str]) -> str:
    """The text with each repair applied in order; a text that does not look spoilt in that way stays as it is."""
    for repair in repairs:
        text_sql = _REPAIRS[repair](text_sql)
    return text_sql


def _python_bytes_sql(text_sql: str) -> str:
    r"""The text of a Python bytes literal, ``b'…'``: ``\xe2`` and its like are bytes of UTF-8.

    DuckDB reads escapes of bytes by itself when text becomes a blob; the others Python writes are put in that form.
    """
    inner = f"substr({text_sql}, 3, length({text_sql}) - 3)"
    # A backslash of the text first, so that none is taken for the beginning of an escape.
    for escape, byte in (("\\\\", "5C"), ("\\n", "0A"), ("\\r", "0D"), ("\\t", "09"), ("\\''", "27"), ('\\"', "22")):
        inner = f"replace({inner}, '{escape}', '\\x{byte}')"
    is_literal = f"regexp_full_match({text_sql}, '(?s)b(''.*''|\".*\")')"
    decoded = f"try(decode(try_cast({inner} as blob)))"
    is_empty = f"{text_sql} in ('b' || repeat(chr(39), 2), 'b' || repeat(chr(34), 2))"
    return f"case when {is_empty} then null when {is_literal} then coalesce({decoded}, {text_sql}) else {text_sql} end"


def _latin1_utf8_sql(text_sql: str) -> str:
    """The text whose UTF-8 was read as Latin-1; one with other characters, or that is no UTF-8, stays."""
    characters = f"regexp_extract_all({text_sql}, '(?s).')"
    as_hex = f"array_to_string(list_transform({characters}, c -> printf('%02X', unicode(c))), '')"
    is_latin1 = f"regexp_full_match({text_sql}, '(?s)[\\x{{00}}-\\x{{FF}}]*')"
    is_spoilt = f"strlen({text_sql}) > length({text_sql}) and {is_latin1}"
    return f"case when {is_spoilt} then coalesce(try(decode(unhex({as_hex}))), {text_sql}) else {text_sql} end"


_REPAIRS = {"python_bytes": _python_bytes_sql, "latin1_utf8": _latin1_utf8_sql}
