"""Trying a call again: what is worth it, how often, and how long to wait in between."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from pulse.core.errors import RateLimited, SourceUnavailable

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Retries:
    """Bounds of the tries of one call within one task; what they do not mend is left to Airflow's retries.

    Attributes:
        wait_s: before the second try after a passing fault; doubled for each further one.
        longest_wait_s: a platform that asks for a longer wait is not tried again here.
        jitter_share: by how much of itself a wait may be longer, at random, so that clients that failed together do
            not come back together.
        tries_n: how often the call is made in all.
        sleep: sits a wait out.
    """

    wait_s: float
    longest_wait_s: float
    jitter_share: float = 0.25
    tries_n: int = 3
    sleep: Callable[[float], None] = time.sleep

    def call(self, attempt: Callable[[], Result]) -> Result:
        """What ``attempt`` returns; after a passing fault it is called again.

        A wait that the platform asked for is not sat out here: the pace keeps it, for all tasks alike.

        Raises:
            RateLimited: the platform asks for a wait that is too long for a task, or asked for one each time.
            SourceUnavailable: the last of the passing faults.
            PulseError: anything else that ``attempt`` raises, at once.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_it),
            stop=tenacity.stop_after_attempt(self.tries_n),
            wait=self._wait_s,
            sleep=self.sleep,
            before_sleep=_log_fault,
            reraise=True,
        )
        return retrying(attempt)

    def _is_worth_it(self, error: BaseException) -> bool:
        is_too_long = isinstance(error, RateLimited) and error.retry_after_s > self.longest_wait_s
        return isinstance(error, SourceUnavailable) and not is_too_long

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited) and error.retry_after_s > 0:
            return 0.0
        wait_s = tenacity.wait_exponential(multiplier=self.wait_s)(state)
        return wait_s + tenacity.wait_random(0, wait_s * self.jitter_share)(state)


def _log_fault(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RateLimited):
        log.warning("try %d: %s", state.attempt_number, error)
