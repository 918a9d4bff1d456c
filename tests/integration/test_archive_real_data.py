"""Real archives and hostile collections through the archive source, against plain Python readings of the same files."""

import csv
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.reddit_lines import (
    DAY,
    KEY,
    NOON_S,
    ONE_DAY,
    bad_lines_of,
    comment,
    context,
    entry,
    line,
    post,
    read,
    records,
    rows_of,
    undone,
    write,
)
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load, unproven_days
from pulse.platforms.names import author_key, canonical_name
from pulse.sources.lines.archive import extract
from pulse.sources.lines.ndjson import Fault, examine
from pulse.sources.reddit.entry import RedditArchiveEntry

pytestmark = pytest.mark.real_data

GONE = {"[deleted]", "[removed]"}


def day_of(record: dict[str, Any]) -> date:
    return datetime.fromtimestamp(float(record["created_utc"]), tz=UTC).date()


def landed(home: Home, of: RedditArchiveEntry, first: str, last: str) -> Load:
    return extract(of, Window(date.fromisoformat(first), date.fromisoformat(last)), context(home, of))


def kept(text: str | None) -> str | None:
    return None if text is None or text == "" or text in GONE else undone(text)


# ---- recorded archives -----------------------------------------------------


def test_askmen_october_2019__equals_an_independent_reading(home: Home, recorded_data: Path):
    path = recorded_data / "reddit_pushshift" / "AskMen_submissions_2019-10.zst"
    raw = {record["id"]: record for record in records(path)}
    load = landed(home, entry(path, name="AskMen"), "2019-10-01", "2019-10-31")
    assert load.manifest.rows_n == len(raw) == 13_050
    assert load.manifest.rows_by_day == Counter(day_of(record) for record in raw.values())
    assert (load.manifest.bad_lines_n, load.manifest.skipped, unproven_days(load)) == (0, {}, set())
    rows = {row["contribution_id"].removeprefix("t3_"): row for row in rows_of(load)}
    assert rows.keys() == raw.keys()
    for post_id, record in raw.items():
        row = rows[post_id]
        is_gone = record.get("selftext") in GONE or record.get("removed_by_category") is not None
        said = (None, None) if is_gone else (kept(record["title"]), kept(record.get("selftext")))
        assert (row["title"], row["body"]) == said
        assert (row["removal"] == "none") is not is_gone
        assert (row["score"], row["reply_count"]) == (record["score"], record["num_comments"])
        assert row["created_at"].timestamp() == record["created_utc"]
        name = record["author"]
        assert row["author_key"] == (None if name == "[deleted]" else author_key(KEY, "reddit", name))
    gone_n = sum(record["author"] == "[deleted]" for record in raw.values())
    assert sum(row["author_key"] is None for row in rows.values()) == gone_n > 6_000
    assert {row["community"] for row in rows.values()} == {"askmen"}
    assert {row["kind"] for row in rows.values()} == {"post"}
    removals = Counter(row["removal"] for row in rows.values())
    texts = Counter(record.get("selftext") for record in raw.values())
    assert removals["by_author"] >= texts["[deleted]"] > 0
    assert removals["by_author"] + removals["by_moderator"] >= texts["[deleted]"] + texts["[removed]"] > 10_000
    assert load.manifest.unknown_keys["all_awardings"] > 0


def test_rc_2005_12__comments_of_a_frame_with_a_window_of_two_gibibytes(home: Home, recorded_data: Path):
    path = recorded_data / "reddit_pushshift" / "RC_2005-12.zst"
    raw = {record["id"]: record for record in records(path)}
    load = landed(home, entry(path, name="*"), "2005-12-01", "2005-12-31")
    assert load.manifest.rows_n == len(raw) == 1_075
    assert load.manifest.rows_by_day == Counter(day_of(record) for record in raw.values())
    assert unproven_days(load) >= {date(2005, 12, day) for day in range(1, 12)}
    assert unproven_days(load) < set(load.manifest.window.days())
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    assert {row["kind"] for row in rows.values()} == {"comment"}
    for record in raw.values():
        row = rows["t1_" + record["id"]]
        assert (row["thread_id"], row["parent_id"]) == (record["link_id"], record["parent_id"])
        assert row["body"] == kept(record["body"])
        assert row["removal"] == {"[removed]": "by_moderator", "[deleted]": "by_author"}.get(record["body"], "none")
        assert (row["author_key"] is None) == (record["author"] == "[deleted]")
    assert Counter(row["removal"] for row in rows.values()) == {"none": 955, "by_author": 105, "by_moderator": 15}
    replies = [row["parent_id"] for row in rows.values() if row["parent_id"].startswith("t1_")]
    assert (len(replies), sum(parent not in rows for parent in replies)) == (329, 15), "orphans stay orphans"
    assert sum(row["author_key"] is None for row in rows.values()) == 185


def test_ufc_threads__posts_and_comments_from_two_files(home: Home, recorded_data: Path):
    folder = recorded_data / "reddit_threads_ufc"
    paths = folder / "submissions.jsonl", folder / "comments.jsonl"
    posts, comments = ({record["id"]: record for record in records(path)} for path in paths)
    load = landed(home, entry(*paths, name="UFC"), "2018-10-07", "2018-10-20")
    assert (len(posts), len(comments), load.manifest.rows_n) == (10, 591, 601)
    assert load.manifest.rows_by_day == Counter(day_of(record) for record in (*posts.values(), *comments.values()))
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    for post_id, record in posts.items():
        row = rows["t3_" + post_id]
        assert (row["title"], row["score"], row["reply_count"]) == (
            kept(record["title"]), record["score"], record["num_comments"],
        )  # fmt: skip
    in_files = {f"t3_{post_id}" for post_id in posts} | {f"t1_{comment_id}" for comment_id in comments}
    assert all(row["thread_id"] in in_files for row in rows.values())
    answers = [row for row in rows.values() if row["kind"] == "comment"]
    assert sum(row["parent_id"] not in in_files for row in answers) == 13
    for row in answers:
        record = comments[row["contribution_id"].removeprefix("t1_")]
        assert (row["body"], row["score"]) == (kept(record["body"]), record["score"])
        assert (row["author_key"] is None) == (record["author"] == "[deleted]")
    assert sum(row["author_key"] is None for row in answers) == 3
    assert {row["removal"] for row in rows.values()} == {"none"}


# ---- hostile collections ---------------------------------------------------

LANDS = {"ok", "crlf", "null_body", "score_as_string", "created_utc_string"}
SKIPPED = {"blank_line": "blank_line", "duplicate_record": "duplicate_record"}
NAMED = {
    "duplicate_key": "duplicate_key",
    "html_error_page": "html_error_page",
    "invalid_utf8": "invalid_utf8",
    "missing_id": "missing_id",
    "nan_score": "nan_or_infinity",
    "nul_byte": "nul_byte",
    "trailing_comma": "trailing_comma",
    "truncated": "truncated",
    "two_objects_one_line": "two_objects_one_line",
}


def test_adversarial_ndjson__every_line_is_landed_skipped_or_named(home: Home, recorded_data: Path):
    folder = recorded_data / "adversarial_ndjson"
    path = folder / "comments_with_faults.ndjson"
    with (folder / "faults.csv").open(encoding="utf-8", newline="") as file:
        verdicts = {int(row["line"]): row["fault"] for row in csv.DictReader(file)}
    load = landed(home, entry(path, name="*"), "2005-12-12", "2005-12-27")
    original = path.read_bytes().split(b"\n")
    manifest = load.manifest
    [account] = manifest.files
    assert (account.lines_n, account.unaccounted_n, account.outside_n) == (len(verdicts), 0, 0)
    assert (account.lines_n, account.landed_n, account.quarantined_n) == (609, manifest.rows_n, manifest.bad_lines_n)
    expected = Counter(verdicts.values())
    assert account.skipped == {name: expected[fault] for fault, name in SKIPPED.items()}
    unplaced = read([load.unplaced_file(account)], order_by="line_number")
    assert len(unplaced) == account.unplaced_n > 50
    bad = {row["line_number"]: row for row in [*bad_lines_of(load), *unplaced]}
    assert {number: row["fault"] for number, row in bad.items()} == {
        number: NAMED[fault] for number, fault in verdicts.items() if fault in NAMED
    }
    assert all(row["line"] == original[number - 1] for number, row in bad.items())
    assert all("score is NaN" in row["detail"] for row in bad.values() if row["fault"] == "nan_or_infinity")
    good = [json.loads(original[number - 1]) for number, fault in verdicts.items() if fault in LANDS]
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    assert rows.keys() == {"t1_" + record["id"] for record in good}
    for record in good:
        row = rows["t1_" + record["id"]]
        assert (row["body"], row["score"]) == (kept(record["body"]), int(record["score"]))
        assert row["created_at"].timestamp() == int(record["created_utc"])


def json_cases(recorded_data: Path) -> dict[str, bytes]:
    """The cases that fit on one line."""
    files = sorted((recorded_data / "adversarial_json").glob("*.json"))
    cases = {file.name: file.read_bytes() for file in files}
    assert len(cases) > 150
    return {name: content for name, content in cases.items() if b"\n" not in content}


def test_adversarial_json__the_slow_look_takes_and_refuses_as_it_must(recorded_data: Path):
    for name, content in json_cases(recorded_data).items():
        found = examine(content, lambda _: None)
        is_json = not isinstance(found, Fault) or found.name == "not_an_object"
        if name.startswith("y_"):
            assert is_json, name
            assert found is not None, name
        elif name.startswith("n_"):
            assert not is_json or not content.strip(), name


def test_adversarial_json__inside_a_record_that_nobody_reads_it_from(home: Home, recorded_data: Path):
    cases = json_cases(recorded_data)
    content = [b'{"x":' + value + b"," + line(post(f"p{number}"))[1:] for number, value in enumerate(cases.values())]
    of = entry(write(home.root / "archive", [post("first"), *content]))
    load = extract(of, ONE_DAY, context(home, of))
    ids = {row["contribution_id"] for row in rows_of(load)}
    lands = {name: f"t3_p{number}" in ids for number, name in enumerate(cases)}
    assert [name for name, it_lands in lands.items() if name.startswith("y_") and not it_lands] == []
    assert [name for name, it_lands in lands.items() if name.startswith("n_") and it_lands] == []
    [account] = load.manifest.files
    bad = [*bad_lines_of(load), *read([load.unplaced_file(account)], order_by="line_number")]
    assert load.manifest.rows_n + len(bad) == len(content) + 1
    assert all(row["fault"] not in {"", "unreadable"} for row in bad)


@pytest.mark.parametrize("is_escaped", [True, False])
def test_naughty_strings__are_plain_data_in_every_field(home: Home, recorded_data: Path, is_escaped: bool):
    strings = json.loads((recorded_data / "adversarial_naughty_strings" / "blns.json").read_bytes())
    assert len(strings) == 515
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    for number, text in enumerate(strings):
        made[f"t3_t{number}"] = text, post(f"t{number}", title=text, selftext=text, author=text, link_flair_text=text)
        made[f"t1_b{number}"] = text, comment(f"b{number}", body=text, url=text)
        made[f"t3_s{number}"] = text, post(f"s{number}", subreddit=text)
    lines = [json.dumps(record, ensure_ascii=is_escaped).encode() for _, record in made.values()]
    of = entry(write(home.root / "archive", [post("first"), *lines]), name="*")
    load = extract(of, ONE_DAY, context(home, of))
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    nameless = {name for name, (text, _) in made.items() if not text and name.startswith("t3_s")}
    assert made.keys() - rows.keys() == nameless
    [account] = load.manifest.files
    unplaced = read([load.unplaced_file(account)], order_by="line_number")
    assert [row["fault"] for row in unplaced] == ["missing_subreddit"] * len(nameless)
    for name, (text, _) in made.items():
        row = rows.get(name, {})
        if name.startswith("t3_t"):
            said = undone(text)
            assert (row["title"], row["body"], row["tags"]) == (said or None, said or None, [said] if said else [])
            assert row["author_key"] == (author_key(KEY, "reddit", text) if text else None)
        elif name.startswith("t1_b"):
            assert row["body"] == (undone(text) or None)
        elif text:
            assert row["community"] == canonical_name("reddit", text)
    assert load.manifest.rows_by_day == {DAY: len(rows)}
    assert all(row["created_at"].timestamp() in {NOON_S, NOON_S + 60} for row in rows.values())
