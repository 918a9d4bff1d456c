"""The KPIs of one month: frozen, reported, told.

**When.** By itself, as soon as every day of the month is published, by `community_daily` or `community_backfill`. By
hand: give the parameter `month` (YYYY-MM). That closes an incomplete month too; log and report name the missing days. A
month that is not over is refused.

**Writes.** A version of the month's KPIs under `PULSE_HOME/kpi`, which no rebuild and no retention touches, and the
report under `PULSE_HOME/reports`. It reads what is published and no more, so it runs beside anything.

**A tile is red.** `month`: the run names none. `freeze`: the month is not over, or nothing is published of it; what was
frozen before stays. `report`: the month is frozen, its page is the one before. Whoever is to know is told either way.

**Rerun.** Safe. What did not change is not written again; what did becomes a new version beside the old ones, with the
reason for each figure that differs in `kpi.kpi_restatements`. See docs/operations.md.
"""

from typing import Any

import pendulum
from airflow.sdk import (
    MonthWindow,
    Param,
    PartitionedAssetTimetable,
    RollupMapper,
    StartOfMonthMapper,
    WaitForAll,
    dag,
    task,
)

from pulse.orchestration import flow, monthly


@dag(
    schedule=PartitionedAssetTimetable(
        assets=flow.MARTS,
        default_partition_mapper=RollupMapper(
            upstream_mapper=StartOfMonthMapper(), window=MonthWindow(), wait_policy=WaitForAll()
        ),
    ),
    start_date=pendulum.datetime(
        2005, 1, 1, tz="UTC"
    ),  # earlier than any archive: Airflow skips the tasks of days before
    catchup=False,
    max_active_runs=1,  # one closing at a time; another would wait for its lock
    default_args=flow.DEFAULT_ARGS | {"on_failure_callback": monthly.tell_failure},
    params={
        "month": Param(
            None, type=["null", "string"], pattern=r"^\d{4}-\d{2}$", description="month as YYYY-MM, for a run by hand"
        )
    },
    doc_md=__doc__,
    tags=["community-pulse"],
)
def kpi_monthly() -> None:
    """What the module says."""

    @task
    def month(**context: Any) -> str:
        return str(monthly.month_of(context))

    monthly.wire(month())


kpi_monthly()
