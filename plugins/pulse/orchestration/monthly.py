"""The tasks that close a month, and their order.

    month → freeze → report → notify

They read what is published and write what is frozen; `freeze` then publishes the same marts with it, unless another
run holds the warehouse, whose publish brings it. Any worker that sees ``PULSE_HOME`` can run them, beside other runs.
`notify` is the only last task, so a run is green exactly if the month is frozen and its report is there.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task

if TYPE_CHECKING:
    from pulse.kpi import Month


def wire(month_of_run: Any) -> Any:
    """Arrange all tasks behind one that gives the month as ``YYYY-MM``; returns the last."""
    closed = freeze(month_of_run)
    return notify(closed, report(closed))


# ---- the month -------------------------------------------------------------


def month_of(context: Mapping[str, Any]) -> "Month":
    """The month of a run: its partition, else the month somebody gave it.

    Raises:
        ConfigError: the run names no month, or what it names is none.
    """
    from pulse.core.errors import ConfigError
    from pulse.kpi import Month

    key = context["dag_run"].partition_key
    given = key or context["params"].get("month")
    if not given:
        raise ConfigError("month of the run", value="none", next_step="trigger it again with the parameter `month`")
    return Month.parse(str(given), of="partition of the run" if key else "parameter month")


# ---- tasks -----------------------------------------------------------------


@task
def freeze(month: str) -> dict[str, Any]:
    """Freeze the month's published KPIs, unless they are frozen as they are; says which days are missing."""
    from pulse.config.lake import working
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.kpi import Month, close_month
    from pulse.orchestration.connections import credentials_of_task

    home = Home.from_environment().create()
    with working(home, ask=credentials_of_task):
        closed = close_month(home, Month.parse(month), clock=utc_now)
    return {
        "month": month,
        "version": closed.version,
        "is_new": closed.is_new,
        "restatements_n": closed.restatements_n,
        "missing_days": [day.isoformat() for day in closed.missing_days],
        "state_id": closed.state_id,
        "message": closed.message,
    }


@task
def report(closed: Mapping[str, Any]) -> str:
    """Write the month's report in place of the one before; returns where its page lies."""
    from pulse.config.document import config_path
    from pulse.config.report import report_policy
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.kpi import Month
    from pulse.reports.monthly import report_month

    month, policy = Month.parse(closed["month"]), report_policy(config_path())
    run_url = _run_url(get_current_context())
    files = report_month(Home.from_environment(), month, clock=utc_now, policy=policy, run_url=run_url)
    return str(files.page)


@task
def notify(closed: Mapping[str, Any], page: str) -> None:
    """Tell that the month is closed, what that changed, and where its report lies."""
    from pulse.config.settings import load_settings
    from pulse.orchestration.notify import MONTH_CLOSED, Alert, send

    context = get_current_context()
    restated = f", {closed['restatements_n']} figures restated" if closed["restatements_n"] else ""
    changed = f"version {closed['version']}{restated}"
    message = f"{closed['message']}; report: {page}"
    alert = Alert(MONTH_CLOSED, closed["month"], None, changed, None, message, _run_url(context))
    send(alert, load_settings(), context=context)


def tell_failure(context: Mapping[str, Any]) -> None:
    """Airflow calls this when a task has failed for good: tell that the month is not closed, or has no report."""
    from pulse.config.settings import load_settings
    from pulse.core.errors import PulseError
    from pulse.core.text import printable
    from pulse.orchestration.notify import Alert, send

    run, url = context["dag_run"], _run_url(context)
    error = context.get("exception")
    if isinstance(error, PulseError):
        alert = Alert.of_error("month_not_closed", error, run_url=url)
    else:
        message = f"task {context['ti'].task_id} failed: {printable(str(error or 'its worker died'))}"
        alert = Alert("month_not_closed", run.run_id, type(error).__name__, None, None, message, url)
    send(alert, load_settings(), context=context)


def _run_url(context: Mapping[str, Any]) -> str:
    from pulse.orchestration.notify import run_url

    run = context["dag_run"]
    return run_url(run.dag_id, run.run_id)
