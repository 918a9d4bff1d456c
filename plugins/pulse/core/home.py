"""Where everything lives on disk, and how names become paths.

All data is under one folder, ``PULSE_HOME``; nothing but the virtual environment is written elsewhere.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from pulse.core.errors import ConfigError, StorageError

REPOSITORY = Path(__file__).resolve().parents[3]
PUBLISHED_NAME = "community_pulse.duckdb"
_MAX_SEGMENT_BYTES = 200
# SQLAlchemy and dbt take what follows ``?`` or ``#`` for another part of an address, Airflow's config file ``%`` for a
# reference to another value, Great Expectations ``$HOME`` for a variable, DuckDB's patterns a backslash for an escape.
# Control characters would forge lines of logs.
_UNUSABLE = re.compile(r"[?#%$\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Home:
    """The layout of one ``PULSE_HOME``. Makes no folder by itself, see :meth:`create`."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """``$PULSE_HOME``, or ``.pulse`` in the repository; a relative value is resolved against the repository.

        Raises:
            ConfigError: the path has a character that a library takes for something else.
        """
        root = (REPOSITORY / os.environ.get("PULSE_HOME", ".pulse")).resolve()
        if unusable := _UNUSABLE.search(str(root)):
            raise ConfigError(
                "PULSE_HOME",
                value=f"{root} has {unusable[0]!r}",
                limit="no ?, #, %, $, backslash or control character",
                next_step="choose a folder of another name",
            )
        return cls(root)

    @cached_property
    def landing(self) -> Path:
        """Loads on their way in, and staged archives: where a killed extraction resumes."""
        return self.root / "landing"

    @cached_property
    def raw(self) -> Path:
        """What passed gate 1, by platform, community and day."""
        return self.root / "raw"

    @cached_property
    def scores(self) -> Path:
        """Sentiment by model, platform, community and day."""
        return self.root / "scores"

    @cached_property
    def listening(self) -> Path:
        """What the config says to listen for, as tables, and where texts name brands."""
        return self.root / "listening"

    @cached_property
    def words(self) -> Path:
        """What texts are made of: words, near copies and topics, by day or month. Goes with the texts."""
        return self.root / "words"

    @cached_property
    def quarantine(self) -> Path:
        """What gate 1 stopped, with original lines. Mode 0700."""
        return self.root / "quarantine"

    @cached_property
    def quality(self) -> Path:
        """Outcomes of loads and results of gates, as Parquet; Data Docs beside them."""
        return self.root / "quality"

    @cached_property
    def warehouse(self) -> Path:
        """The working DuckDB file and what belongs to it. One writer."""
        return self.root / "warehouse"

    @cached_property
    def published(self) -> Path:
        """What readers open, and nothing else."""
        return self.root / "published"

    @cached_property
    def published_file(self) -> Path:
        """The stable path for readers; replaced by rename at each publish."""
        return self.published / PUBLISHED_NAME

    @cached_property
    def kpi(self) -> Path:
        """What was told of closed months: aggregates only, never rebuilt and never pruned."""
        return self.root / "kpi"

    @cached_property
    def alerts(self) -> Path:
        """Which finds each notifier was told of, as digests of their keys."""
        return self.root / "alerts"

    @cached_property
    def reports(self) -> Path:
        """The monthly reports; each can be made again from what is frozen and published."""
        return self.root / "reports"

    @cached_property
    def airflow(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self.root / "airflow"

    @cached_property
    def dbt(self) -> Path:
        """Dbt's target and logs."""
        return self.root / "dbt"

    @cached_property
    def lake(self) -> Path:
        """Files of a copied lake on their way to their places (:mod:`pulse.lake.arriving`); made when needed."""
        return self.root / "lake"

    @cached_property
    def scratch(self) -> Path:
        """Short-lived files; may be emptied whenever nothing runs."""
        return self.root / "scratch"

    @cached_property
    def locks(self) -> Path:
        """Lock files."""
        return self.root / "locks"

    @cached_property
    def author_key_file(self) -> Path:
        """The key that pseudonymises authors, unless ``PULSE_AUTHOR_KEY`` gives one."""
        return self.root / "author.key"

    def create(self) -> "Home":
        """Make the folders (mode 0700 for all that holds text before publishing, or secrets). Safe to repeat.

        Raises:
            StorageError: the root cannot be created or written.
        """
        try:
            for folder in (
                self.root, self.landing, self.raw, self.scores, self.words, self.listening, self.quarantine,
                self.quality, self.warehouse, self.published, self.kpi, self.alerts, self.reports, self.airflow,
                self.dbt, self.scratch, self.locks,
            ):  # fmt: skip
                folder.mkdir(parents=True, exist_ok=True)
            for private in (
                self.landing,
                self.raw,
                self.words,
                self.quarantine,
                self.warehouse,
                self.airflow,
                self.scratch,
            ):
                private.chmod(0o700)
        except OSError as error:
            raise StorageError(
                "PULSE_HOME", value=f"{self.root}: {error.strerror}", next_step="set PULSE_HOME to a writable folder"
            ) from error
        return self

    def contributions_dir(self, platform: str, community: str, day: date) -> Path:
        """The raw partition of one community and UTC day."""
        return self.raw / "contributions" / partition_path(platform, community, day)

    def community_contributions_dir(self, platform: str, community: str) -> Path:
        """All raw partitions of one community."""
        return self.raw / "contributions" / community_path(platform, community)

    def tombstones_dir(self, platform: str, community: str) -> Path:
        """Which contributions of one community were taken back, by the load that saw it."""
        return self.raw / "tombstones" / community_path(platform, community)

    def scores_dir(self, model_id: str, platform: str, community: str, day: date) -> Path:
        """The scores one model gave to one raw partition."""
        return self.model_scores_dir(model_id) / partition_path(platform, community, day)

    def model_scores_dir(self, model_id: str) -> Path:
        """All scores that one model gave."""
        return self.scores / f"model_id={path_value(model_id)}"


def partition_path(platform: str, community: str, day: date) -> Path:
    """``platform=…/community=…/day=YYYY-MM-DD``. The true names are in the rows; never read them back from here."""
    return community_path(platform, community) / f"day={day.isoformat()}"


def community_path(platform: str, community: str) -> Path:
    """``platform=…/community=…``; the same holds."""
    return Path(f"platform={path_value(platform)}") / f"community={path_value(community)}"


def path_value(value: str) -> str:
    """One path segment from any text: percent-encoded, or ``sha256-…`` if that is over 200 bytes.

    Letters, digits, ``_`` and ``-`` stand for themselves, so no value can climb out of its folder, hide, or act as a
    glob. The empty text becomes a lone ``%``, which no other text gives.
    """
    encoded = quote(value, safe="", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E") or "%"
    if len(encoded) > _MAX_SEGMENT_BYTES:
        return "sha256-" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return encoded
