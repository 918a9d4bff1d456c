"""One record of an answer, read strictly: what is not what it should be makes the record a fault, not the answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

Value = TypeVar("Value")

# No count of any platform comes near; what is larger would not fit into the contract's whole numbers.
LARGEST_NUMBER = 10**15


class BadRecord(Exception):
    """A record that cannot be used.

    Attributes:
        fault: its name, for counting.
        detail: for the reader; what people wrote stands there in 40 characters at most.
    """

    def __init__(self, fault: str, detail: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.detail = detail


class Fields:
    """An object of an answer.

    Every method gives None where the field is missing or null, and raises :class:`BadRecord` where it is something
    else than asked for.
    """

    def __init__(self, document: object, name: str = "record") -> None:
        """Refuses what is no object.

        Args:
            name: what it is, for the fault.
        """
        if not isinstance(document, Mapping):
            raise BadRecord("not_an_object", f"{name} is {type(document).__name__}")
        self.document: Mapping[str, Any] = document

    def text(self, name: str) -> str | None:
        """Text."""
        value = self.document.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRecord("not_text", f"{name} is {type(value).__name__}")
        return value

    def name(self, name: str) -> str | None:
        """Text or a whole number as text: ids come as either."""
        value = self.document.get(name)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else self.text(name)

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.document.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise BadRecord("not_a_number", f"{name} is {type(value).__name__} {str(value)[:40]!r}")
        if abs(value) > LARGEST_NUMBER:
            raise BadRecord("number_out_of_range", f"{name}, limit {LARGEST_NUMBER}")
        return int(value)

    def share(self, name: str) -> float | None:
        """A number from 0 to 1."""
        value = self.document.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise BadRecord("not_a_share", f"{name} is {type(value).__name__} {str(value)[:40]!r}")
        return float(value)

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.document.get(name)
        if value is not None and not isinstance(value, bool):
            raise BadRecord("not_a_flag", f"{name} is {type(value).__name__} {str(value)[:40]!r}")
        return value

    def items(self, name: str) -> Sequence[Any] | None:
        """A list."""
        value = self.document.get(name)
        if value is not None and not isinstance(value, list):
            raise BadRecord("not_a_list", f"{name} is {type(value).__name__}")
        return value

    def inside(self, name: str) -> "Fields | None":
        """An object inside."""
        value = self.document.get(name)
        return None if value is None else Fields(value, name)

    def seconds(self, name: str) -> datetime | None:
        """A time in seconds since 1970."""
        value = self.document.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRecord("not_a_time", f"{name} is {type(value).__name__} {str(value)[:40]!r}")
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            raise BadRecord("not_a_time", f"{name} is {str(value)[:40]}") from None

    def time(self, name: str) -> datetime | None:
        """An ISO time; one without a zone is UTC, as platforms mean it."""
        text = self.text(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadRecord("not_a_time", f"{name} is {text[:40]!r}") from None


def required(value: Value | None, name: str) -> Value:
    """The value, which must be there, and be more than an empty text.

    Raises:
        BadRecord: it is not.
    """
    if value is None or value == "":
        raise BadRecord(f"missing_{name}")
    return value
