"""Gate 1 on loads made by hand: every rule stops or quarantines what it is there for, and nothing else."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

import support
from pulse.config.settings import Settings
from pulse.core import coverage
from pulse.core.contract import OBSERVABLE
from pulse.core.errors import ConfigError, StorageError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates import LoadVerdict, check_loads, load_gate, load_tables, quarantine, runner
from pulse.gates.rules import LOAD_RULES, ROW_RULES
from pulse.gates.runner import Answer, Batch
from pulse.gates.volume import History
from pulse.lake import landing, outcomes, quality
from pulse.lake.landing import FileAccount, Load
from pulse.sources.reddit.entry import RedditArchiveEntry
from support import NOON, community_observation, contribution, sealed_load, write_bad_lines, write_contract_rows

pytestmark = pytest.mark.integration

DAY = NOON.date()
NOW = NOON + timedelta(days=40)


def settings(*names: str, max_quarantined_share: float = 0.05) -> Settings:
    return Settings(
        communities=tuple(
            RedditArchiveEntry(
                platform="reddit",
                name=name,
                source="reddit_archive",
                path=(Path("x"),),
                max_quarantined_share=max_quarantined_share,
            )
            for name in names or ("tea", "mate")
        )
    )


def rows(count: int = 60, *, prefix: str = "a", **changes: Any) -> list[dict[str, Any]]:
    """Good posts by different people, ten seconds apart."""
    return [
        contribution(
            f"t3_{prefix}{number}",
            **({"created_at": NOON + timedelta(seconds=10 * number), "author_key": f"{number:064x}"} | changes),
        )
        for number in range(count)
    ]


def gate(home: Home, *loads: Load, config: Settings | None = None, run_id: str = "run") -> list[LoadVerdict]:
    return check_loads(loads, home=home, settings=config or settings(), run_id=run_id, clock=lambda: NOW)


@cache
def database() -> duckdb.DuckDBPyConnection:
    """One for all variants: their tables replace each other."""
    return duckdb.connect(config={"threads": 1})


def broken_rules(home: Home, load: Load) -> set[str]:
    """Critical rules that the load's own tables are against, row rules included: gate 1 less Great Expectations.

    That each of them stops a load, or keeps rows out, is shown with the whole gate; so variants need not wait for it.
    """
    with database().cursor() as connection:
        connection.execute("set timezone = 'UTC'")
        tables = load_tables.build(
            connection, load, number=0, max_quarantined_share=0.05, bands=History(connection, home, [load]).bands(load),
            waived=frozenset(), checked_at=NOW,
        )  # fmt: skip
    broken = {rule.name for rule in ROW_RULES if rule.severity == "critical" and tables.failed_by_rule[rule.name]}
    for rule in LOAD_RULES:
        value = tables.numbers[rule.name]
        highest = 0.05 if isinstance(rule.maximum, str) else rule.maximum
        is_over = value is None or (highest is not None and value > highest)
        if rule.severity == "critical" and (is_over or (rule.minimum is not None and value < rule.minimum)):
            broken.add(rule.name)
    return broken


def stopped_by(verdict: LoadVerdict) -> set[str]:
    return {finding.rule for finding in verdict.stopped_by}


def results(home: Home) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Stored results by load and rule: is_passed, is_stopping, failed_n, value."""
    stored = support.ask(
        "select load_id, rule, is_passed, is_stopping, failed_n, value from read_parquet(?)",
        [quality.glob(home, quality.GATE_RESULTS)],
    )
    return {(load_id, rule): rest for load_id, rule, *rest in stored.fetchall()}


@pytest.fixture(scope="module")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables without rows, made once: to flush each takes longer than many a test here."""
    home = Home(tmp_path_factory.mktemp("tables")).create()
    quality.ensure_tables(home)
    return home.quality


@pytest.fixture(autouse=True)
def tables(home: Home, empty_tables: Path) -> None:
    shutil.copytree(empty_tables, home.quality, dirs_exist_ok=True)


@pytest.fixture
def great_expectations() -> None:
    """The gate asks Great Expectations, for a test that is about its answers. Every rule is in one of these."""


@pytest.fixture
def docs() -> None:
    """Data Docs are made, for a test that looks at them."""


@pytest.fixture(autouse=True)
def counted_else(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere a count of the same tables answers: Great Expectations takes half of the gate's time, docs a fifth."""
    if "docs" not in request.fixturenames:
        monkeypatch.setattr(runner, "_build_docs", lambda *_: None)
    if not {"great_expectations", "docs"} & {*request.fixturenames}:
        monkeypatch.setattr(runner, "run", counted)


def counted(database: Path, batches: Sequence[Batch], **_: Any) -> dict[str, dict[str, Answer]]:
    """What Great Expectations would say of booleans that must all be true."""
    answers = {}
    with duckdb.connect(str(database), read_only=True, config={"threads": 1}) as connection:
        for batch in batches:
            columns = ", ".join(f"count(*) filter (where {check.rule} is not true)" for check in batch.checks)
            (failed,) = connection.execute(f"select {columns} from {batch.table}").fetchall()
            answers[batch.name] = {
                check.rule: Answer(check.rule, is_success=not count, unexpected_n=count)
                for check, count in zip(batch.checks, failed, strict=True)
            }
    return answers


# ---- a good load -----------------------------------------------------------


@pytest.mark.usefixtures("docs")
def test_check_loads__good_load_passes_whole_with_a_result_for_every_rule(home: Home):
    load = sealed_load(home, rows())
    (verdict,) = gate(home, load)
    assert (verdict.is_passed, verdict.rows_n, verdict.accepted_n, verdict.quarantined_n) == (True, 60, 60, 0)
    assert verdict.warnings == ()
    stored = results(home)
    assert {rule for _, rule in stored} == {rule.name for rule in (*ROW_RULES, *LOAD_RULES)}
    assert all(is_passed for is_passed, *_ in stored.values())
    assert landing.require(home, load.load_id).accepted_files() == load.rows_files()
    assert list((home.quality / "data_docs" / "run").rglob("*.html"))
    assert not list(home.scratch.iterdir())


def test_check_loads__asks_enough_of_a_load():
    assert len(ROW_RULES) + len(LOAD_RULES) >= 15
    assert all(rule.reason for rule in (*ROW_RULES, *LOAD_RULES))
    names = [rule.name for rule in (*ROW_RULES, *LOAD_RULES)]
    assert len(set(names)) == len(names)


# ---- row rules -------------------------------------------------------------

BROKEN_ROWS: dict[str, dict[str, Any]] = {
    "contribution_id_is_well_formed": {"contribution_id": "t3_UPPER", "thread_id": "t3_UPPER"},
    "kind_is_known": {"kind": "poem"},
    "kind_matches_id": {"kind": "comment", "thread_id": "t3_x", "parent_id": "t3_x"},
    "post_is_its_own_thread": {"thread_id": "t3_other"},
    "comment_hangs_from_something": {"contribution_id": "t1_z", "kind": "comment", "parent_id": ""},
    "community_is_the_entrys": {"community": "coffee"},
    "platform_is_the_entrys": {"platform": "discord"},
    "source_and_load_are_named": {"source": "somewhere"},
    "created_inside_its_partition": {"created_at": NOON + timedelta(days=1), "partition": DAY},
    "created_at_is_plausible": {"created_at": NOW + timedelta(days=2), "partition": DAY},
    # The second row of the id that is broken by its kind above.
    "contribution_has_one_creation_time": {"contribution_id": "t3_broken1", "thread_id": "t3_broken1"},
    "observed_after_created": {"observed_at": NOON - timedelta(days=1)},
    "observed_before_now": {"observed_at": NOW + timedelta(hours=1)},
    "edited_after_created": {"edited_at": NOON - timedelta(hours=1)},
    "author_key_is_a_hash": {"author_key": "spez"},
    "author_role_is_known": {"author_role": "king"},
    "removal_is_known": {"removal": "by_wind"},
    "counts_are_not_negative": {"reply_count": -1},
    "score_is_plausible": {"score": 1_600_000_000},
    "upvote_ratio_is_a_share": {"upvote_ratio": math.nan},
    "text_is_bounded": {"title": "x" * 2_001},
    "comments_have_no_title": {
        "contribution_id": "t1_titled",
        "kind": "comment",
        "thread_id": "t3_a",
        "parent_id": "t3_a",
    },
    "message_is_its_own_thread": {"contribution_id": "t1_chat", "kind": "message", "thread_id": "t3_a", "title": None},
    "text_hash_matches": {"text_sha256": "0" * 64},
    "placeholders_are_not_text": {"body": "[removed]"},
    "unobservable_is_null": {"channel": "general"},
    "contract_version_is_known": {"contract_version": 99},
}


def load_with_raw_changes(home: Home, good: list[dict[str, Any]], broken: dict[str, dict[str, Any]]) -> Load:
    """A load of good rows and broken ones; the broken ones may say which partition file they lie in."""
    load = sealed_load(home, good)
    files = {day: [{**row, "load_id": load.load_id} for row in good] for day in (DAY,)}
    hashes: dict[str, str] = {}
    for number, example in enumerate(broken.values()):
        changes = {name: value for name, value in example.items() if name != "partition"}
        row = contribution(f"t3_broken{number}", created_at=NOON + timedelta(hours=1, minutes=number))
        row["load_id"] = load.load_id
        row["thread_id"] = row["contribution_id"]
        row |= changes
        row["observed_at"] = changes.get("observed_at") or min(row["created_at"] + timedelta(days=1), NOW)
        if "text_sha256" in changes:
            hashes[row["contribution_id"]] = changes["text_sha256"]
        files[DAY].append(row)
    path = load.folder / "rows" / f"day={DAY}.parquet"
    write_contract_rows(path, files[DAY])
    with duckdb.connect() as connection:
        connection.execute("create table rows as select * from read_parquet(?, hive_partitioning = false)", [str(path)])
        for contribution_id, text_sha256 in hashes.items():
            connection.execute(
                "update rows set text_sha256 = ? where contribution_id = ?", [text_sha256, contribution_id]
            )
        connection.table("rows").write_parquet(str(path))
    observes = tuple(sorted(OBSERVABLE - {"channel", "is_accepted_answer"}))
    manifest = load.manifest.model_copy(update={"rows_by_day": {DAY: len(files[DAY])}, "observes": observes})
    (load.folder / landing.MANIFEST).write_text(manifest.model_dump_json())
    return landing.open_load(load.folder)


def test_row_rules__each_has_an_example_that_breaks_it():
    assert set(BROKEN_ROWS) == {rule.name for rule in ROW_RULES}


@pytest.mark.usefixtures("great_expectations")
def test_row_rules__each_broken_row_is_quarantined_with_the_rules_name_and_the_good_ones_go_on(home: Home):
    load = load_with_raw_changes(home, rows(), BROKEN_ROWS)
    (verdict,) = gate(home, load, config=settings(max_quarantined_share=1.0))
    assert verdict.is_passed, verdict.stopped_by
    assert (verdict.accepted_n, verdict.quarantined_n) == (60, len(BROKEN_ROWS))
    with duckdb.connect() as connection:
        noted = connection.execute(
            "select rule, count(*) from read_parquet(?) group by rule", [quality.glob(home, quality.QUARANTINED_ROWS)]
        ).fetchall()
        accepted = connection.execute(
            "select count(*), count(*) filter (where contribution_id like 't3_a%') from read_parquet(?)",
            [[str(file) for file in load.accepted_files().values()]],
        ).fetchone()
    assert {rule for rule, _ in noted} == set(BROKEN_ROWS)
    assert accepted == (60, 60)
    kept = quarantine.kept_records(home, load.load_id, limit=100)
    assert len(kept) == len(BROKEN_ROWS)


def test_row_rules__what_is_kept_out_is_counted_in_the_outcome_of_its_day(home: Home):
    load = sealed_load(home, [*rows(), contribution("t3_z", kind="poem")])
    assert gate(home, load)[0].quarantined_n == 1
    entry, _ = settings().communities
    (row,) = outcomes.arrival_rows(home, entry, load, run_id="run", recorded_at=NOW)
    assert (row["contributions_n"], row["quarantined_rows_n"]) == (60, 1)
    (row,) = outcomes.arrival_rows(home, entry, load, run_id="another", recorded_at=NOW)
    assert row["quarantined_rows_n"] == 0


def test_row_rules__a_rerun_that_finds_nothing_broken_takes_the_separation_back(home: Home):
    load = load_with_raw_changes(home, rows(), {"kind_is_known": {"kind": "poem"}})
    gate(home, load)
    assert load.accepted_folder.is_dir()
    load = sealed_load(home, rows())
    gate(home, load)
    assert not load.accepted_folder.exists()
    assert quarantine.loads_with_records(home) == []


# ---- load rules ------------------------------------------------------------


def flood(home: Home) -> Load:
    return sealed_load(home, [*rows(30), *rows(40, prefix="f", author_key="f" * 64)])


def emptied(home: Home) -> Load:
    return sealed_load(home, [*rows(40), *rows(20, prefix="e", title=None, body=None)])


def without_scores(home: Home) -> Load:
    return sealed_load(home, [*rows(40), *rows(20, prefix="s", score=None)])


def one_moment(home: Home) -> Load:
    return sealed_load(home, [*rows(40), *rows(20, prefix="m", created_at=NOON + timedelta(hours=2))])


def repeated(home: Home) -> Load:
    return sealed_load(home, [*rows(60), *rows(1)])


def short(home: Home) -> Load:
    load = sealed_load(home, rows())
    write_contract_rows(
        load.folder / "rows" / f"day={DAY}.parquet", [{**row, "load_id": load.load_id} for row in rows(50)]
    )
    return load


def unproven(home: Home) -> Load:
    return sealed_load(home, [], incomplete_days=(DAY,))


def broken_feed(home: Home) -> Load:
    line = {"file": "f", "fault": "truncated", "detail": "", "line": b"{", "community": "tea", "day": DAY}
    return sealed_load(home, rows(), bad_lines=[line | {"line_number": number} for number in range(4)])


def late(home: Home) -> Load:
    return sealed_load(
        home, rows(observed_at=NOON + timedelta(hours=1)), is_replayable=False, window=Window(DAY, DAY + timedelta(2))
    )


def lost_half(home: Home) -> Load:
    """Of a community of its own, since no other load here brings what is usual there."""
    history(home, [400, 410, 395, 402, 398], community="mate")
    return sealed_load(home, rows(200, community="mate"), community="mate")


def cut(home: Home) -> Load:
    short = rows(40, prefix="s", body="short")
    return sealed_load(home, [*short, *({**row, "body": f"{number:080d}"} for number, row in enumerate(rows(20)))])


def relabelled(home: Home) -> Load:
    """A good load, a tenth of which and more has addresses in another community."""
    own, other = "/r/Tea/comments/a/b/", "/r/coffee/comments/a/b/"
    return sealed_load(home, [*rows(60, permalink=own), *rows(7, prefix="c", permalink=other)])


def doubled(home: Home) -> Load:
    return sealed_load(home, [{**row, "score": 2 * number} for number, row in enumerate(rows(), start=1)])


def live_rows(home: Home, **changes: Any) -> Load:
    facts: dict[str, Any] = {"load_id": "reddit_api-tea", "source": "reddit_api", "is_replayable": False}
    return sealed_load(home, rows(source="reddit_api", **changes), **facts)


def all_removed(home: Home) -> Load:
    return live_rows(home, removal="by_moderator")


def without_authors(home: Home) -> Load:
    return live_rows(home, author_key=None)


def with_communities(home: Home, *changes: dict[str, Any], **manifest: Any) -> Load:
    """A good live load that also saw its community, once per set of changes."""
    return sealed_load(
        home, rows(source="reddit_api"), load_id="reddit_api-tea", source="reddit_api", is_replayable=False,
        communities=[community_observation(**change) for change in changes], **manifest,
    )  # fmt: skip


def unseen_community(home: Home) -> Load:
    return with_communities(home, community_observations_n=1)


def coverage_lost(home: Home) -> Load:
    return sealed_load(home, rows(), coverage_rows_n=2)


def implausible_community(home: Home) -> Load:
    return with_communities(home, {"members_n": -1})


def copied(home: Home, rows_n: int = 60, **manifest: Any) -> Load:
    """A good load and a copy of some of its rows in another time zone."""
    good = rows()
    copy = [row | {"created_at": row["created_at"] - timedelta(hours=5)} for row in good[:rows_n]]
    return sealed_load(home, [*good, *copy], **manifest)


def account(**changes: Any) -> FileAccount:
    """Of a file of 100 lines that gave the 60 rows of a good load."""
    facts: dict[str, Any] = {
        "file": "/archives/RC", "content": "c0ffee", "lines_n": 100, "landed_n": 60, "quarantined_n": 0,
        "unplaced_n": 0, "outside_n": 40,
    }  # fmt: skip
    return FileAccount(**(facts | changes))


def lost_lines(home: Home) -> Load:
    return sealed_load(home, rows(), files=(account(outside_n=39),))


def damaged_file(home: Home) -> Load:
    return sealed_load(home, rows(), files=(account(unplaced_n=6, outside_n=34),))


STOPPED: dict[str, Callable[[Home], Load]] = {
    "contradicting_times_share": copied,
    "lines_add_up": lost_lines,
    "unplaced_lines_share": damaged_file,
    "texts_cut_share": cut,
    "strayed_permalink_share": relabelled,
    "scores_share_a_factor": doubled,
    "live_removed_share": all_removed,
    "live_author_missing_share": without_authors,
    "one_author_share": flood,
    "empty_text_share": emptied,
    "score_missing_share": without_scores,
    "one_moment_share": one_moment,
    "no_repeated_observation": repeated,
    "rows_match_manifest": short,
    "rows_or_proof": unproven,
    "quarantined_share": broken_feed,
    "observed_late_h": late,
    "volume_days_out_of_band": lost_half,
    "community_observations_are_the_loads": unseen_community,
    "coverage_is_the_loads": coverage_lost,
    "community_observations_are_plausible": implausible_community,
}


def history(home: Home, counts: list[int], *, community: str = "tea") -> None:
    """Outcomes of the same weekday in the weeks before."""
    quality.append(
        home,
        quality.LOAD_OUTCOMES,
        [
            {
                "run_id": f"past-{week}", "platform": "reddit", "entry_id": f"reddit/{community}",
                "community": community, "source": "reddit_archive", "day": DAY - timedelta(weeks=week),
                "outcome": "arrived", "contributions_n": count, "recorded_at": NOON,
            }
            for week, count in enumerate(counts, start=1)
        ],
        stem="past",
    )  # fmt: skip


def assert_stopped_and_kept(home: Home, load: Load, verdict: LoadVerdict, rule: str) -> None:
    assert stopped_by(verdict) == {rule}
    finding = verdict.stopped_by[0]
    assert rule in finding.message
    assert finding.value != "unknown"
    assert landing.find(home, load.load_id) is None
    assert [list(kept.reasons) for kept in quarantine.stopped_loads(home) if kept.load_id == load.load_id] == [[rule]]
    assert results(home)[load.load_id, rule][:2] == [False, True]


@pytest.mark.parametrize("rule", STOPPED)
def test_load_rules__stop_the_whole_load_and_keep_it(home: Home, rule: str):
    load = STOPPED[rule](home)
    (verdict,) = gate(home, load)
    assert_stopped_and_kept(home, load, verdict, rule)
    assert len(quarantine.stopped_loads(home)) == 1


@pytest.mark.usefixtures("great_expectations")
def test_load_rules__stop_their_own_load_each_where_great_expectations_is_asked_about_all(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    loads = {}
    for rule, make in STOPPED.items():
        # Each under a name of its own.
        monkeypatch.setitem(globals(), "sealed_load", partial(sealed_load_of, rule))
        loads[rule] = make(home)
    for (rule, load), verdict in zip(loads.items(), gate(home, *loads.values()), strict=True):
        assert_stopped_and_kept(home, load, verdict, rule)
    assert len(quarantine.stopped_loads(home)) == len(STOPPED)


def sealed_load_of(rule: str, *arguments: Any, load_id: str = "", **facts: Any) -> Load:
    return support.sealed_load(*arguments, load_id=f"{load_id}-{rule}", **facts)


def test_load_rules__critical_ones_have_an_example_that_breaks_them():
    critical = {rule.name for rule in LOAD_RULES if rule.severity == "critical"}
    assert critical == {*STOPPED, "schema_matches"}


# ---- what was looked at ------------------------------------------------------


MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"day": DAY - timedelta(days=1)},
        {"kind": "likes"},
        {"proof": "hearsay"},
        {"proof": "none"},
        {"community": "mate"},
        {"platform": "discord"},
        {"except_communities": ("mate",)},
        {"looked_from": MIDNIGHT - timedelta(hours=1)},
        {"looked_to": MIDNIGHT + timedelta(hours=25)},
        {"looked_to": MIDNIGHT},
        {"looked_from": None},
        {"counted_n": -1},
    ],
)
def test_coverage__that_cannot_be_stops_the_load(home: Home, changes: dict[str, Any]):
    first, second = looks_at_both_kinds()
    load = sealed_load(home, rows(), coverage_rows_n=2)
    coverage.write(
        load.coverage_file, [replace(first, **changes), second], source="reddit_archive", load_id=load.load_id
    )
    assert broken_rules(home, load) == {"coverage_is_the_loads"}


def test_coverage__that_can_be_stops_nothing(home: Home):
    load = sealed_load(home, rows(), coverage_rows_n=2)
    coverage.write(load.coverage_file, looks_at_both_kinds(), source="reddit_archive", load_id=load.load_id)
    assert broken_rules(home, load) == set()


def looks_at_both_kinds() -> list[coverage.Look]:
    return [coverage.whole_day("reddit", "tea", DAY, kind, "spanned") for kind in ("comment", "post")]


def test_coverage__of_one_kind_alone_stops_the_load(home: Home):
    load = sealed_load(home, rows(), coverage_rows_n=1)
    looks = [coverage.whole_day("reddit", "tea", DAY, "post", "spanned")]
    coverage.write(load.coverage_file, looks, source="reddit_archive", load_id=load.load_id)
    assert broken_rules(home, load) == {"coverage_is_the_loads"}


# ---- where every line went ---------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        (account(lines_n=101),),
        (account(skipped={"blank_line": 1}),),
        (account(), account(content="other", landed_n=0, outside_n=99)),
        (account(landed_n=59, outside_n=41),),
        (account(quarantined_n=1, outside_n=39),),
        (account(), account(content="other", lines_n=100)),
    ],
)
def test_lines_add_up__per_file_and_with_the_load(home: Home, files: tuple[FileAccount, ...]):
    assert broken_rules(home, sealed_load(home, rows(), files=files)) == {"lines_add_up"}


def test_lines_add_up__says_of_which_file(home: Home):
    (verdict,) = gate(home, lost_lines(home))
    assert "/archives/RC: 1 lines" in verdict.stopped_by[0].message


@pytest.mark.parametrize(
    ("changes", "is_stopped"),
    [
        ({"unplaced_n": 5, "outside_n": 35}, False),
        ({"unplaced_n": 6, "outside_n": 34}, True),
        # Blank lines are no lines of anybody: 4 of 70.
        ({"unplaced_n": 4, "outside_n": 6, "skipped": {"blank_line": 30}}, True),
    ],
)
def test_unplaced_lines__more_than_one_in_twenty_of_a_file_stop_the_load(
    home: Home, changes: dict[str, Any], is_stopped: bool
):
    load = sealed_load(home, rows(), files=(account(content="clean", landed_n=0, outside_n=100), account(**changes)))
    assert broken_rules(home, load) == ({"unplaced_lines_share"} if is_stopped else set())


def test_unplaced_lines__one_or_two_of_few_live_records_are_chance(home: Home):
    def of(unplaced_n: int) -> Load:
        return sealed_load(
            home, rows(source="reddit_api"), load_id="reddit_api-tea", source="reddit_api", is_replayable=False,
            files=(account(lines_n=20 + unplaced_n, landed_n=60, outside_n=-40, unplaced_n=unplaced_n),),
        )  # fmt: skip

    found = [broken_rules(home, of(unplaced_n)) for unplaced_n in (2, 3)]
    assert found == [set(), {"unplaced_lines_share"}]


def test_unplaced_lines__are_booked_once_for_a_content_whatever_takes_loads_from_it(home: Home):
    lines = [
        {"file": "RC", "line_number": number, "fault": "truncated", "detail": "", "line": b"{secret"}
        for number in (7, 9)
    ]
    for name, content in (("one", "c1"), ("two", "c1"), ("three", "c2")):
        load = sealed_load(
            home, rows(), load_id=f"reddit_archive-{name}",
            files=(account(content=content, unplaced_n=2, outside_n=38),),
        )  # fmt: skip
        write_bad_lines(load.unplaced_file(load.manifest.files[0]), lines)
        (verdict,) = gate(home, load, run_id=name)
        assert (verdict.is_passed, verdict.quarantined_n) == (True, 0), "they are no load's"
    with duckdb.connect() as connection:
        noted = connection.execute(
            "select run_id, load_id, entry_id, community, day, rule, reason, file, line_number from read_parquet(?) "
            "where rule is not null order by run_id, line_number",
            [quality.glob(home, quality.QUARANTINED_ROWS)],
        ).fetchall()
    of_nobody = (None, None, None, None, "line_is_readable", "truncated", "RC")
    assert noted == [(run, *of_nobody, number) for run in ("one", "three") for number in (7, 9)]
    assert [place for place, *_ in quarantine.kept_records(home, "file-c1", limit=9)] == ["line 7", "line 9"]


# ---- one id, two times of creation -------------------------------------------


def clashing(home: Home, **manifest: Any) -> Load:
    good = rows()
    other = good[3] | {"created_at": good[3]["created_at"] + timedelta(hours=5)}
    other["observed_at"] = other["created_at"] + timedelta(days=1)
    return sealed_load(home, [*good, other], **manifest)


def test_creation_times__all_rows_of_an_id_with_two_are_kept_out_by_name(home: Home):
    load = clashing(home)
    (verdict,) = gate(home, load)
    assert (verdict.is_passed, verdict.rows_n, verdict.accepted_n) == (True, 61, 59)
    with duckdb.connect() as connection:
        noted = connection.execute(
            "select contribution_id, rule from read_parquet(?) where rule is not null",
            [quality.glob(home, quality.QUARANTINED_ROWS)],
        ).fetchall()
    assert noted == [("t3_a3", "contribution_has_one_creation_time")] * 2


def test_creation_times__many_stop_nobody_else(home: Home):
    (verdict,) = gate(home, copied(home, 20))
    assert (verdict.is_passed, verdict.accepted_n, verdict.quarantined_n) == (True, 40, 40)


def test_creation_times__a_file_in_another_zone_stops_its_load_and_says_why(home: Home):
    (verdict,) = gate(home, copied(home))
    assert stopped_by(verdict) == {"contradicting_times_share"}
    assert "contribution_has_one_creation_time: 120 of 120 rows" in verdict.stopped_by[0].message


def test_creation_times__a_wildcard_leaves_out_the_community_of_such_a_file_and_no_other(home: Home):
    good = rows()
    tea = [row | {"created_at": row["created_at"] - timedelta(hours=5)} for row in good[:40]]
    mate = [row | {"community": "mate", "contribution_id": f"t3_m{number}", "thread_id": f"t3_m{number}"}
            for number, row in enumerate(good)]  # fmt: skip
    twice = mate[0] | {"created_at": mate[0]["created_at"] - timedelta(hours=5)}
    load = sealed_load(home, [*good, *tea, *mate, twice], load_id="reddit_archive-all", community="*")
    (verdict,) = gate(home, load, config=settings("*"))
    assert (verdict.is_passed, verdict.accepted_n) == (True, 59), verdict.stopped_by
    with duckdb.connect() as connection:
        kept_out = connection.execute(
            "select community, rule, count(*) from read_parquet(?) where rule is not null group by all order by all",
            [quality.glob(home, quality.QUARANTINED_ROWS)],
        ).fetchall()
    assert kept_out == [
        ("mate", "contribution_has_one_creation_time", 2), ("tea", "contribution_has_one_creation_time", 100),
    ]  # fmt: skip


def test_creation_times__of_another_community_or_below_a_second_are_no_clash(home: Home):
    good = rows()
    later = good[3]["created_at"] + timedelta(milliseconds=900)
    load = sealed_load(home, [*good, good[3] | {"created_at": later, "observed_at": NOW}])
    assert broken_rules(home, load) == set()
    other = [row | {"community": "milk", "created_at": row["created_at"] + timedelta(hours=1)} for row in good[:3]]
    load = sealed_load(home, [*good, *other], load_id="reddit_archive-all", community="*")
    assert broken_rules(home, load) == set()


def test_creation_times__waived_both_rows_go_in(home: Home):
    load = clashing(home, waived_rules=("contribution_has_one_creation_time",))
    (verdict,) = gate(home, load)
    assert (verdict.is_passed, verdict.accepted_n) == (True, 61)


def test_load_rules__volume_says_which_day_and_what_is_usual(home: Home):
    (verdict,) = gate(home, lost_half(home))
    assert f"{DAY}: 200 where 400 are usual" in verdict.stopped_by[0].message


def test_load_rules__volume_needs_four_same_weekdays_and_ignores_small_ones(home: Home):
    history(home, [400, 410, 395])
    assert broken_rules(home, sealed_load(home, rows(100))) == set()
    history(home, [10, 12, 11, 9, 10])
    assert broken_rules(home, sealed_load(home, rows(2))) == set()


def test_load_rules__warnings_do_not_stop(home: Home):
    history(home, [30, 31, 29, 30, 32])
    load = sealed_load(home, rows(300, removal="by_moderator"), unknown_keys={f"key{n}": 1 for n in range(151)})
    (verdict,) = gate(home, load)
    assert verdict.is_passed
    assert {finding.rule for finding in verdict.warnings} == {
        "volume_days_above_band", "removed_share", "unknown_fields_n",
    }  # fmt: skip


def numbered(changes: Callable[[int], dict[str, Any]], count: int = 60) -> list[dict[str, Any]]:
    return [{**row, **changes(number)} for number, row in enumerate(rows(count), start=1)]


HONEST: dict[str, list[dict[str, Any]]] = {
    "scores of one, as archives that look at once hold": rows(score=1),
    "scores with a single odd one": numbered(lambda number: {"score": 2 if number > 1 else 3}),
    "few scores, all even": numbered(lambda number: {"score": 2 if number < 50 else 0}),
    "negative scores": numbered(lambda number: {"score": -number}),
    "one long text again and again": numbered(lambda _: {"body": "x" * 100}),
    "short texts of one length": numbered(lambda number: {"body": f"{number:03d}"}),
    "a few texts at the platform's limit": numbered(lambda n: {"body": f"{n:0100d}" if n % 10 == 0 else f"{n}"}),
    "addresses in capitals, elsewhere, or none": numbered(
        lambda n: {"permalink": [None, "/r/TEA/comments/a/", "/user/x/comments/a/", "https://x.example/r/y/"][n % 4]}
    ),
    "one address in another community": numbered(lambda n: {"permalink": f"/r/{'tea' if n > 6 else 'mate'}/comments/"}),
    "an archive without authors": rows(author_key=None),
}


@pytest.mark.parametrize("case", HONEST)
def test_load_rules__leave_honest_data_alone(home: Home, case: str):
    assert broken_rules(home, sealed_load(home, HONEST[case])) == set()


def test_load_rules__zeros_alone_are_a_fault_only_where_scores_begin_elsewhere(home: Home):
    assert broken_rules(home, sealed_load(home, rows(score=0))) == {"scores_share_a_factor"}
    assert broken_rules(home, of_platform(home, "forum", rows(score=0))) == set()


# ---- other platforms -------------------------------------------------------

CHAT_OBSERVES = (
    "author_key", "body", "channel", "edited_at", "parent_id", "permalink", "reactions",
)  # fmt: skip
A_SNOWFLAKE = 900_000_000_000_000_000


def of_platform(home: Home, platform: str, given: Sequence[dict[str, Any]], **manifest: Any) -> Load:
    """A load of another platform than the rows' own."""
    facts = {"platform": platform, "entry_id": f"{platform}/tea", "source": f"{platform}_files"} | manifest
    moved = [row | {"platform": platform, "source": facts["source"]} for row in given]
    return sealed_load(home, moved, load_id=f"{facts['source']}-tea", **facts)


def chat(count: int = 400, *, authors_n: int = 25, **changes: Any) -> list[dict[str, Any]]:
    """Messages of a channel, a few seconds apart, as a source hands them over that sees no score."""
    return [
        contribution(
            str(A_SNOWFLAKE + number),
            **{
                "kind": "message", "thread_id": str(A_SNOWFLAKE + number), "parent_id": None, "title": None,
                "created_at": NOON + timedelta(seconds=7 * number), "body": f"message {number}", "score": None,
                "author_key": f"{number % authors_n:064x}", "channel": "general",
            }
            | changes,
        )
        for number in range(count)
    ]  # fmt: skip


def chat_load(home: Home, given: Sequence[dict[str, Any]], **manifest: Any) -> Load:
    return of_platform(home, "discord", given, **({"observes": CHAT_OBSERVES} | manifest))


@pytest.mark.usefixtures("great_expectations")
def test_other_platforms__a_day_of_chat_without_scores_passes_whole_beside_a_load_of_reddit(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Settings, "entry", lambda self, _: self.communities[0])
    verdicts = gate(home, sealed_load(home, rows()), chat_load(home, chat()))
    assert [(verdict.is_passed, verdict.accepted_n) for verdict in verdicts] == [(True, 60), (True, 400)], verdicts
    assert [verdict.warnings for verdict in verdicts] == [(), ()]


def test_other_platforms__one_without_a_file_is_held_to_no_form_of_ids_texts_or_addresses(home: Home):
    given = [
        row | {"contribution_id": f"Ü/{number}", "thread_id": f"Ü/{number}", "body": "[removed]", "score": 0,
               "permalink": "/r/elsewhere/1", "created_at": row["created_at"]}
        for number, row in enumerate(rows())
    ]  # fmt: skip
    answers = [
        row | {"contribution_id": f"re/{number}", "kind": "comment", "thread_id": "Ü/1", "parent_id": "Ü/1",
               "title": None, "score": 0}
        for number, row in enumerate(rows(5, prefix="b"))
    ]  # fmt: skip
    assert broken_rules(home, of_platform(home, "forum", [*given, *answers])) == set()


@pytest.mark.parametrize(
    ("rules", "changes"),
    [
        ({"contribution_id_is_well_formed"}, {"contribution_id": ""}),
        ({"kind_is_known", "kind_matches_id"}, {"kind": "poem"}),
        (
            {"created_at_is_plausible", "created_inside_its_partition"},
            {"created_at": datetime(1980, 1, 1, tzinfo=UTC)},
        ),
        ({"text_is_bounded"}, {"body": "x" * 200_001}),
        ({"text_is_bounded"}, {"title": "x" * 2_001}),
    ],
)
def test_other_platforms__one_without_a_file_is_held_to_what_is_true_everywhere(
    home: Home, rules: set[str], changes: dict[str, Any]
):
    good = rows()
    broken = good[0] | changes
    if "contribution_id" in changes:
        broken["thread_id"] = changes["contribution_id"]
    assert broken_rules(home, of_platform(home, "forum", [*good[1:], broken])) == rules


@pytest.mark.parametrize(
    ("rules", "changes"),
    [
        ({"contribution_id_is_well_formed", "kind_matches_id"}, {"contribution_id": "t3_a", "thread_id": "t3_a"}),
        ({"message_is_its_own_thread"}, {"thread_id": "17"}),
        ({"message_is_its_own_thread", "unobservable_is_null"}, {"title": "A title"}),
        (
            {"comment_hangs_from_something"},
            {"kind": "comment", "thread_id": "t3_a", "parent_id": str(A_SNOWFLAKE + 1)},
        ),
        ({"unobservable_is_null"}, {"score": 0}),
        ({"unobservable_is_null"}, {"reply_count": 3}),
    ],
)
def test_other_platforms__a_message_that_cannot_be_is_kept_out_by_name(
    home: Home, rules: set[str], changes: dict[str, Any]
):
    good = chat()
    assert broken_rules(home, chat_load(home, [*good[1:], good[0] | changes])) == rules


def test_other_platforms__nothing_was_written_before_each_opened(home: Home):
    before = datetime(2005, 6, 22, 23, 59, 59, tzinfo=UTC)
    for platform, is_broken in (("reddit", True), ("facebook_groups", False), ("forum", False)):
        load = of_platform(home, platform, [contribution(created_at=before)])
        assert ("created_at_is_plausible" in broken_rules(home, load)) is is_broken, platform


# ---- what a source can see ---------------------------------------------------

WITHOUT_SCORES = tuple(sorted(OBSERVABLE - {"score"}))
WITHOUT_AUTHORS = tuple(sorted(OBSERVABLE - {"author_key"}))
WITHOUT_TEXTS = tuple(sorted(OBSERVABLE - {"title", "body"}))


def test_observes__a_column_filled_throughout_though_unobservable_stops_the_load(home: Home):
    load = sealed_load(home, rows(), observes=WITHOUT_SCORES)
    (verdict,) = gate(home, load)
    assert stopped_by(verdict) == {"quarantined_share"}
    assert "unobservable_is_null: 60 rows" in verdict.stopped_by[0].message


@pytest.mark.parametrize("column", sorted(OBSERVABLE))
def test_observes__each_column_is_asked_for(home: Home, column: str):
    """In one row of a comment, which may have all of them but a title."""
    values: dict[str, Any] = {
        "edited_at": NOON, "url": "https://example.org", "tags": [], "score": 1, "upvote_ratio": 0.5,
        "reactions": {"👍": 1}, "parent_id": "t3_a", "author_key": "a" * 64, "title": "A title",
        "is_accepted_answer": True,
    }  # fmt: skip
    value = values.get(column, 1 if column.endswith("_count") else "text")
    row = contribution("t3_z" if column == "title" else "t1_z", **{column: value})
    seen = sealed_load(home, [row], observes=tuple(OBSERVABLE))
    assert broken_rules(home, seen) == set()
    unseen = sealed_load(home, [row], observes=tuple(OBSERVABLE - {column}))
    assert broken_rules(home, unseen) == {"unobservable_is_null", "quarantined_share"}


def test_observes__scores_that_nobody_can_see_are_not_missed(home: Home):
    unseen = rows(score=None)
    assert broken_rules(home, sealed_load(home, unseen, observes=WITHOUT_SCORES)) == set()
    for observes in (None, tuple(OBSERVABLE)):
        assert broken_rules(home, sealed_load(home, unseen, observes=observes)) == {"score_missing_share"}


def test_observes__authors_that_nobody_can_see_are_not_missed(home: Home):
    def live(**manifest: Any) -> Load:
        return of_platform(home, "forum", rows(author_key=None), is_replayable=False, **manifest)

    assert broken_rules(home, live(observes=WITHOUT_AUTHORS)) == set()
    assert broken_rules(home, live(observes=tuple(OBSERVABLE))) == {"live_author_missing_share"}


def test_observes__texts_that_nobody_can_see_are_not_missed(home: Home):
    unseen = rows(title=None, body=None)
    assert broken_rules(home, sealed_load(home, unseen, observes=WITHOUT_TEXTS)) == set()
    assert broken_rules(home, sealed_load(home, unseen, observes=tuple(OBSERVABLE))) == {"empty_text_share"}


# ---- chat --------------------------------------------------------------------


def in_chat(number_of: int, **changes: Any) -> list[dict[str, Any]]:
    """A day of chat of 100 messages, so many of which are changed."""
    return [*chat(number_of, **changes), *chat(100)[number_of:]]


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        (in_chat(70, body=None), set()),
        (in_chat(95, body=None), {"empty_text_share"}),
        (in_chat(75, author_key="f" * 64), set()),
        (in_chat(95, author_key="f" * 64), {"one_author_share"}),
        (in_chat(95, author_key="f" * 64, author_role="bot"), set()),
        (in_chat(20, created_at=NOON + timedelta(hours=2)), {"one_moment_share"}),
        (in_chat(40, body="x" * 2_000), set()),
    ],
)
def test_chat__is_written_in_bursts_and_may_have_no_text_but_not_nearly_all_of_it(
    home: Home, given: list[dict[str, Any]], rules: set[str]
):
    assert broken_rules(home, chat_load(home, given)) == rules


def test_chat__in_a_thread_counts_as_such_and_forum_posts_beside_it_do_not(home: Home):
    thread = str(A_SNOWFLAKE)
    answers = [
        row | {"kind": "comment", "thread_id": thread, "parent_id": thread, "body": None} for row in chat(60)[1:]
    ]
    assert broken_rules(home, chat_load(home, [*answers[:40], *chat(80)[60:]])) == set()
    posts = [row | {"kind": "post", "title": None, "body": None} for row in chat(60)]
    assert broken_rules(home, chat_load(home, [*posts, *chat(200)[60:]])) == {"empty_text_share"}


@pytest.mark.parametrize(
    "changes", [{}, {"members_n": None, "active_n": None}, {"members_n": 0, "active_n": 70_000_000}]
)
def test_community_observations__good_ones_pass(home: Home, changes: dict[str, Any]):
    assert broken_rules(home, with_communities(home, changes)) == set()


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("community_observations_are_the_loads", [{"community": "mate"}]),
        ("community_observations_are_the_loads", [{"community": ""}]),
        ("community_observations_are_the_loads", [{"platform": "discord"}]),
        ("community_observations_are_the_loads", [{"source": "somewhere"}]),
        ("community_observations_are_the_loads", [{"contract_version": 99}]),
        ("community_observations_are_the_loads", [{}, {"members_n": 6_000}]),
        ("community_observations_are_plausible", [{"active_n": -1}]),
        ("community_observations_are_plausible", [{"members_n": 1_700_000_000}]),
        ("community_observations_are_plausible", [{"observed_at": NOW + timedelta(hours=1)}]),
        ("community_observations_are_plausible", [{"observed_at": datetime(1970, 1, 21, tzinfo=UTC)}]),
    ],
)
def test_community_observations__one_that_cannot_be_stops_the_load(
    home: Home, rule: str, changes: list[dict[str, Any]]
):
    assert broken_rules(home, with_communities(home, *changes)) == {rule}


def test_community_observations__a_wildcard_may_see_any_but_those_named_elsewhere(home: Home):
    options: dict[str, Any] = {"community": "*", "named_elsewhere": ("mate",)}
    assert broken_rules(home, with_communities(home, {"community": "x"}, {"community": "y"}, **options)) == set()
    named_elsewhere = with_communities(home, {"community": "mate"}, **options)
    assert broken_rules(home, named_elsewhere) == {"community_observations_are_the_loads"}


def test_community_observations__a_file_that_nobody_sealed_or_of_another_schema_stops_the_load(home: Home):
    load = with_communities(home, {})
    (load.folder / landing.MANIFEST).write_text(
        load.manifest.model_copy(update={"community_observations_n": 0}).model_dump_json()
    )
    (verdict,) = gate(home, landing.open_load(load.folder))
    assert stopped_by(verdict) == {"community_observations_are_the_loads"}
    load = with_communities(home, {})
    with duckdb.connect() as connection:
        connection.sql("select 1 as members_n").write_parquet(str(load.community_file))
    (verdict,) = gate(home, load)
    assert stopped_by(verdict) == {"schema_matches"}
    assert "communities.parquet: column platform is missing" in verdict.stopped_by[0].message


def test_community_observations__go_to_quarantine_with_their_load_and_come_back_with_its_release(home: Home):
    load = with_communities(home, {"members_n": -1})
    assert not gate(home, load)[0].is_passed
    waived = "community_observations_are_plausible"
    released = quarantine.release(home, load.load_id, waive=frozenset({waived}), reason="", clock=lambda: NOW)
    with duckdb.connect() as connection:
        found = connection.execute(
            "select members_n, load_id from read_parquet(?, hive_partitioning = false)", [str(released.community_file)]
        ).fetchall()
    assert found == [(-1, released.load_id)]
    assert gate(home, released, run_id="release")[0].is_passed


def test_empty_load__passes_only_with_proof(home: Home):
    (verdict,) = gate(home, sealed_load(home, []))
    assert verdict.is_passed
    assert verdict.accepted_n == 0
    assert {rule for _, rule in results(home)} == {rule.name for rule in LOAD_RULES}


# ---- a gate that cannot tell -----------------------------------------------


def rewrite(load: Load, select: str) -> Load:
    (path,) = load.rows_files().values()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"create table rows as select {select} from read_parquet(?, hive_partitioning = false)", [str(path)]
        )
        connection.table("rows").write_parquet(str(path))
    return load


@pytest.mark.parametrize(
    ("select", "word"),
    [
        ("* exclude (score)", "column score is missing"),
        ("* replace (cast(created_at as varchar) as created_at)", "column created_at is VARCHAR instead of"),
        ("* replace (cast(score as double) as score)", "column score is DOUBLE instead of BIGINT"),
        ("*, 1 as surprise", "column surprise is not in the contract"),
        ("score, * exclude (score)", "another order"),
    ],
)
def test_schema__other_columns_or_types_stop_the_load(home: Home, select: str, word: str):
    (verdict,) = gate(home, rewrite(sealed_load(home, rows()), select))
    assert stopped_by(verdict) == {"schema_matches"}
    assert word in verdict.stopped_by[0].message


def test_schema__a_column_that_is_null_throughout_breaks_every_row(home: Home):
    (verdict,) = gate(home, rewrite(sealed_load(home, rows()), "* replace (null::varchar as kind)"))
    assert stopped_by(verdict) >= {"quarantined_share"}
    assert verdict.accepted_n == 0


def test_unreadable_file__stops_its_load_and_no_other(home: Home):
    broken = sealed_load(home, rows(), load_id="broken", community="coffee")
    (path,) = broken.rows_files().values()
    path.write_bytes(b"no parquet")
    good = sealed_load(home, rows(), load_id="good")
    first, second = gate(home, broken, good, config=settings("coffee", "tea"))
    assert stopped_by(first) == {load_gate.CAN_BE_CHECKED}
    assert second.is_passed


@pytest.mark.usefixtures("great_expectations")
def test_great_expectations_that_fails_stops_every_load(home: Home, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no context today")

    monkeypatch.setattr("pulse.gates.runner._validate", fail)
    (verdict,) = gate(home, sealed_load(home, rows()))
    assert stopped_by(verdict) == {rule.name for rule in (*ROW_RULES, *LOAD_RULES)}
    assert "no context today" in verdict.stopped_by[0].message


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner that loses one answer and turns another around."""
    real = runner.run

    def run(*arguments: Any, **options: Any) -> Any:
        answers = real(*arguments, **options)
        for of_batch in answers.values():
            of_batch.pop("removed_share", None)
            for rule in {"kind_is_known", "one_moment_share"} & set(of_batch):
                of_batch[rule] = replace(of_batch[rule], is_success=not of_batch[rule].is_success)
        return answers

    monkeypatch.setattr(runner, "run", run)


@pytest.mark.usefixtures("forgetful")
def test_answers__missing_or_contradicting_the_counts_stop_the_load(home: Home):
    (verdict,) = gate(home, sealed_load(home, rows()))
    assert stopped_by(verdict) == {"removed_share", "kind_is_known", "one_moment_share"}


# ---- several loads, names, repetition --------------------------------------


@pytest.mark.usefixtures("great_expectations")
def test_check_loads__each_load_apart_whatever_it_is_called(home: Home):
    names = ["x' or 1=1 --", "$HOME {batch} %s", "\u202eevil\n\x1b[31m"]
    loads = [
        sealed_load(home, rows(community=name.lower()), load_id=f"load{number}", community=name.lower())
        for number, name in enumerate(names)
    ]
    verdicts = gate(home, *loads, config=settings(*names), run_id="manual__2026-10-06T00:00:00+00:00/..%2F")
    assert [verdict.is_passed for verdict in verdicts] == [True, True, True]
    assert [verdict.load_id for verdict in verdicts] == ["load0", "load1", "load2"]


@pytest.mark.usefixtures("great_expectations")
def test_check_loads__what_one_load_breaks_is_held_against_no_other(home: Home):
    """Great Expectations answers for all loads together."""
    names = ("good", "one-row", "feed", "nothing")
    line = {"file": "f", "fault": "truncated", "detail": "", "line": b"{", "community": "feed", "day": DAY}
    poem = contribution("t3_z", kind="poem", community="one-row")
    loads = [
        sealed_load(home, rows(community="good"), load_id="good", community="good"),
        sealed_load(home, [*rows(community="one-row"), poem], load_id="one-row", community="one-row"),
        sealed_load(
            home, rows(community="feed"), load_id="feed", community="feed",
            bad_lines=[line | {"line_number": number} for number in range(4)],
        ),
        sealed_load(home, [], load_id="nothing", community="nothing", incomplete_days=(DAY,)),
    ]  # fmt: skip
    verdicts = gate(home, *loads, config=settings(*names))
    assert [stopped_by(verdict) for verdict in verdicts] == [set(), set(), {"quarantined_share"}, {"rows_or_proof"}]
    assert [verdict.accepted_n for verdict in verdicts] == [60, 60, 60, 0]
    stored = results(home)
    assert {load_id for (load_id, rule), (is_passed, *_) in stored.items() if not is_passed and rule in {
        row_rule.name for row_rule in ROW_RULES
    }} == {"one-row"}  # fmt: skip


def test_check_loads__again_gives_the_same(home: Home):
    load = load_with_raw_changes(home, rows(), {"author_role_is_known": {"author_role": "king"}})
    first, second = gate(home, load), gate(home, load)
    assert first == second
    with duckdb.connect() as connection:
        assert connection.execute(
            "select count(*) from read_parquet(?)", [quality.glob(home, quality.QUARANTINED_ROWS)]
        ).fetchone() == (1,)


# ---- release ---------------------------------------------------------------


def test_release__new_load_passes_with_the_named_waiver_and_only_that(home: Home):
    load = broken_feed(home)
    gate(home, load)
    released = quarantine.release(
        home, load.load_id, waive=frozenset({"quarantined_share"}), reason="proxy", clock=lambda: NOW
    )
    assert released.load_id != load.load_id
    assert released.manifest.released_from == load.load_id
    (verdict,) = gate(home, released, run_id="release")
    assert (verdict.is_passed, verdict.accepted_n, verdict.quarantined_n) == (True, 60, 4)
    again = quarantine.release(home, load.load_id, waive=frozenset({"one_author_share"}), reason="", clock=lambda: NOW)
    (verdict,) = gate(home, again, run_id="other")
    assert stopped_by(verdict) == {"quarantined_share"}


def test_release__a_rerun_of_the_same_content_stays_released(home: Home):
    load = broken_feed(home)
    gate(home, load)
    quarantine.release(home, load.load_id, waive=frozenset({"quarantined_share"}), reason="", clock=lambda: NOW)
    (verdict,) = gate(home, broken_feed(home), run_id="rerun")
    assert verdict.is_passed


def test_release__rows_of_a_waived_rule_go_in(home: Home):
    load = load_with_raw_changes(home, rows(), {"score_is_plausible": {"score": 1_600_000_000}})
    assert gate(home, load)[0].accepted_n == 60
    released = quarantine.release(
        home, load.load_id, waive=frozenset({"score_is_plausible"}), reason="", clock=lambda: NOW
    )
    assert gate(home, released)[0].accepted_n == 61


@pytest.mark.parametrize("waive", [frozenset(), frozenset({"no_such_rule"}), frozenset({"author_key_is_a_hash"})])
def test_release__unknown_or_no_rule_is_refused(home: Home, waive: frozenset[str]):
    load = broken_feed(home)
    gate(home, load)
    with pytest.raises(ConfigError, match="rules to waive"):
        quarantine.release(home, load.load_id, waive=waive, reason="", clock=lambda: NOW)


@pytest.mark.parametrize("load_id", ["nothing", "", "..", "../../landing", "/etc"])
def test_release__unknown_load_is_one_clear_error(home: Home, load_id: str):
    with pytest.raises(StorageError, match="no load"):
        quarantine.release(
            home, load_id, waive=frozenset({"quarantined_share"}), reason="", clock=lambda: datetime.now(UTC)
        )


def test_kept_before__finds_what_is_older_and_leaves_waivers(home: Home):
    load = broken_feed(home)
    gate(home, load)
    quarantine.release(home, load.load_id, waive=frozenset({"quarantined_share"}), reason="", clock=lambda: NOW)
    found = quarantine.kept_before(home, datetime(2100, 1, 1, tzinfo=UTC))
    assert {path.parent.name for path in found} == {"loads", "rows"}
    assert quarantine.kept_before(home, datetime.combine(date(2000, 1, 1), datetime.min.time(), tzinfo=UTC)) == []
