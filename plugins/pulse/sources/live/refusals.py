"""What a status of HTTP means for who asked: one class of error each, and which of them another call may mend."""

from pulse.core.errors import BadCredentials, SourceError, SourceUnavailable


def is_refusal(error: SourceError) -> bool:
    """Whether the platform refuses one thing, a community or a thread, and would answer about others.

    The errors below :class:`SourceError` are about the whole source.
    """
    return type(error) is SourceError


def is_passing(status: int) -> bool:
    """Whether a status says that the platform cannot answer now, but may soon."""
    return status >= 500 or status in {408, 425}


def unavailable(service: str, *, value: str) -> SourceUnavailable:
    """The platform could not be reached, or gave no answer to work with."""
    return SourceUnavailable(
        service, value=value,
        next_step=f"nothing: it is asked again; if that does not help, look at the status page of {service}",
    )  # fmt: skip


def refusal(service: str, path: str, status: int, *, reason: str, credentials: str) -> SourceError:
    """The error for a status that is neither an answer nor passing nor a limit of calls.

    Args:
        reason: what the platform says of it, printable; empty if nothing.
        credentials: what to check when the platform does not accept who asks.
    """
    value = f"HTTP {status}" + (f", {reason}" if reason else "")
    if status == 401:
        return BadCredentials(service, value=f"{value} at {path}", next_step=credentials)
    next_step = {
        403: "ask to be let in, or take it out of the config",
        404: "check its name in the config; it may be deleted, or hidden from those who do not belong to it",
        410: "take it out of the config: it is gone for good",
    }.get(status, "nothing in the config is known to cause this: the platform may have changed its API")
    return SourceError(f"{service} at {path}", value=value, next_step=next_step)
