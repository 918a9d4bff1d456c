"""What a new user, or somebody at night, wants checked first. Each check says what it found and what to do next."""

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pulse.errors import PulseError
from pulse.home import Home
from pulse.keys import author_key_bytes
from pulse.settings import Settings, config_path, load_settings

Level = Literal["ok", "warn", "fail"]
_PACKAGES = ("apache-airflow", "praw", "dbt-core", "dbt-duckdb", "duckdb", "great-expectations")
_MIN_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and the next step if it is not well."""

    check: str
    level: Level
    found: str
    next_step: str = ""


def examine(home: Home) -> list[Finding]:
    """Run all checks, in the order in which they matter. Makes the home and the author key if there are none."""
    checks: tuple[tuple[str, Callable[[Home], Finding]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("home", _home),
        ("disk", _disk),
        ("author key", _author_key),
        ("config", _config),
        ("dag files", _dag_files),
        ("sources", _sources),
    )
    return [_guarded(name, check, home) for name, check in checks]


def _guarded(name: str, check: Callable[[Home], Finding], home: Home) -> Finding:
    try:
        return check(home)
    except PulseError as error:
        found = error.thing if error.value is None else f"{error.thing}: {error.value}"
        return Finding(name, "fail", found, error.next_step)


def _python(_: Home) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    is_known = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding("python", "ok" if is_known else "fail", found, "" if is_known else "use Python 3.11, 3.12 or 3.13")


def _packages(_: Home) -> Finding:
    missing, found = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "make install")
    return Finding("packages", "ok", ", ".join(found))


def _home(home: Home) -> Finding:
    home.create()
    probe = home.scratch / f".probe-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Finding("home", "fail", f"{home.root}: {error.strerror}", "set PULSE_HOME to a writable folder")
    return Finding("home", "ok", str(home.root))


def _disk(home: Home) -> Finding:
    free_bytes = shutil.disk_usage(home.root).free
    found = f"{free_bytes / 1024**3:.1f} GiB free"
    if free_bytes < _MIN_FREE_BYTES:
        return Finding("disk", "warn", found, "free some: `pulse prune`; publishing needs twice the marts' size")
    return Finding("disk", "ok", found)


def _author_key(home: Home) -> Finding:
    key = author_key_bytes(home)
    place = "PULSE_AUTHOR_KEY" if os.environ.get("PULSE_AUTHOR_KEY") else str(home.author_key_file)
    return Finding("author key", "ok", f"{len(key)} bytes in {place}; keep a backup, losing it means a full reload")


def _config(home: Home) -> Finding:
    settings = load_settings(home=home)
    files_n = sum(len(entry.path) for entry in settings.communities)
    return Finding("config", "ok", f"{config_path()}: {len(settings.communities)} communities, {files_n} files")


def _dag_files(_: Home) -> Finding:
    from pulse.home import REPOSITORY

    files = sorted(file.name for file in (REPOSITORY / "dags").glob("*.py"))
    if not files:
        return Finding("dag files", "fail", f"none under {REPOSITORY / 'dags'}", "check out the repository whole")
    return Finding("dag files", "ok", ", ".join(files))


def _sources(home: Home) -> Finding:
    try:
        settings: Settings | None = load_settings(home=home)
    except PulseError:
        settings = None
    used = sorted({entry.source for entry in settings.communities}) if settings else []
    return Finding(
        "sources",
        "ok",
        f"configured: {', '.join(used) or 'none'}. Without any account: reddit_archive, for Pushshift and Arctic Shift "
        "files as they are (.zst, .gz or plain)",
    )
