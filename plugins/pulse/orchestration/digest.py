"""The day's digest of ``listening.alerts``: to the log, and to every notifier of the config, each find once.

A notifier that fails is told again by the next run, up to a week later, and the others are not. A digest fails no run:
what is wrong with it is logged.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pulse.config.settings import Settings
from pulse.core.errors import PulseError
from pulse.core.home import Home
from pulse.core.locks import ALERTS_LOCK, exclusive
from pulse.core.text import printable
from pulse.lake.told import Ledger, key_of
from pulse.orchestration import page_links
from pulse.orchestration.notify import Alert, deliver
from pulse.reading import finds

log = logging.getLogger(__name__)

LISTENING_DIGEST = "listening_digest"
_LOG = "log"


@dataclass(frozen=True)
class _Receiver:
    """Somebody to tell: the log, or a notifier of the config."""

    name: str
    key: str
    tell: Callable[[Alert], None]


def send_digest(
    home: Home, settings: Settings, last_day: date, *, run_url: str, context: Mapping[str, Any] | None = None
) -> dict[str, int]:
    """Tell everybody what is new up to a day, as published.

    Args:
        last_day: of the run; news of days up to a week before are told where they were not yet.

    Returns:
        ``finds_n``: finds told, to whom most were told; ``told_n``, ``failed_n``: how many were told, and failed.
    """
    counts = {"finds_n": 0, "told_n": 0, "failed_n": 0}
    if not settings.listening.alert_rules:
        return counts
    try:
        with exclusive(home, ALERTS_LOCK):
            for receiver in _receivers(settings, context):
                try:
                    told_n = _tell(home, settings, receiver, last_day, run_url)
                except Exception as error:  # noqa: BLE001  (a broken notifier must not break the run, or the others)
                    counts["failed_n"] += 1
                    reason = printable(f"{type(error).__name__}: {error}", max_chars=300)
                    log.warning("digest: %s failed, and is told by the next run: %s", receiver.name, reason)
                else:
                    counts["told_n"] += bool(told_n)
                    counts["finds_n"] = max(counts["finds_n"], told_n)
    except PulseError as error:
        log.warning("digest: nobody was told: %s", error)
    log.info("digest: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))
    return counts


def _receivers(settings: Settings, context: Mapping[str, Any] | None) -> list[_Receiver]:
    """The log first; of notifiers that are the same one."""

    def teller(configured: Any) -> Callable[[Alert], None]:
        return lambda alert: deliver(alert, configured, context=context)

    receivers = {_LOG: _Receiver(_LOG, _LOG, _to_log)}
    for configured in settings.notify:
        key = key_of(configured.notifier, configured.arguments)
        name = f"notifier {printable(configured.notifier, max_chars=300)}"
        receivers[key] = _Receiver(name, key, teller(configured))
    return list(receivers.values())


def _tell(home: Home, settings: Settings, receiver: _Receiver, last_day: date, run_url: str) -> int:
    ledger = Ledger.of(home, receiver.key)
    for name in ledger.interrupted():
        log.warning(
            "digest: message %s to %s was cut off when it was sent: it may not have arrived; "
            "`pulse alerts --day DAY` shows a day's finds", name, receiver.name,
        )  # fmt: skip
    days = finds.days_to_tell(home, last_day, ledger.since(last_day))
    if days is None:
        log.info("digest: %s is no news any more for %s", last_day, receiver.name)
        return 0
    digest = finds.untold(home, settings.listening, days, ledger.files())
    if not digest.finds:
        return 0
    with ledger.sending(last_day, digest.told):
        receiver.tell(_alert(settings, digest, last_day, run_url))
    ledger.prune(last_day)
    return digest.finds_n


def message_of(settings: Settings, digest: finds.Digest) -> str:
    """The digest as it is sent."""
    alerts = settings.listening.alerts
    links = [find.link or page_of(find) for find in digest.finds]
    return finds.text_of(digest, links, max_lines=50 if alerts is None else alerts.max_lines)


def page_of(find: finds.Find) -> str:
    """Where our own page shows the community that a find is of."""
    return page_links.of_view("community", platform=find.platform, community=find.community)


def _alert(settings: Settings, digest: finds.Digest, last_day: date, run_url: str) -> Alert:
    message = message_of(settings, digest)
    return Alert(LISTENING_DIGEST, last_day.isoformat(), None, f"{digest.finds_n} finds", None, message, run_url)


def _to_log(alert: Alert) -> None:
    for line in alert.message.splitlines():
        log.info("alert %s: %s: %s", alert.kind, alert.subject, printable(line, max_chars=1_000))
