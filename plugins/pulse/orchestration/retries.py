"""Retry by error type: an error that says a retry cannot help fails its task at once."""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from pulse.errors import PulseError, RateLimited

RETRIES = 3
# Runs in one process wait for nobody else and set this low; see orchestration/environment.py.
RETRY_DELAY = timedelta(seconds=float(os.environ.get("PULSE_RETRY_DELAY_S", "60")))


class RetryByErrorType(RetryPolicy):  # type: ignore[misc]
    """What our errors say of themselves decides; errors of others get Airflow's usual retries."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002  (the interface is Airflow's)
        max_tries: int,  # noqa: ARG002
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Fail at once, wait as long as the source asked, or retry as usual."""
        if isinstance(exception, RateLimited):
            return RetryDecision.retry(timedelta(seconds=exception.retry_after_s), reason=str(exception))
        if isinstance(exception, PulseError) and not exception.retry_helps:
            return RetryDecision.fail(reason=str(exception))
        return RetryDecision.default()
