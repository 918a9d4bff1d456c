"""A home of the version before coverage, brought up to date through all steps, beside one that began with coverage."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.reddit_lines import DAY, NOON_S, comment, post, write
from home_of_before import STATE_KEYS, make_home_of_before
from pulse.config.settings import load_settings
from pulse.core.errors import NothingPublished
from pulse.core.files import read_json
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.kpi import Month, close_month
from pulse.reading import query
from pulse.reports.monthly import report_month
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds
from support import take

pytestmark = pytest.mark.integration

DAYS_N = 6
WINDOW = Window(DAY, DAY + timedelta(days=DAYS_N - 1))
MONTH = Month(date(2019, 10, 1))
# As the version before saw it: from a file's first record to its last all was known, posts and comments alike.
KNOWN = {"reddit/tea": WINDOW.days(), "reddit/quiet": WINDOW.days()}
FACTS = "community, contribution_date, posts, comments, contributors, outcome, is_day_complete, unproven_n"


def clock() -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC)


def records(kind: str, name: str, days: list[int]) -> list[dict[str, Any]]:
    """Eight on each day."""
    make = post if kind == "post" else comment
    return [
        make(f"{name}{day}x{part}", subreddit=name, author=f"a{part}", created_utc=NOON_S + day * 86_400 + at_s)
        for day in days
        for part, at_s in enumerate(range(-42_600, 43_200, 10_800))
    ]


@dataclass(frozen=True)
class Upgrade:
    """The home of before, and what a home that began with this version publishes of the same files."""

    home: Home
    config: Path
    fresh: list[tuple[Any, ...]]
    frozen: dict[str, bytes]

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(self.home, load_settings(self.config, home=self.home), clock)

    def facts(self) -> list[tuple[Any, ...]]:
        """What is published of each community and day."""
        with duckdb.connect(str(builds.published_file(self.home)), read_only=True) as connection:
            return connection.execute(f"select {FACTS} from marts.fct_community_daily order by all").fetchall()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    """A community with posts and comments, and one of which posts alone were read, one of them a stray record."""
    folder = tmp_path_factory.mktemp("upgrade")
    every_day = list(range(DAYS_N))
    write(folder / "RS_tea", records("post", "tea", every_day))
    write(folder / "RC_tea", records("comment", "tea", every_day[:4]))
    write(folder / "RS_quiet", [*records("post", "quiet", [0, 1]), *records("post", "quiet", [5])[:1]])
    config = folder / "communities.yml"
    config.write_text(
        "communities:\n"
        "  - {platform: reddit, name: tea, source: reddit_archive, path: [RS_tea, RC_tea]}\n"
        "  - {platform: reddit, name: quiet, source: reddit_archive, path: RS_quiet}\n"
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PULSE_HOME", str(folder / "home"))
        environment.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        home = Home.from_environment().create()
        upgrade = Upgrade(home, config, [], {})
        take(upgrade.pipeline, WINDOW)
        close_month(home, MONTH, clock=clock)
        upgrade.fresh.extend(upgrade.facts())
        make_home_of_before(home, KNOWN)
        files = sorted(home.kpi.rglob("v*.parquet"))
        upgrade.frozen.update({str(file): file.read_bytes() for file in files})
        assert upgrade.frozen
        yield upgrade


@pytest.fixture
def upgrade(before: Upgrade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upgrade]:
    """The home as it was left, for each test anew."""
    kept = tmp_path / "kept"
    shutil.copytree(before.home.root, kept)
    monkeypatch.setenv("PULSE_HOME", str(before.home.root))
    monkeypatch.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
    yield before
    shutil.rmtree(before.home.root)
    shutil.copytree(kept, before.home.root)


def test_upgrade__a_rebuild_knows_what_a_home_of_this_version_knows(upgrade: Upgrade):
    assert set(read_json(upgrade.home.warehouse / "state.json")) >= STATE_KEYS
    by_day = {row[:2]: row for row in upgrade.fresh}
    assert by_day["tea", DAY][2:4] == (8, 8)
    assert by_day["tea", WINDOW.last_day][2:4] == (8, None)
    assert by_day["quiet", DAY + timedelta(days=3)][2:4] == (None, None)
    upgrade.pipeline.rebuild(run_id="upgrade")
    assert upgrade.facts() == upgrade.fresh
    assert {str(file): file.read_bytes() for file in sorted(upgrade.home.kpi.rglob("v*.parquet"))} == upgrade.frozen


def test_upgrade__whatever_publishes_first_derives_first(upgrade: Upgrade):
    upgrade.pipeline.publish_results(run_id="import")
    assert upgrade.facts() == upgrade.fresh


def test_upgrade__a_report_of_marts_of_before_is_refused_by_name(upgrade: Upgrade):
    published = builds.published_file(upgrade.home)
    state = published.resolve()
    with duckdb.connect(str(state)) as connection:
        connection.execute("alter table marts.fct_posting_heatmap drop column age_label")
    with pytest.raises(NothingPublished, match=r"fct_posting_heatmap\.age_label.*pulse rebuild"):
        report_month(upgrade.home, MONTH, clock=clock)
    with query.connect(upgrade.home, "marts") as connection:
        assert connection.execute("select count(*) from marts.fct_community_daily").fetchone() != (0,)
