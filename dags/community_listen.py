"""Communities that write more in a day than their platform lists, asked within the day.

**When.** Every hour, for the entries of the config whose `listen_every_h` is over since their last listen; a run for
which no entry is due skips its task. By hand: give the parameter `at` (a time with its zone, such as
2026-10-05T14:00:00+00:00). It needs to be switched on like the others, and does nothing while no entry listens.

**Writes.** Sealed answers under `PULSE_HOME/landing` and nothing else. It publishes nothing: the daily run of that day
takes what was heard beside its own answers.

**A tile is red.** `listen`: that community could not be asked, or the calls of the day for listens are spent; the log
says which. Nothing has to be mended: the next listen reads back to where the last one that worked had asked.

**Rerun.** Safe: a listen that came to its end asks nothing more, one that was killed goes on where it stopped. One that
is missed leaves a gap in the day only if the platform no longer lists what was written meanwhile. See
docs/operations.md.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from pulse.orchestration import flow


@dag(
    schedule=CronTriggerTimetable("0 * * * *", timezone="UTC"),
    params={"at": Param(None, type=["null", "string"], format="date-time", description="a time, for a run by hand")},
    doc_md=__doc__,
    **flow.DAYS,
)
def community_listen() -> None:
    """What the module says."""

    @task
    def moment(**context: Any) -> str:
        return flow.listen_moment(context).isoformat()

    flow.wire_listens(moment())


community_listen()
