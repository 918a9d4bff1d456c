"""What was deleted upstream, asked for by id and erased here.

**When.** Daily at 02:00 UTC, after the day's run began. By hand at any time.

**Writes.** What was found under `quality.deletion_checks`; and if something is gone: tombstones, raw, landing,
quarantine, scores, the published DuckDB file (older published states go) and the proof `quality.erasures`.

**A tile is red.** `look_up`: that platform failed, or the sweep of that community stopped because too many are gone or
the community cannot be had. Nothing of it was erased; look into it, then `pulse sweep --confirm ENTRY`. `erase`: the
build or gate 2 failed, and what was published before still holds what is gone. The run is green exactly if all that was
found gone is erased.

**Rerun.** Safe, in part or whole: what was found is written down, and erasing goes by that. See docs/operations.md.
"""

import pendulum
from airflow.sdk import CronTriggerTimetable, dag

from pulse.orchestration import flow, sweeping


@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2005, 1, 1, tz="UTC"),  # as the others
    catchup=False,
    max_active_runs=1,
    default_args=flow.DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["community-pulse"],
)
def privacy_sweep() -> None:
    """What the module says."""
    sweeping.wire()


privacy_sweep()
