"""Where Java is, which Spark runs on; nothing of it comes with Python's packages."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from pulse.core.errors import ConfigError

LEAST_VERSION = 17
_FOLDER = Path("/usr/lib/jvm")
_ASKED_S = 30.0


def java_home() -> Path:
    """The folder of a Java runtime that Spark takes: ``$JAVA_HOME``, that of ``java`` on the path, or of Debian.

    Raises:
        ConfigError: there is none, or only older ones; names what was looked at.
    """
    looked_at = []
    for folder in _candidates():
        version = _version(folder)
        if version is not None and version >= LEAST_VERSION:
            return folder
        looked_at.append(f"{folder} ({'no Java' if version is None else f'version {version}'})")
    raise ConfigError(
        "engine: spark",
        value="no Java to run it on" + (f", looked at {', '.join(looked_at)}" if looked_at else ""),
        limit=f"Java {LEAST_VERSION} or newer",
        next_step="install one (Debian: apt-get install openjdk-17-jre-headless) or name its folder in JAVA_HOME; "
        "`engine: duckdb` needs none",
    )


def _candidates() -> list[Path]:
    named = os.environ.get("JAVA_HOME")
    if named:
        # Who names one means it: another would be a surprise.
        return [Path(named)]
    on_path = shutil.which("java")
    found = [Path(on_path).resolve().parent.parent] if on_path else []
    return [*dict.fromkeys([*found, *sorted(_FOLDER.glob("*/"), reverse=True)])]


def _version(folder: Path) -> int | None:
    """The feature release, as 17; None where there is no Java."""
    try:
        told = subprocess.run(
            [folder / "bin" / "java", "-version"], capture_output=True, text=True, check=True, timeout=_ASKED_S
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r'version "(\d+)', told)
    return int(number[1]) if number else None
