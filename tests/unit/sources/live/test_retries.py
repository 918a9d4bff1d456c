"""Which errors a call is tried again after, and the waits in between."""

import logging
from collections.abc import Callable

import pytest

from pulse.core.errors import BadCredentials, CallsSpent, PulseError, RateLimited, SourceError, SourceUnavailable
from pulse.sources.live.retries import Retries

PASSING = SourceUnavailable("Tearoom", value="HTTP 500", next_step="nothing")


def attempts(*results: PulseError | str) -> Callable[[], str]:
    left = list(results)

    def attempt() -> str:
        result = left.pop(0)
        if isinstance(result, PulseError):
            raise result
        return result

    return attempt


def retries(slept: list[float], *, jitter_share: float = 0.0, tries_n: int = 3) -> Retries:
    return Retries(2.0, longest_wait_s=10, jitter_share=jitter_share, tries_n=tries_n, sleep=slept.append)


def test_call__waits_twice_as_long_each_time_and_logs_each_fault(caplog: pytest.LogCaptureFixture):
    slept: list[float] = []
    with caplog.at_level(logging.WARNING):
        assert retries(slept, tries_n=5).call(attempts(PASSING, PASSING, PASSING, PASSING, "answer")) == "answer"
    assert slept == [2, 4, 8, 16]
    assert [record.getMessage()[:20] for record in caplog.records] == [f"try {n}: Tearoom: HTTP" for n in (1, 2, 3, 4)]


def test_call__gives_up_with_the_last_error_itself():
    slept: list[float] = []
    last = SourceUnavailable("Tearoom", value="HTTP 503", next_step="nothing")
    with pytest.raises(SourceUnavailable) as caught:
        retries(slept).call(attempts(PASSING, PASSING, last))
    assert caught.value is last
    assert slept == [2, 4]


def test_call__jitter_lengthens_a_wait_by_its_share_at_most():
    waits: list[float] = []
    for _ in range(50):
        retries(waits, jitter_share=0.5).call(attempts(PASSING, "answer"))
    assert min(waits) >= 2
    assert max(waits) <= 3
    assert len(set(waits)) > 10


@pytest.mark.parametrize(
    "error",
    [SourceError("a", next_step="b"), BadCredentials("a", next_step="b"), CallsSpent("a", next_step="b"),
     RateLimited("a", retry_after_s=11)],
)  # fmt: skip
def test_call__is_not_repeated_where_that_helps_nobody(error: PulseError):
    slept: list[float] = []
    with pytest.raises(type(error)) as caught:
        retries(slept).call(attempts(error))
    assert caught.value is error
    assert slept == []


def test_call__leaves_a_wait_that_was_asked_for_to_the_pace():
    slept: list[float] = []
    assert retries(slept).call(attempts(RateLimited("a", retry_after_s=10), "answer")) == "answer"
    assert [seconds for seconds in slept if seconds] == []
