"""A person who asks is forgotten: every file of a home is read for the name and the texts, before and after."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import zstandard

from fixtures import reddit_lines
from fixtures.everything import files_with
from fixtures.reddit_lines import comment, post
from pulse.core import keys
from pulse.core.home import Home
from pulse.gates import quarantine
from pulse.lake import forgotten, landing, quality, raw
from pulse.platforms.names import author_key
from pulse.warehouse import builds
from support import pulse

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NAME, TEXT = "Nadia_Quill_77", "tangerine zeppelin"
FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)
CONFIG = """
report: {{quotes: true}}
defaults:
  reddit: {{covers: {{from: 2026-06-01, to: 2026-06-30}}}}
communities:
  - {{platform: reddit, name: Tea, source: reddit_archive, path: {tea}}}
  - {{platform: reddit, name: Mate, source: reddit_archive, path: {mate}}}
"""
# Two runs through the real DAGs in a process of its own, compacted in between.
RUNS = """
import json, sys
from datetime import date, timedelta
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.orchestration import embedded
from pulse.warehouse import builds
home = Home.from_environment().create()
for first, last in json.loads(sys.argv[1]):
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    result = embedded.run_window(home, window, started_at=utc_now())
    assert result.is_success, (result.failed(), result.log_file.read_text()[-3000:])
    builds.compact(home, through=utc_now().date() + timedelta(days=8))
"""


def at(day: int, minute: int) -> int:
    return int(datetime(2026, 6, day, 9, tzinfo=UTC).timestamp()) + 60 * minute


def records(community: str) -> list[Any]:
    """A month of it: each day three people write, one of whom is the person; her post of day 3 is the best of all."""
    made: list[Any] = []
    for day in range(1, 31):
        post_id = f"{community[0].lower()}{day}p"
        made += [
            post(post_id, subreddit=community, author=NAME, title=f"{TEXT} title {day}",
                 selftext=f"I love my {TEXT}, it is wonderful", created_utc=at(day, 0), score=500 if day == 3 else 9,
                 retrieved_on=at(day, 0) + 30 * 86_400,
                 num_comments=2, permalink=f"/r/{community}/comments/{post_id}/{TEXT.replace(' ', '_')}/"),
            comment(f"{post_id}a", subreddit=community, author="Other_One", body="a cup of tea is fine",
                    link_id=f"t3_{post_id}", parent_id=f"t3_{post_id}", created_utc=at(day, 5)),
            comment(f"{post_id}b", subreddit=community, author=NAME.lower(), body=f"my {TEXT} again",
                    link_id=f"t3_{post_id}", parent_id=f"t1_{post_id}a", created_utc=at(day, 9)),
            post(f"{post_id}o", subreddit=community, author=f"Writer_{day % 5}", title="Which kettle?",
                 selftext="Mine broke.", created_utc=at(day, 20), retrieved_on=at(day, 20) + 30 * 86_400),
        ]  # fmt: skip
    return made


# Kept apart by gate 1, with a community and a day; and one that tells neither.
UNREADABLE = post("t9x", author=NAME, selftext=f"{TEXT} unreadable", score="many", created_utc=at(9, 1))
UNPLACED = json.dumps({"author": NAME, "selftext": f"{TEXT} of nowhere", "created_utc": "soon"}).encode()


@dataclass(frozen=True)
class Listened:
    home: Home
    tea: Path
    mate: Path


@pytest.fixture(scope="module")
def listened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listened]:
    """A home that read a month with the person in it, in two runs, was compacted, closed its month and has a report."""
    folder = tmp_path_factory.mktemp("forgetting")
    home = Home(folder / "home").create()
    tea = reddit_lines.write(home.root / "files" / "RS_tea.ndjson", [*records("Tea"), UNREADABLE, UNPLACED])
    mate = reddit_lines.write(
        folder / "RS_mate.zst", zstandard.compress(reddit_lines.lines([*records("Mate"), *broken_feed()]))
    )
    config = folder / "communities.yml"
    config.write_text(CONFIG.format(tea=tea, mate=mate))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PULSE_HOME", str(home.root))
        environment.setenv("PULSE_CONFIG", str(config))
        environment.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        run([[FIRST, date(2026, 6, 15)], [date(2026, 6, 16), LAST]])
        assert pulse("report", "2026-06").exit_code == 0
        yield Listened(home, tea, mate)


def broken_feed() -> list[Any]:
    """Enough lines of the second half that cannot be used for gate 1 to stop that load."""
    return [
        post(f"m{number}x", subreddit="Mate", author=NAME, title=TEXT, selftext=TEXT, score="many",
             created_utc=at(16 + number % 14, number))
        for number in range(30)
    ]  # fmt: skip


def run(windows: list[list[date]]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    given = json.dumps([[day.isoformat() for day in window] for window in windows])
    done = subprocess.run(
        [sys.executable, "-c", RUNS, given], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def places(home: Home, found: dict[Path, set[str]]) -> set[str]:
    deep = {"landing", "quarantine", "raw"}
    return {"/".join(path.parts[:2]) if path.parts[0] in deep else path.parts[0] for path in found}


def test_forget__leaves_nothing_that_can_be_read(listened: Listened):
    home, inputs = listened.home, (listened.tea,)
    (home.scratch / "left-by-a-kill").mkdir()
    (home.scratch / "left-by-a-kill" / "lines.ndjson").write_text(f"{NAME}: {TEXT}")
    draft = home.landing / "loads" / ".draft-of-a-kill" / "rows"
    draft.mkdir(parents=True)
    (draft / "day=2026-06-03.parquet").write_text(f"half of a file: {TEXT}")
    before = files_with(home.root, [NAME, TEXT], but=inputs)
    expected = {
        "landing/loads", "landing/archives", "quarantine/loads", "quarantine/rows", "raw/contributions", "warehouse",
        "published", "reports", "scratch",
    }  # fmt: skip
    assert places(home, before) >= expected, "or the test below would pass on nothing"
    assert len({path for path in before if path.parts[:2] == ("published", "states")}) >= 2
    assert any(path.name == "compacted.parquet" for path in before)
    assert not places(home, before) & {"airflow", "dbt", "quality", "kpi", "locks"}
    assert quarantine.stopped_loads(home)
    rows_before = rows_by_day(home)
    scores_before = scores_n(home)

    done = pulse("forget", "--platform", "reddit", "--author", "-", stdin=f"{NAME}\n")
    assert done.exit_code == 0, done.output
    assert NAME.lower() not in done.output.lower()

    assert files_with(home.root, [NAME, TEXT], but=inputs) == {}
    assert rows_by_day(home) == rows_before, "what was counted stays"
    assert scores_n(home) == scores_before - 90, "Mate's second half was stopped, and never judged"
    assert f"{listened.tea}: 62 lines hold the name" in done.output
    assert f"{listened.mate}: 90 lines hold the name" in done.output
    key = author_key(keys.author_key_bytes(home), "reddit", NAME)
    assert {path.parts[:2] for path in files_with(home.root, [key])} == {("raw", "forgotten")}


def rows_by_day(home: Home) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(
            "select community, cast(created_at as date), count(*), sum(score) "
            f"from read_parquet('{raw.contributions_glob(home)}', hive_partitioning = false) group by all order by all"
        ).fetchall()


def scores_n(home: Home) -> int:
    return sum(pq.read_metadata(file).num_rows for file in home.scores.rglob("*.parquet"))


def test_forget__says_in_a_table_what_it_did(listened: Listened):
    rows = pq.read_table(home_of(listened) / "quality" / quality.ERASURES).to_pylist()
    done = [row for row in rows if row["done_at"] is not None]
    assert {row["reason"] for row in done} == {"asked"}
    assert all(row["left_n"] == 0 for row in done if row["file"] is None and "word" not in row["what"])
    by_place = {(row["place"], row["what"]): row["found_n"] for row in done if row["file"] is None}
    assert by_place["raw/contributions", "rows"] > 0
    assert by_place["quarantine", "lines"] > 0
    assert {Path(row["file"]).name for row in done if row["file"]} == {"RS_tea.ndjson", "RS_mate.zst"}
    shown = pulse("sql", "select place, what, found_n, left_n from quality.erasures", "--format", "csv")
    assert shown.exit_code == 0
    assert "raw/contributions,rows" in shown.output


def home_of(listened: Listened) -> Path:
    return listened.home.root


def test_forget__what_is_loaded_again_brings_nothing_back(listened: Listened):
    """The files still hold the texts: parsed anew, and loaded again through the DAGs."""
    home = listened.home
    for folder in (home.landing / "archives").iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    run([[FIRST, LAST]])
    assert [load.load_id for load in landing.sealed_loads(home)]
    assert files_with(home.root, [NAME, TEXT], but=[listened.tea]) == {}
    with duckdb.connect(str(builds.published_file(home)), read_only=True) as connection:
        shown = connection.execute(
            "select removal, count(*), count(title), count(body), count(author_key) from marts.fct_contributions "
            "where community = 'tea' group by all order by all"
        ).fetchall()
    assert shown == [("by_author", 60, 0, 0, 0), ("none", 60, 30, 60, 60)]
    assert forgotten.everybody(home)


def test_forget__again_changes_nothing_and_an_unknown_name_is_no_error(listened: Listened):
    home = listened.home
    again = pulse("forget", "--platform", "reddit", "--author", NAME, "--yes")
    assert again.exit_code == 0, again.output
    assert "raw/contributions" not in again.output
    nobody = pulse("forget", "--platform", "discord", "--yes", stdin="424242424242424242\n")
    assert nobody.exit_code == 0, nobody.output
    assert {person.platform for person in forgotten.everybody(home)} == {"discord", "reddit"}


def test_forget__refuses_what_is_no_name_and_shows_none(listened: Listened):
    blank = pulse("forget", "--platform", "reddit", "--author", f" {NAME}", "--yes")
    assert blank.exit_code == 2
    assert NAME not in blank.output
