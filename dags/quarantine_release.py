"""Let a stopped load through gate 1 again, without the rules that somebody named.

**When.** Somebody asks for it on the page, or triggers it with `load_id`, `waive` (names of rules) and `reason`.

**Writes.** The waiver beside the quarantine, with who asked and when; then what a run writes of that load: raw, scores,
the warehouse, and the published DuckDB file.

**A tile is red.** Another rule stops the load, or gate 2 the marts: what is published stays as it was. The message says
which; mend the source, or ask again with that rule too.

**Rerun.** Safe: a load that arrived is no longer in the quarantine, and a rerun says so. See docs/operations.md,
"A load was stopped".
"""

import pendulum
from airflow.sdk import Param, dag

from pulse.orchestration import flow, releasing


@dag(
    schedule=None,
    start_date=pendulum.datetime(2005, 1, 1, tz="UTC"),  # as the others
    catchup=False,
    max_active_runs=1,
    # It does nothing by itself, and who asks on the page waits for it.
    is_paused_upon_creation=False,
    default_args=flow.DEFAULT_ARGS | {"retries": 0},
    params={
        "load_id": Param("", type="string", description="As the page and `pulse quarantine list` name it."),
        "waive": Param([], type="array", items={"type": "string"}, description="Rules that need not hold."),
        "reason": Param("", type="string", description="Kept with the waiver."),
    },
    doc_md=__doc__,
    tags=["community-pulse"],
)
def quarantine_release() -> None:
    """What the module says."""
    releasing.wire()


quarantine_release()
