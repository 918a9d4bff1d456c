"""Ids as Reddit writes them: numbers in base 36, counted up over the whole site."""

import string

_DIGITS = string.digits + string.ascii_lowercase


def base36(number: int) -> str:
    """A whole number from 0 in base 36, without a prefix for its kind."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
