"""What a run covers, in words: shown as the run's note in Airflow, and part of the id of runs in one process.

Airflow names a run after the moment of the click; a person looks for the day.
"""

from collections.abc import Mapping
from typing import Any

from pulse.core.text import printable

# The parameters that say what a run covers, by DAG; where there are two, the first and the last day.
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "community_daily": ("day",),
    "community_backfill": ("from_day", "to_day"),
    "community_listen": ("at",),
    "kpi_monthly": ("month",),
    "quarantine_release": ("load_id",),
}
_MAX_CHARS = 60


def covered(dag_id: str, parameters: Mapping[str, Any]) -> str | None:
    """The day, the days or the month that the parameters of a run name; None if they do not, or the DAG is not ours.

    Nothing is checked: what is no day is shown as it was given, printable and cut.
    """
    names = _PARAMETERS.get(dag_id, ())
    values = [printable(str(parameters[name]), max_chars=_MAX_CHARS) for name in names if parameters.get(name)]
    if not values or len(values) < len(names):
        return None
    return " to ".join(dict.fromkeys(values))


def covered_by_run(run: Any) -> str | None:
    """The same for a run of Airflow, as its tasks take it: the partition first, then parameters, then its own date."""
    if run.dag_id not in _PARAMETERS:
        return None
    if getattr(run, "partition_date", None) is not None:
        return str(run.partition_date.date())
    if run.dag_id == "kpi_monthly" and getattr(run, "partition_key", None):
        return printable(str(run.partition_key), max_chars=_MAX_CHARS)
    given = covered(run.dag_id, run.conf or {})
    if given is None and run.dag_id == "community_listen" and run.logical_date is not None:
        return f"{run.logical_date:%Y-%m-%d %H:%M}"
    if given is None and run.dag_id == "community_daily" and run.logical_date is not None:
        return str(run.logical_date.date())
    return given
