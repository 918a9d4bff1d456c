"""A window of UTC days of every configured community in one run: extracted, checked, built, published.

**When.** By hand only, with the parameters `from_day` and `to_day` (YYYY-MM-DD, both included, up to 366 days, all
over). For sources that can serve the past: archives and files, and live ones as far back as the platform still lists;
the error names the earliest day.

**Writes.** Raw partitions of those days, sentiment scores, the published DuckDB file; quality results whatever happens.
Each published day counts as one of `community_daily`, so a month that is filled this way closes like any other.

**A tile is red.** As in `community_daily`: a red `extract` or `load` concerns one community and stops no other; a red
`model`, `gate_marts` or `publish` means that nothing new was published. The run is green exactly if it published.

**Rerun.** Safe, in part or whole, also beside `community_daily`: one waits for the other. The window of an archive is
replaced, so the same files give the same state whatever the order of runs. See docs/operations.md.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from pulse.orchestration import flow


@dag(
    schedule=PartitionedAtRuntime(),
    params={
        "from_day": Param(None, type=["null", "string"], format="date", description="first UTC day"),
        "to_day": Param(None, type=["null", "string"], format="date", description="last UTC day, included"),
    },
    doc_md=__doc__,
    **flow.DAYS,
)
def community_backfill() -> None:
    """What the module says."""

    @task
    def window(**context: Any) -> dict[str, str]:
        return flow.as_dict(flow.backfill_window(context))

    flow.wire(window())


community_backfill()
