"""What a failed call means for who asked: one class of error for each kind, and which of them another try may mend."""

from pulse.core.errors import BadCredentials, SourceError, SourceUnavailable

_ASKED_AGAIN = "nothing: it is asked again"


def is_refusal(error: SourceError) -> bool:
    """Whether the platform refuses one thing, a community or a thread, and would answer about others.

    The errors below :class:`SourceError` are about the whole source.
    """
    return type(error) is SourceError


def is_passing(status: int) -> bool:
    """Whether a status of HTTP says that the platform cannot answer now, but may soon."""
    return status >= 500 or status in {408, 425}


def unavailable(service: str, *, value: str, status_page: str | None = None) -> SourceUnavailable:
    """The platform could not be reached, or broke off.

    Args:
        status_page: where the platform says how it is.
    """
    page = status_page or f"the status page of {service}"
    return SourceUnavailable(service, value=value, next_step=f"{_ASKED_AGAIN}; if that does not help, look at {page}")


def no_answer(service: str, path: str, *, value: str) -> SourceUnavailable:
    """The platform answered, but not with a JSON document."""
    return SourceUnavailable(
        f"answer of {service} at {path}", value=value, limit="a JSON document", next_step=_ASKED_AGAIN
    )


def wrong_shape(answer: str, *, expected: str, service: str) -> SourceUnavailable:
    """The answer is JSON, but not what such a question is answered with.

    Args:
        answer: whose, as a short noun phrase.
    """
    return SourceUnavailable(
        answer, value="JSON of another shape", limit=expected,
        next_step=f"{_ASKED_AGAIN}; if it stays so, {service} changed its API",
    )  # fmt: skip


def refusal(service: str, path: str, status: int, *, reason: str, credentials: str) -> SourceError:
    """The error for a status that is neither a good one nor passing, and sets no limit of calls.

    Args:
        reason: what the platform says of it, printable; empty if nothing.
        credentials: what to check on 401.
    """
    value = f"HTTP {status}" + (f", {reason}" if reason else "")
    if status == 401:
        return BadCredentials(service, value=f"{value} at {path}", next_step=credentials)
    next_step = {
        403: "ask to be let in, or take it out of the config",
        404: "check its name in the config; it may be deleted, or hidden from those who do not belong to it",
        410: "take it out of the config: it is gone for good",
    }.get(status, "try the same address in a browser; if it is refused there too, the platform changed its API")
    return SourceError(f"{service} at {path}", value=value, next_step=next_step)
