"""One UTC day of every configured community: extracted, checked, built, published.

**When.** At midnight UTC, for the day that just ended. By hand: give the parameter `day` (YYYY-MM-DD); a day that is
not over is refused.

**Writes.** Raw partitions of that day, sentiment scores, the published DuckDB file; quality results whatever happens.
**Sends** the digest of `listening.alerts`, if the config has it: each find once to each notifier.

**Live sources** show what is so when they are asked: a run in time also looks again at contributions of about 1, 3, 7
and 30 days and counts members; a run more than a day late lists its day and nothing more. The log of `plan` says how
many calls it will take. A yellow `extract` waits for a rate limit, by itself.

**A tile is red.** `extract`: that community's source failed. `load`: gate 1 stopped it; the rule is in the tile and in
`pulse status`. The other communities go on in both cases. `model`: dbt failed. `gate_marts` or `publish`: nothing new
was published, analysts still see the state before. The run is green exactly if it published.

**Rerun.** Safe, in part or whole: clear the red task and what follows it, or trigger the day again. Archives replace
their day, live sources add to it, and nothing is counted twice. See docs/operations.md.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import CronPartitionTimetable, DeadlineAlert, DeadlineReference, Param, SyncCallback, dag, task

from pulse.config.settings import daily_deadline_h
from pulse.orchestration import flow


@dag(
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1),
    params={"day": Param(None, type=["null", "string"], format="date", description="UTC day, for a run by hand")},
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=daily_deadline_h()),
        callback=SyncCallback("pulse.orchestration.notify.deadline_missed"),
    ),
    doc_md=__doc__,
    **flow.DAYS,
)
def community_daily() -> None:
    """What the module says."""

    @task
    def window(**context: Any) -> dict[str, str]:
        return flow.as_dict(flow.daily_window(context))

    flow.wire(window())


community_daily()
