"""Real archives and hostile collections all the way: through the steps of the DAGs, into tables that SQL reads."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.reddit_lines import post, records, undone, write
from pulse.core.errors import PulseError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.platforms.names import canonical_name
from pulse.reading import query
from pulse.steps.pipeline import EntryVerdict, Pipeline
from pulse.warehouse import builds

pytestmark = [pytest.mark.integration, pytest.mark.real_data]

# Each set through `community_backfill`, in one process of its own.
BACKFILLS = """
import json, sys
from datetime import date
from pulse.core.clock import utc_now
from pulse.core.home import Home
from pulse.orchestration import embedded
from pulse.core.window import Window
home = Home.from_environment().create()
for first, last in json.loads(sys.argv[1]):
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    result = embedded.run_window(home, window, started_at=utc_now())
    assert result.is_success, (result.failed(), result.log_file.read_text()[-3000:])
"""
NAUGHTY_DAY = date(2020, 2, 1)
WINDOWS = {
    "askmen": ("2019-10-01", "2019-10-31"),
    "pushshift_2005": ("2005-12-12", "2005-12-31"),
    "ufc": ("2018-10-07", "2018-10-20"),
}


def files_of(recorded_data: Path) -> dict[str, list[Path]]:
    pushshift, ufc = recorded_data / "reddit_pushshift", recorded_data / "reddit_threads_ufc"
    return {
        "askmen": [pushshift / "AskMen_submissions_2019-10.zst"],
        "pushshift_2005": [pushshift / "RC_2005-12.zst"],
        "ufc": [ufc / "submissions.jsonl", ufc / "comments.jsonl"],
    }


@pytest.fixture(scope="module")
def naughty(recorded_data: Path) -> list[str]:
    strings = json.loads((recorded_data / "adversarial_naughty_strings" / "blns.json").read_text())
    return [text for text in strings if text]


@pytest.fixture(scope="module")
def backfilled(recorded_data: Path, naughty: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home after three backfills and a day: askmen and ufc by name, whatever 2005 holds by the wildcard.

    The day holds posts whose community, author, title and text are naughty strings.
    """
    folder = tmp_path_factory.mktemp("real")
    files = files_of(recorded_data)
    start_s = int(Window.one_day(NAUGHTY_DAY).start_at.timestamp())
    lines = [
        post(f"p{number}", subreddit=text, author=text, title=text, selftext=text, created_utc=start_s + number,
             retrieved_on=start_s + number, score=number)
        for number, text in enumerate(naughty)
    ]  # fmt: skip
    files["pushshift_2005"].append(write(folder / "naughty.ndjson", lines))
    entries = [
        {
            "platform": "reddit",
            "name": name,
            "source": "reddit_archive",
            "path": [str(file) for file in files[of]],
            # Samples: between their bursts they show holes, and are whole all the same.
            "covers": {"from": WINDOWS[of][0], "to": WINDOWS[of][1], "kinds": kinds},
        }
        for name, of, kinds in (
            ("AskMen", "askmen", ["post"]),
            ("ufc", "ufc", ["post", "comment"]),
            ("*", "pushshift_2005", ["comment"]),
        )
    ]
    config = folder / "config.yml"
    config.write_text(json.dumps({"communities": entries}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        home = Home(folder / "home").create()
        passed: list[EntryVerdict] = []
        for first, last in (*WINDOWS.values(), (str(NAUGHTY_DAY), str(NAUGHTY_DAY))):
            pipeline, verdicts = steps(home, config, Window(date.fromisoformat(first), date.fromisoformat(last)))
            # Archives that have nothing to do with the window fail; the others must pass.
            assert {verdict["outcome"] for verdict in verdicts} == {"passed", "failed"}, verdicts
            arrived = [verdict for verdict in verdicts if verdict["outcome"] == "passed"]
            pipeline.promote(arrived, run_id=first)
            passed += arrived
        publish(pipeline, passed, Window.one_day(NAUGHTY_DAY))
        yield home


@pytest.mark.parametrize("of", WINDOWS)
def test_backfill__daily_counts_equal_an_independent_count(backfilled: Home, recorded_data: Path, of: str):
    counted: Counter[tuple[str, date, str]] = Counter()
    for file in files_of(recorded_data)[of]:
        for record in records(file):
            day = datetime.fromtimestamp(float(record["created_utc"]), tz=UTC).date()
            kind = "post" if "title" in record else "comment"
            counted[canonical_name("reddit", record["subreddit"]), day, kind] += 1
    with duckdb.connect(str(builds.published_file(backfilled)), read_only=True) as connection:
        found = connection.execute(
            "select community, contribution_date, posts, comments from marts.fct_community_daily "
            "where contribution_date between ? and ? and coalesce(posts, 0) + coalesce(comments, 0) > 0",
            list(WINDOWS[of]),
        ).fetchall()
    assert found
    held = {kind for _, _, kind in counted}
    for community, day, posts, comments in found:
        for kind, told in (("post", posts), ("comment", comments)):
            assert told == (counted[community, day, kind] if kind in held else None), (
                "a kind that no file holds is unknown"
            )
    assert sum((posts or 0) + (comments or 0) for _, _, posts, comments in found) == sum(counted.values())


def test_backfill__what_is_gone_and_what_is_orphaned_appears_as_such(backfilled: Home, recorded_data: Path):
    files = files_of(recorded_data)
    askmen, old = list(records(files["askmen"][0])), list(records(files["pushshift_2005"][0]))
    ids = {f"t1_{record['id']}" for record in old}
    orphans = [record for record in old if record["parent_id"].startswith("t1_") and record["parent_id"] not in ids]
    with duckdb.connect(str(builds.published_file(backfilled)), read_only=True) as connection:
        no_author, removed, with_text = connection.execute(
            "select count(*) filter (where author_key is null), count(*) filter (where removal <> 'none'), "
            "count(*) filter (where removal <> 'none' and (title is not null or body is not null)) "
            "from marts.fct_contributions where community = 'askmen'"
        ).fetchone() or (0, 0, 0)
        found_orphans = connection.execute(
            "select count(*) from marts.fct_contributions as answers where contribution_date < '2006-01-01' "
            "and parent_id like 't1_%' and not exists (select 1 from marts.fct_contributions as parents "
            "where parents.contribution_id = answers.parent_id)"
        ).fetchone()
        trees = connection.execute(
            "select count(*), sum(comments), bool_and(is_root_present) from marts.fct_threads where community = 'ufc'"
        ).fetchone()
    gone = {"[deleted]", "[removed]"}
    assert no_author == sum(record["author"] == "[deleted]" for record in askmen)
    assert removed >= sum(record["selftext"] in gone for record in askmen)
    assert with_text == 0
    assert found_orphans == (len(orphans),)
    assert trees == (10, 591, True)


# ---- hostile collections through the same steps ----------------------------


def steps(home: Home, config: Path, window: Window) -> tuple[Pipeline, list[EntryVerdict]]:
    """Extract and gate every entry, as the DAGs do; an entry whose extraction fails stops no other."""
    from pulse.config.settings import load_settings

    run_id = str(window)
    pipeline = Pipeline(home, load_settings(config, home=home))
    entry_ids = pipeline.plan(window)
    load_ids = []
    for entry_id in entry_ids:
        with suppress(PulseError):
            load_ids.extend(pipeline.extract(entry_id, window, run_id=run_id))
    return pipeline, pipeline.gate_loads(window, entry_ids, load_ids, run_id=run_id)


def publish(pipeline: Pipeline, verdicts: list[EntryVerdict], window: Window) -> None:
    """All that comes after raw."""
    pipeline.score(verdicts)
    pipeline.require_built(pipeline.build())
    pipeline.publish(window, verdicts, pipeline.gate_marts(run_id=str(window)))


def faulty(recorded_data: Path, tmp_path: Path, **changes: Any) -> Path:
    path = recorded_data / "adversarial_ndjson" / "comments_with_faults.ndjson"
    entry = {"platform": "reddit", "name": "*", "source": "reddit_archive", "path": str(path)} | changes
    config = tmp_path / "config.yml"
    config.write_text(json.dumps({"communities": [entry]}))
    return config


MONTH = Window(date(2005, 12, 12), date(2005, 12, 31))
LAND, SKIP = {"ok", "crlf", "null_body", "score_as_string", "created_utc_string"}, {"blank_line", "duplicate_record"}


def test_faulty_lines__at_half_allowed_all_are_accounted_for(home: Home, recorded_data: Path, tmp_path: Path):
    pipeline, verdicts = steps(home, faulty(recorded_data, tmp_path, max_quarantined_share=0.5), MONTH)
    assert verdicts[0]["outcome"] == "passed", verdicts[0]["message"]
    pipeline.promote(verdicts, run_id="run")
    publish(pipeline, verdicts, MONTH)
    with (recorded_data / "adversarial_ndjson" / "faults.csv").open(newline="") as file:
        faults = {int(row["line"]): row["fault"] for row in csv.DictReader(file)}
    lines_n = (recorded_data / "adversarial_ndjson" / "comments_with_faults.ndjson").read_bytes().count(b"\n")
    landed = query.all_rows(home, "select count(*) from marts.fct_contributions")[0][0]
    quarantined = query.all_rows(home, "select line_number, reason from quality.quarantined_rows")
    unplaced = query.all_rows(
        home,
        "select count(*) from quality.quarantined_rows where community is null and day is null and load_id is null",
    )
    assert unplaced[0][0] > 50, "lines that tell no community or no day are nobody's"
    skipped = query.all_rows(home, "select sum(skipped_n) from quality.load_outcomes")[0][0]
    assert skipped == sum(fault == "duplicate_record" for fault in faults.values())
    skipped += sum(fault == "blank_line" for fault in faults.values())  # in the account of the file alone
    wanted = {number for number, fault in faults.items() if fault not in LAND | SKIP}
    assert {number for number, _ in quarantined} == wanted
    assert all(reason for _, reason in quarantined)
    assert skipped == sum(fault in SKIP for fault in faults.values())
    assert landed + len(quarantined) + skipped == lines_n


def test_faulty_lines__by_default_they_stop_the_load(home: Home, recorded_data: Path, tmp_path: Path):
    _, (verdict,) = steps(home, faulty(recorded_data, tmp_path), MONTH)
    assert (verdict["outcome"], verdict["rule"], verdict["limit"]) == ("quarantined", "unplaced_lines_share", "0.05")
    assert query.all_rows(home, "select count(*) from quality.load_outcomes where outcome <> 'quarantined'") == [(0,)]


def test_naughty_strings__pass_every_step_as_plain_data(backfilled: Home, naughty: list[str]):
    with duckdb.connect(str(builds.published_file(backfilled)), read_only=True) as connection:
        rows = connection.execute(
            "select contribution_id, community, title, body from marts.fct_contributions where contribution_date = ?",
            [NAUGHTY_DAY],
        ).fetchall()
        communities = connection.execute(
            "select distinct community from marts.fct_contributions join marts.dim_communities using (community) "
            "where contribution_date = ?",
            [NAUGHTY_DAY],
        ).fetchall()
        counted = connection.execute(
            "select sum(posts) from marts.fct_community_daily where contribution_date = ?", [NAUGHTY_DAY]
        ).fetchone()
    found = {contribution_id: tuple(rest) for contribution_id, *rest in rows}
    assert found == {
        f"t3_p{number}": (canonical_name("reddit", text), undone(text), undone(text))
        for number, text in enumerate(naughty)
    }
    assert {community for (community,) in communities} == {canonical_name("reddit", text) for text in naughty}
    assert counted == (len(naughty),)
