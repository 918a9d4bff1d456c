"""Retry by error type: an error that says a retry cannot help fails its task at once; a rate limit is waited for.

A task that was told to wait fails, and Airflow starts it again when the wait is over: the worker is free meanwhile. A
busy day may take many such waits, while three tries are enough for other faults. Airflow counts both alike, so a task
that expects rate limits has retries for both, and the policy keeps them apart.
"""

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from pulse.core.errors import PulseError, RateLimited

log = logging.getLogger(__name__)

RETRIES = 3
# At a minute each, more than the twenty that a run's whole allowance of calls takes (settings, `reddit_api`).
RATE_LIMIT_RETRIES = 30
# Runs in one process wait for nobody else and set this low; see orchestration/environment.py.
RETRY_DELAY = timedelta(seconds=float(os.environ.get("PULSE_RETRY_DELAY_S", "60")))
# A source that asks for more is asked again by then: it may have meant something else, and a day has an end.
LONGEST_WAIT = timedelta(hours=1)


class RetryByErrorType(RetryPolicy):  # type: ignore[misc]
    """What our errors say of themselves decides; errors of others get the usual retries.

    Args:
        rate_limit_retries: how many of the task's retries are for rate limits alone.
    """

    def __init__(self, *, rate_limit_retries: int = 0) -> None:
        self.rate_limit_retries = rate_limit_retries

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Mapping[str, Any] | None = None
    ) -> RetryDecision:
        """Fail at once, wait as long as the source asked, or retry as usual."""
        if isinstance(exception, PulseError) and not exception.retry_helps:
            return RetryDecision.fail(reason=str(exception))
        if not self.rate_limit_retries:
            return _waited_for(exception) if isinstance(exception, RateLimited) else RetryDecision.default()
        # A cleared task goes on counting its tries, and gets its retries anew on top of them.
        first_try = max_tries - (RETRIES + self.rate_limit_retries) + 1
        waits = _Waits(context, first_try)
        if isinstance(exception, RateLimited):
            waits.add_one()
            return _waited_for(exception)
        faults_n = try_number - first_try + 1 - waits.count()
        if faults_n > RETRIES:
            return RetryDecision.fail(reason=f"{faults_n} tries failed, rate limits aside; the last: {exception}")
        return RetryDecision.default()


def _waited_for(error: RateLimited) -> RetryDecision:
    """Not before the source's time, nor before the usual delay: many tasks wait for the same allowance."""
    asked_s = error.retry_after_s if error.retry_after_s > 0 else 0.0  # also where it is not a number
    wait_s = min(max(asked_s, RETRY_DELAY.total_seconds()), LONGEST_WAIT.total_seconds())
    return RetryDecision.retry(timedelta(seconds=wait_s), reason=str(error))


class _Waits:
    """How many tries of a task ended in a rate limit since it was last cleared; Airflow keeps it between tries.

    Where that fails, the count is too low and the task fails earlier: better than asking for ever.
    """

    def __init__(self, context: Mapping[str, Any] | None, first_try: int) -> None:
        self._store = (context or {}).get("task_state_store")
        self._key = f"rate_limits_since_try_{first_try}"

    def count(self) -> int:
        if self._store is None:
            return 0
        try:
            return int(self._store.get(self._key, 0))
        except Exception as error:  # noqa: BLE001  (whatever Airflow's store fails with, the task's own error matters)
            log.warning("how often the task waited is not known: %s", error)
            return 0

    def add_one(self) -> None:
        if self._store is None:
            return
        try:
            self._store.set(self._key, self.count() + 1)
        except Exception as error:  # noqa: BLE001  (see above)
            log.warning("that the task waited could not be noted: %s", error)
