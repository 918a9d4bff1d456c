"""The plan of a run: reckoned once, sealed in landing, and read by every task that asks for a part of it."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulse.core.errors import StorageError
from pulse.core.files import read_json, write_json
from pulse.core.home import Home
from pulse.core.locks import exclusive
from pulse.core.window import Window

log = logging.getLogger(__name__)

Content = dict[str, Any]


def sealed_plan(
    home: Home,
    source: str,
    window: Window,
    config: Mapping[str, Any],
    *,
    is_current: Callable[[Content], bool],
    make: Callable[[], Content],
) -> Content:
    """The sealed plan of a window; made and sealed first where there is none that holds.

    Tasks that come at once make it once: the others wait, and read it then. A killed task leaves the plan of before, or
    none.

    Args:
        config: what the plan follows from besides raw, as JSON takes it; another one has a plan of its own.
        is_current: whether a sealed plan still holds, as far as the caller wants to know.
        make: reckons the plan, as JSON takes it. What it raises is raised, and nothing is sealed.

    Raises:
        LockBusy: another task has been making it for ten minutes.
        StorageError: landing cannot be written.
        PulseError: what ``make`` raises.
    """
    file = plans_folder(home) / f"{source}-{window.first_day:%Y%m%d}-{window.last_day:%Y%m%d}-{_digest(config)}.json"
    content = _read(file)
    if content is not None and is_current(content):
        return content
    # One lock for all windows, because the file of a lock stays for good.
    with exclusive(home, f"plan-{source}"):
        content = _read(file)
        if content is None or not is_current(content):
            content = make()
            write_json(file, {"plan": content, "digest": _digest(content)})
    return content


def plans_folder(home: Home) -> Path:
    """Where plans lie, of all live sources."""
    return home.landing / "plans"


def _read(file: Path) -> Content | None:
    """The plan of a file; None where there is none, or it is not what was sealed."""
    if not file.exists():
        return None
    try:
        sealed = read_json(file)
        content: Content = sealed["plan"]
        is_whole = sealed["digest"] == _digest(content)
    except (StorageError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        log.warning("%s is damaged: the plan is made again", file)
        return None
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]
