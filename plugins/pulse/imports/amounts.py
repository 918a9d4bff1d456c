"""Numbers and days as spreadsheets and programs write them, brought to the contract's one way where there is no doubt.

What could be read in two ways stays as it is, and the gate's rules keep its line out: 1.234 is one thousand in one
country and one in another.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Mark = Literal[".", ","]

# Blanks and apostrophes between thousands: nobody writes decimals so. Spaces: plain, no-break, narrow, thin, figure.
_GROUPED = re.compile(r"-?\d{1,3}([ \u00a0\u202f\u2009\u2007'’])\d{3}(\1\d{3})*([.,]\d+)?")
_SEPARATORS = str.maketrans("", "", " \u00a0\u202f\u2009\u2007'’")
_WHOLE_WITH_POINT = re.compile(r"(-?[0-9]+)[.,]0{1,2}")
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00(:00(\.0+)?)?Z?")
_DECIMAL = re.compile(r"(-?[0-9]+)([.,])([0-9]+)")
_THOUSANDS = re.compile(r"(-?[0-9]{1,3})([.,])([0-9]{3}(?:\2[0-9]{3})*)(?:([.,])([0-9]+))?")
# ISO 4217, active codes with three decimals: there three digits behind the mark are what one expects.
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


@dataclass(frozen=True)
class Amounts:
    """How a file writes decimals.

    Attributes:
        mark: the decimal mark of every amount that shows it beyond doubt; None where none does, or where they differ.
    """

    mark: Mark | None

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Amounts":
        """Find the mark from all amounts of a file."""
        marks = {mark for text in texts if (mark := _read(_plain(text))[1])}
        return cls(marks.pop() if len(marks) == 1 else None)

    def amount(self, text: str, currency: str | None) -> str:
        """An amount with a point and without thousands marks; the text itself where that is not certain."""
        plain = _plain(text)
        value, _ = _read(plain)
        doubtful = _DECIMAL.fullmatch(plain)
        if value is not None or doubtful is None:
            return value or text
        whole, mark, rest = doubtful.groups()
        if mark == self.mark or (self.mark is None and mark == "." and currency in _THREE_DECIMALS):
            return f"{whole}.{rest}"
        return text if self.mark is None else whole + rest


def count(text: str) -> str:
    """A whole number without blanks between thousands, and without the ``.0`` that data frames write behind it."""
    plain = _plain(text)
    whole = _WHOLE_WITH_POINT.fullmatch(plain)
    return whole[1] if whole else plain


def day(text: str) -> str:
    """A day without the midnight that spreadsheets write behind it."""
    midnight = _MIDNIGHT.fullmatch(text)
    return midnight[1] if midnight else text


def _plain(text: str) -> str:
    """Without blanks around it and between thousands, and with the minus of the keyboard."""
    stripped = text.strip(" \u00a0\u202f\u2009\u2007").replace("\u2212", "-", 1)
    return stripped.translate(_SEPARATORS) if _GROUPED.fullmatch(stripped) else stripped


def _read(plain: str) -> tuple[str | None, Mark | None]:
    """An amount with a point, and its decimal mark if it shows one; None for both where it can be read in two ways."""
    if plain.removeprefix("-").isdecimal():
        return plain, None
    thousands = _THOUSANDS.fullmatch(plain)
    if thousands is not None:
        first, separator, rest, mark, decimals = thousands.groups()
        digits = first + rest.replace(separator, "")
        if mark is not None and mark != separator:  # 1.234,50
            return f"{digits}.{decimals}", _mark(mark)
        if mark is None and separator in rest:  # 1.234.567: decimals would have the other mark
            return digits, _mark("," if separator == "." else ".")
    decimal = _DECIMAL.fullmatch(plain)
    if decimal is None:
        return None, None
    whole, mark, decimals = decimal.groups()
    digits = whole.removeprefix("-")
    could_be_thousands = len(decimals) == 3 and len(digits) <= 3 and digits[0] != "0"
    return (None, None) if could_be_thousands else (f"{whole}.{decimals}", _mark(mark))


def _mark(text: str) -> Mark:
    return "." if text == "." else ","
