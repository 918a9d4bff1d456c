"""Limits that every live source has, in its section of the config; a source adds its own to them."""

from typing import Annotated

from pydantic import Field

from pulse.core.strict import Share, Strict


class LivePolicy(Strict):
    """How a source treats its platform; one client, shared by all tasks of all runs.

    Attributes:
        max_calls_per_run: calls that one run may make over all communities. Listens within its day count as well: those
            of all communities may make half of it in a day, each community that listens an even share of that half; the
            daily run has what they left.
        calls_per_window, window_s: how many calls the client may start in a window.
        longest_wait_s: how long a task sits out a limit by itself; a longer wait is left to Airflow's retry, and the
            worker is free meanwhile.
        retry_wait_s: before the second try of a call that failed in passing, and up to a quarter longer at random;
            doubled for the third.
        sweep_calls_per_run: calls that one sweep may make over all communities, to ask what is gone.
        sweep_max_gone_share: more of a community's contributions gone in one sweep stop it: then something else may be
            wrong than so many deletions.
        timeout_s: without a byte from the platform for so long, a call has failed.
    """

    max_calls_per_run: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000
    calls_per_window: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    window_s: Annotated[float, Field(gt=0, le=3_600)] = 60.0
    longest_wait_s: Annotated[float, Field(ge=0, le=600)] = 15.0
    retry_wait_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    sweep_calls_per_run: Annotated[int, Field(ge=0, le=1_000_000)] = 500
    sweep_max_gone_share: Share = 0.2
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
