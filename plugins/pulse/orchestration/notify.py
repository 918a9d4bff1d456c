"""Alerts: a stopped load or publish, a missed deadline, a month closed or not. They go to the log always, and to
Airflow notifiers where set.

A notifier is named in the config by its import path, with its arguments; it may use Jinja on ``pulse.rule``,
``pulse.value``, ``pulse.limit``, ``pulse.message``, ``pulse.subject``, ``pulse.run_url`` and ``pulse.page_url``. One
that fails is logged and changes nothing: an alert must not turn a good run into a bad one.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, unquote

from pulse.config.settings import Notifier, Settings, load_settings
from pulse.core.errors import PulseError
from pulse.core.text import printable
from pulse.orchestration import page_links

log = logging.getLogger(__name__)

MONTH_CLOSED = "month_closed"


@dataclass(frozen=True)
class Alert:
    """What happened, in terms a person on call can act on.

    Attributes:
        kind: ``load_stopped``, ``publish_stopped``, ``marts_warned``, ``deadline_missed``, ``month_not_closed``,
            ``sweep_stopped``, the good news of a ``month_closed``, or a day's ``listening_digest``.
        subject: the load, the entry or the run it is about.
    """

    kind: str
    subject: str
    rule: str | None
    value: str | None
    limit: str | None
    message: str
    run_url: str

    @classmethod
    def of_error(cls, kind: str, error: PulseError, *, run_url: str) -> "Alert":
        """The alert for an error of ours."""
        return cls(kind, error.thing, type(error).__name__, error.value, error.limit, str(error), run_url)


def send(alert: Alert, settings: Settings, *, context: Mapping[str, Any] | None = None) -> None:
    """Log the alert, then hand it to every configured notifier."""
    log.log(
        logging.INFO if alert.kind == MONTH_CLOSED else logging.ERROR,
        "alert %s: %s; rule %s, value %s, limit %s; %s; see %s and %s",
        alert.kind, printable(alert.subject), alert.rule or "-", printable(alert.value or "-"),
        printable(alert.limit or "-"), printable(alert.message), alert.run_url, page_url(alert),
    )  # fmt: skip
    for configured in settings.notify:
        try:
            deliver(alert, configured, context=context)
        except Exception as error:  # noqa: BLE001  (a broken notifier must not break the run)
            name = printable(configured.notifier, max_chars=300)
            log.warning("notifier %s failed: %s", name, printable(str(error), max_chars=300))


def deliver(alert: Alert, configured: Notifier, *, context: Mapping[str, Any] | None = None) -> None:
    """Hand the alert to one notifier. Whatever it raises is the caller's."""
    facts = {**asdict(alert), "page_url": page_url(alert)}
    _notifier(configured.notifier)(**configured.arguments)({**(context or {}), "pulse": facts})


def deadline_missed(**facts: Any) -> None:
    """Airflow calls this when a run is not done in time; it hands over ``context`` with the run's facts."""
    context = facts.get("context") or {}
    run = context.get("dag_run") or {}
    deadline = context.get("deadline") or {}
    dag_id, run_id = str(_part(run, "dag_id")), str(_part(run, "dag_run_id") or _part(run, "run_id"))
    limit = str(_part(deadline, "deadline_time") or "the deadline of the DAG")
    message = f"{dag_id} {run_id} is not done by {limit}"
    alert = Alert("deadline_missed", run_id, "deadline", "not done", limit, message, run_url(dag_id, run_id))
    send(alert, load_settings(), context=context)


def run_url(dag_id: str, run_id: str) -> str:
    """Where the run is shown in Airflow's UI."""
    return f"{page_links.base_url()}/dags/{quote(dag_id)}/runs/{quote(run_id)}"


def page_url(alert: Alert) -> str:
    """Where our own page shows what the alert is about: the run's loads and gates, or the months."""
    dag_id, _, run_id = unquote(alert.run_url.partition("/dags/")[2]).partition("/runs/")
    return page_links.of_run(dag_id, run_id) or page_links.of_view("today")


def _part(facts: Any, name: str) -> Any:
    return facts.get(name) if isinstance(facts, Mapping) else getattr(facts, name, None)


def _notifier(path: str) -> Any:
    from airflow.sdk.module_loading import import_string

    return import_string(path)
