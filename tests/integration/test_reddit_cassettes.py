"""Recorded real answers of Reddit's API through the live source's mapping: every post and comment is accounted for."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from fixtures import live_reddit
from fixtures.reddit_lines import read
from pulse.config.context import source_context
from pulse.config.settings import Settings
from pulse.core.contract import projection
from pulse.core.files import read_json, sql_text
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.gates import check_loads
from pulse.gates.rules import LOAD_RULES, ROW_RULES
from pulse.lake import landing, quality
from pulse.lake.landing import BAD_LINES_COLUMNS, Load, LoadManifest
from pulse.platforms.names import author_key
from pulse.sources.reddit import answers as reddit_answers
from pulse.sources.reddit import mapping
from pulse.sources.reddit.answers import Parse, open_answers
from pulse.sources.reddit.client import Answer
from pulse.sources.reddit.entry import SOURCE, RedditArchiveEntry
from pulse.sources.reddit.pages import Page, listing_page, more_children_page, tree_page

pytestmark = [pytest.mark.integration, pytest.mark.real_data]

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
LAST_DAY = date(2026, 11, 30)
LOAD_ID = "reddit_api-recorded"
GONE = {"[deleted]", "[removed]", "[deleted by user]", "[ Removed by Reddit ]", "[removed by reddit]"}


# ---- the recordings, read by the standard library alone ---------------------


@dataclass(frozen=True)
class Recorded:
    """One recorded answer that is JSON."""

    session: str
    number: int
    uri: str
    observed_at: datetime
    document: Any

    @property
    def path(self) -> str:
        """Tells this answer from all others; ends like the path that was asked for."""
        return f"/{self.session}/{self.number}{re.sub('[?].*', '', self.uri.removeprefix('https://oauth.reddit.com'))}"

    @cached_property
    def things(self) -> list[dict[str, Any]]:
        """Posts and comments anywhere in it."""
        return [thing["data"] for thing in things_in(self.document) if thing["kind"] in {"t1", "t3"}]

    @property
    def parse(self) -> Parse:
        """What reads such an answer: a parser of the source where it asks such questions, else a plain walk."""
        endpoint = re.sub("[?].*", "", self.uri).rstrip("/")
        if endpoint.endswith("/api/morechildren"):
            return more_children_page
        if isinstance(self.document, list) and "/comments/" in endpoint:
            return tree_page
        # The source asks for no listing that names anything but posts and comments.
        if isinstance(self.document, dict) and self.document.get("kind") == "Listing":
            kinds = {thing["kind"] for thing in self.document["data"]["children"]}
            return listing_page if kinds <= {"t1", "t3"} else walked
        return walked


def things_in(document: Any) -> Iterator[dict[str, Any]]:
    """Everything that has a kind and data, anywhere in an answer."""
    if isinstance(document, dict):
        if isinstance(document.get("kind"), str) and isinstance(document.get("data"), dict):
            yield document
        for value in document.values():
            yield from things_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from things_in(value)


def walked(content: Any, observed_at: datetime) -> Page:
    """A page of all posts and comments in an answer that the source never asks for."""
    found = [thing["data"] for thing in things_in(content) if thing["kind"] in {"t1", "t3"}]
    return Page([record | {"retrieved_on": int(observed_at.timestamp())} for record in found])


@pytest.fixture(scope="module")
def answers(recorded_data: Path) -> list[Recorded]:
    """All recorded answers that hold a post or a comment."""
    files = sorted((recorded_data / "reddit_api_cassettes" / "praw").glob("*.json.zst"))
    assert len(files) > 100
    found = [answer for file in files for answer in _answers_of(file) if answer.things]
    assert len(found) > 300
    return found


def _answers_of(file: Path) -> Iterator[Recorded]:
    tape = json.loads(zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read())
    for number, call in enumerate(tape.get("interactions") or tape.get("http_interactions")):
        answer = call["response"]
        try:
            document = json.loads(answer["body"].get("string") or "")
        except ValueError:
            continue
        headers = {name.lower(): values for name, values in answer["headers"].items()}
        (sent_at,) = headers.get("date") or [None]
        said = parsedate_to_datetime(sent_at) if sent_at else datetime.fromisoformat(call["recorded_at"])
        observed_at = said.replace(tzinfo=said.tzinfo or UTC).astimezone(UTC)
        yield Recorded(file.name.removesuffix(".json.zst"), number, call["request"]["uri"], observed_at, document)


# ---- the same recordings through the source --------------------------------


@dataclass(frozen=True)
class Mapped:
    """What came of one answer: rows and faults by line."""

    answer: Recorded
    ids: list[str]
    rows: dict[int, dict[str, Any]]
    faults: dict[int, dict[str, Any]]

    @property
    def records(self) -> dict[int, dict[str, Any]]:
        """The records as recorded, by line: in the order in which they are read."""
        return dict(enumerate(self.answer.things, start=1))


@dataclass(frozen=True)
class Landed:
    """All of them, and one load made of the rows."""

    home: Home
    pages: list[Mapped]
    load: Load

    @property
    def rows(self) -> Iterator[tuple[Recorded, dict[str, Any], dict[str, Any]]]:
        """Each row with the answer and the record that it is made of."""
        for page in self.pages:
            records = page.records
            yield from ((page.answer, records[line], row) for line, row in page.rows.items())


@pytest.fixture(scope="module")
def landed(answers: list[Recorded], tmp_path_factory: pytest.TempPathFactory) -> Landed:
    home = Home(tmp_path_factory.mktemp("cassettes") / "home").create()
    entry = live_reddit.entry("redditdev", extra_fields=True)
    settings = Settings(communities=(entry,))
    nobody = live_reddit.RedditCredentials("id", "secret", live_reddit.USER_AGENT)
    context = source_context(home, settings, lambda: NOW, live_reddit.KEY, lambda _: nobody)
    by_path = {answer.path: answer for answer in answers}
    assert len(by_path) == len(answers)

    class Tape:
        """Answers as recorded, and never asks anybody."""

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def get(self, path: str, params: Any, parse: Parse) -> Answer[Page]:
            recorded = by_path[path]
            return Answer(parse(recorded.document, recorded.observed_at), recorded.observed_at)

        def close(self) -> None:
            pass

    window = Window.one_day(LAST_DAY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reddit_answers, "RedditClient", Tape)
        with open_answers(context, [entry], window, for_entry=entry, max_calls_n=len(answers)) as asked:
            for answer in answers:
                asked.page(answer.path, {}, answer.parse)
            load = _sealed(home, asked.cache.connection, asked.cache.rows_sql())
    return Landed(home, list(_mapped(home.landing / "reddit_api", by_path)), load)


def _mapped(folder: Path, by_path: dict[str, Recorded]) -> Iterator[Mapped]:
    rows = _by_page(folder, "*[!s].parquet")
    faults = _by_page(folder, "*-faults.parquet")
    for seal in folder.glob("*/" + "?" * 32 + ".json"):
        content = read_json(seal)
        yield Mapped(
            by_path[content["path"]], content["ids"], rows.get(seal.stem, {}), faults.get(f"{seal.stem}-faults", {})
        )


def _by_page(folder: Path, pattern: str) -> dict[str, dict[int, dict[str, Any]]]:
    """Rows of all such files, by the file's stem and the line."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        result = connection.execute(
            "select * from read_parquet($files, hive_partitioning = false, filename = true)",
            {"files": str(folder / "*" / pattern)},
        )
        names = [column[0] for column in result.description]
        for values in result.fetchall():
            row = dict(zip(names, values, strict=True))
            of_page = found.setdefault(Path(row.pop("filename")).stem, {})
            assert row["line_number"] not in of_page
            of_page[row["line_number"]] = row
    return found


def _sealed(home: Home, connection: duckdb.DuckDBPyConnection, rows_sql: str) -> Load:
    """One live load of all rows, as looks again on one day; each state of a contribution once."""
    folder = landing.draft(home, LOAD_ID)
    select = f"""
        select {projection(overrides={"load_id": sql_text(LOAD_ID)})} from {rows_sql}
        qualify row_number() over (partition by community, contribution_id, observed_at order by line_number) = 1
    """
    file = folder / "rows" / f"day={LAST_DAY}.parquet"
    connection.execute(f"copy ({select}) to {sql_text(file)} (format parquet)")
    connection.execute(f"create table none_bad ({BAD_LINES_COLUMNS})")
    connection.execute(f"copy none_bad to {sql_text(folder / 'bad_lines.parquet')} (format parquet)")
    (rows_n,) = connection.execute(f"select count(*) from read_parquet({sql_text(file)})").fetchone() or (0,)
    manifest = LoadManifest(
        load_id=LOAD_ID, platform="reddit", entry_id="reddit/*", community="*", source=SOURCE, is_replayable=False,
        first_day=LAST_DAY, last_day=LAST_DAY, rows_by_day={LAST_DAY: rows_n}, earlier_rows_n=rows_n, sealed_at=NOW,
    )  # fmt: skip
    return landing.seal(home, folder, manifest)


# ---- every thing is accounted for ------------------------------------------


def test_parsers__find_every_post_and_comment_in_reading_order(landed: Landed, answers: list[Recorded]):
    """Wherever it hangs in a tree, and each as often as it was given."""
    assert len(landed.pages) == len(answers) == 468
    parsers: Counter[str] = Counter()
    for page in landed.pages:
        assert page.ids == [record["name"] for record in page.answer.things], page.answer.path
        parsers[page.answer.parse.__name__] += len(page.ids)
    assert parsers == {"listing_page": 6_894, "tree_page": 4_849, "more_children_page": 1_747, "walked": 202}


def test_tree_page__finds_every_stub(answers: list[Recorded]):
    found: Counter[bool] = Counter()
    for answer in answers:
        if answer.parse in {tree_page, more_children_page}:
            stubs = answer.parse(answer.document, answer.observed_at).stubs
            recorded = [thing["data"] for thing in things_in(answer.document) if thing["kind"] == "more"]
            assert [(stub.parent_id, list(stub.children)) for stub in stubs] == [
                (stub["parent_id"], stub["children"]) for stub in recorded
            ]
            found.update(bool(stub.children) for stub in stubs)
    assert found == {True: 679, False: 62}, "those without children go on on a page of their own"


def test_mapping__every_thing_is_a_row_or_a_fault_with_a_reason(landed: Landed):
    reasons: Counter[tuple[str, str, bool]] = Counter()
    rows_n = 0
    for page in landed.pages:
        assert not page.rows.keys() & page.faults.keys()
        assert page.rows.keys() | page.faults.keys() == page.records.keys(), page.answer.path
        rows_n += len(page.rows)
        for line, fault in page.faults.items():
            record = page.records[line]
            assert json.loads(fault["line"])["name"] == record["name"]
            reasons[fault["fault"], record["name"][:3], "was_comment" in record or bool(record.get("promoted"))] += 1
    assert reasons == {
        # Answers in a person's inbox, which name no thread: never asked for.
        ("neither_post_nor_comment", "t1_", True): 100,
        # Advertisements stand in no community; found by their address, never in a community's listing.
        ("missing_subreddit", "t3_", True): 5,
    }
    assert rows_n == 13_587


def test_mapping__values_equal_an_independent_reading(landed: Landed):
    seen: Counter[str] = Counter()
    for answer, record, row in landed.rows:
        found = {name: row[name] for name in expected_of(answer, record)}
        assert found == expected_of(answer, record), (answer.path, record["name"])
        seen[row["kind"]] += 1
        seen["score hidden"] += row["score"] is None
        seen["edited"] += row["edited_at"] is not None
        seen[f"removal {row['removal']}"] += 1
        seen["author gone"] += row["author_key"] is None
        seen["answer to an answer"] += (row["parent_id"] or "").startswith("t1_")
    assert seen == {
        "post": 2_838, "comment": 10_749, "score hidden": 583, "edited": 450, "author gone": 417,
        "answer to an answer": 7_852, "removal none": 13_475, "removal by_author": 101, "removal by_moderator": 11,
    }  # fmt: skip


def expected_of(answer: Recorded, record: dict[str, Any]) -> dict[str, Any]:
    """What the contract says of a record, spelled out for one record at a time."""
    is_post = record["name"].startswith("t3_")
    text = record["selftext"] if is_post else record["body"]
    by_moderator = text in GONE or record.get("removed_by_category") is not None
    author = record["author"]
    is_gone = author in {None, "[deleted]"}
    edited = record["edited"]
    created_at = datetime.fromtimestamp(record["created_utc"], tz=UTC)
    removal = "by_author" if text == "[deleted]" else "by_moderator" if by_moderator else "none"
    is_there = removal == "none"
    return {
        "platform": "reddit",
        "community": mapping.community_name(live_reddit.KEY, record["subreddit"]),
        "contribution_id": record["name"],
        "kind": "post" if is_post else "comment",
        "thread_id": record["name"] if is_post else record["link_id"],
        "parent_id": None if is_post else record["parent_id"],
        "created_at": created_at,
        "observed_at": max(created_at, answer.observed_at.replace(microsecond=0)),
        # `true` is from before 2008, when Reddit kept no time.
        "edited_at": None if isinstance(edited, bool) else datetime.fromtimestamp(edited, tz=UTC),
        "title": (record["title"] or None) if is_post and is_there else None,
        "body": (text or None) if is_there else None,
        "removal": removal,
        "author_key": None if is_gone else author_key(live_reddit.KEY, "reddit", author),
        # While it is hidden, Reddit says 1.
        "score": None if record.get("score_hidden") else record["score"],
        "reply_count": record["num_comments"] if is_post else None,
        "award_count": None,
        "view_count": None,
        "reactions": None,
        "source": "reddit_api",
        "load_id": "",
    }


def test_mapping__no_author_s_name_is_written_but_of_those_that_gave_no_row(landed: Landed):
    names = {
        record["author"].encode()
        for page in landed.pages for line, record in page.records.items()
        if line in page.rows and record["author"] and len(record["author"]) > 12
    }  # fmt: skip
    assert len(names) > 500
    texts = b"\n".join(
        b"" if name in {"body", "title", "url", "permalink", "extra", "tags"} else str(value).encode()
        for _, _, row in landed.rows for name, value in row.items()
    )  # fmt: skip
    seals = b"".join(file.read_bytes() for file in (landed.home.landing / "reddit_api").glob("*/*.json"))
    assert not [name for name in names if name in texts or name in seals]


# ---- gate 1 ----------------------------------------------------------------


def test_gate_1__rows_of_real_answers_keep_every_rule_but_one_that_was_changed_by_hand(landed: Landed):
    quality.ensure_tables(landed.home)
    everything = RedditArchiveEntry(platform="reddit", name="*", source="reddit_archive", path=(Path("x"),))
    settings = Settings(communities=(everything,))
    (verdict,) = check_loads([landed.load], home=landed.home, settings=settings, run_id="run", clock=lambda: NOW)
    assert (verdict.rows_n, verdict.accepted_n, verdict.quarantined_n) == (12_827, 12_826, 1)
    # They were recorded from 2016 on, and are no look at the platform of today.
    assert [finding.rule for finding in verdict.stopped_by] == ["observed_late_h"]
    assert verdict.warnings == ()
    results = read([Path(quality.glob(landed.home, quality.GATE_RESULTS))], order_by="rule")
    broken = {row["rule"]: row["failed_n"] for row in results if row["level"] == "row" and not row["is_passed"]}
    # What is no id at all is not one of its kind either.
    assert broken == {"contribution_id_is_well_formed": 1, "kind_matches_id": 1}
    assert {row["rule"] for row in results} == {rule.name for rule in (*ROW_RULES, *LOAD_RULES)}
    odd = {
        row["contribution_id"]
        for _, _, row in landed.rows
        if not re.fullmatch("t[13]_[0-9a-z]+", row["contribution_id"])
    }
    assert odd == {"t1_MISMATCH"}, "PRAW's own test of an answer about another comment"
