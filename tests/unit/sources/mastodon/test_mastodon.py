"""Mastodon: what the shared suite does not know of it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
import zstandard

from fixtures.answering_platform import ANSWERED_AT, Platform, Reply
from pulse.core.errors import BadCredentials, SourceError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake import raw
from pulse.lake.landing import Load
from pulse.platforms.names import author_key
from pulse.sandbox.mastodon import MastodonDouble, status_id
from pulse.sandbox.talk import Said, Talk
from pulse.sources.context import SourceContext
from pulse.sources.live.http import JsonAnswer
from pulse.sources.mastodon.entry import MastodonEntry, MastodonPolicy
from pulse.sources.mastodon.live import extract
from pulse.sources.mastodon.reading import MastodonReader, _Threads

KEY = b"key-for-tests-only"
DAY = (ANSWERED_AT - timedelta(days=1)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
LIMITS: dict[str, Any] = {"calls_per_window": 100_000, "window_s": 0.01, "retry_wait_s": 0, "longest_wait_s": 0.02}


def said(number: int, at: datetime, *, to: int | None = None, thread: int | None = None, **changes: Any) -> Said:
    one = Said(
        number=number, thread=number if to is None else thread or to, parent=to, created_at=at, author="Nadia_Quill",
        author_number=7, title=None, body=f"Body {number}", score=4, replies_n=1,
    )  # fmt: skip
    return replace(one, **changes)


def small() -> list[Said]:
    thread = [said(20, NOON), said(21, NOON + timedelta(hours=1), to=20)]
    return [*thread, said(24, NOON + timedelta(hours=2), to=21, thread=20)]


class Instance:
    """A home, and an instance that is asked from it."""

    def __init__(self, home: Home, platform: Platform, things: list[Said], **double: Any) -> None:
        self.home, self.platform, self.said, self.now = home, platform, things, ANSWERED_AT
        self.double = MastodonDouble(
            lambda now: Talk([one for one in self.said if one.created_at <= now], 50, 5), **double
        )
        self.change: Any = lambda _, document: document
        platform.answer_to = self._answer  # type: ignore[method-assign]
        self.entry = MastodonEntry(platform="mastodon", name="#Tea@tea.example", source="mastodon", url=platform.url)
        self.policy = MastodonPolicy(**LIMITS)

    def _answer(self, path: str, params: Any) -> Reply:
        told = self.double.answer(path, params, {}, self.now)
        return Reply(self.change(path, told.document), status=told.status)

    def extract(self, window: Window | None = None) -> Load:
        context = SourceContext(self.home, (self.entry,), lambda: self.now, KEY, {MastodonPolicy: self.policy})
        (load,) = extract(self.entry, window or Window.one_day(DAY), context)
        return load

    def later(self, days: int) -> Window:
        self.now = self.platform.now = ANSWERED_AT + timedelta(days=days)
        return Window.one_day(DAY + timedelta(days=days))

    def first_status(self, **changes: Any) -> None:
        """Change the oldest status of each timeline."""

        def changed(path: str, document: Any) -> Any:
            if path.startswith("/api/v1/timelines/") and document:
                document[-1] |= changes
            return document

        self.change = changed


def rows_of(load: Load) -> dict[int, dict[str, Any]]:
    files = [str(file) for file in load.rows_files().values()]
    if not files:
        return {}
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet($files, hive_partitioning = false)", {"files": files})
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {int(row["contribution_id"]) % 65_536: row for row in rows}


def test_row__has_what_the_instance_shows(home: Home, platform: Platform):
    things = small()
    things[0] = replace(things[0], edited_at=NOON + timedelta(hours=3), link_url="https://tea.example/pots")
    rows = rows_of(Instance(home, platform, things).extract())
    first, below = rows[20], rows[24]
    assert (first["kind"], below["kind"]) == ("post", "comment")
    assert (first["score"], first["share_count"], first["reply_count"]) == (4, 2, 1)
    assert (first["edited_at"], below["edited_at"]) == (NOON + timedelta(hours=3), None)
    assert (first["url"], first["tags"], first["title"]) == ("https://tea.example/pots", ["tea"], None)
    assert first["permalink"] == f"https://tea.example/statuses/{status_id(things[0])}"
    assert first["author_key"] == author_key(KEY, "mastodon", "nadia_quill@tea.example")


def test_content_warning__stands_first_in_the_text(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.first_status(spoiler_text="pots & politics")
    assert rows_of(instance.extract())[20]["body"] == "pots & politics\n\nBody 20"


def test_content__is_told_without_what_is_hidden(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    link = '<span class="invisible">https://</span><span class="ellipsis">tea.example/a</span>'
    link += '<span class="invisible">b</span>'
    quote = '<p class="quote-inline">RE: <a href="https://tea.example/@bob/1">bob</a></p>'
    instance.first_status(content=f'{quote}<p>Look <a href="https://tea.example/ab">{link}</a></p>')
    assert rows_of(instance.extract())[20]["body"] == "Look https://tea.example/ab"


def test_author__of_another_instance_is_told_with_it(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.first_status(account={"acct": "Bob@Else.example", "bot": True})
    row = rows_of(instance.extract())[20]
    assert row["author_key"] == author_key(KEY, "mastodon", "bob@else.example")
    assert row["author_role"] == "bot"


def test_boost__is_no_contribution(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.first_status(reblog={"id": "1"}, content="")
    load = instance.extract()
    assert ({*rows_of(load)}, load.manifest.bad_lines_n) == ({21, 24}, 0)


@pytest.mark.parametrize("visibility", ["unlisted", "private", "direct"])
def test_status__that_is_not_public_is_nowhere(home: Home, platform: Platform, visibility: str):
    instance = Instance(home, platform, small())
    instance.first_status(visibility=visibility)
    load = instance.extract()
    assert {*rows_of(load)} == {21, 24}
    assert load.manifest.files[0].lines_n == 2


def test_local_timeline__is_asked_for_and_its_accounts_are_counted(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.entry = MastodonEntry(platform="mastodon", name="tea.example", source="mastodon", url=platform.url)
    load = instance.extract()
    assert (platform.asked[0].path, platform.asked[0].params["local"]) == ("/api/v1/timelines/public", "true")
    assert ({*rows_of(load)}, load.manifest.community_observations_n) == ({20, 21, 24}, 1)


def test_tag__of_other_letters_is_asked_for(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.entry = MastodonEntry(platform="mastodon", name="#чай_茶@tea.example", source="mastodon", url=platform.url)
    load = instance.extract()
    assert platform.asked[0].path == "/api/v1/timelines/tag/%D1%87%D0%B0%D0%B9_%E8%8C%B6"
    assert load.manifest.community_observations_n == 0


@pytest.mark.parametrize(("status", "kind"), [(401, BadCredentials), (403, SourceError), (422, SourceError)])
def test_timeline__that_is_closed_to_guests_is_one_error(home: Home, platform: Platform, status: int, kind: type):
    instance = Instance(home, platform, small(), closed_by=status)
    with pytest.raises(kind):
        instance.extract()
    assert len(platform.asked) == 1


def test_day__of_long_ago_is_asked_for_at_once(home: Home, platform: Platform):
    then = NOON - timedelta(days=900)
    things = [said(number, then + timedelta(minutes=number)) for number in range(1, 61)]
    load = Instance(home, platform, [*things, *small()]).extract(Window.one_day(then.date()))
    assert len(rows_of(load)) == 60
    assert len(platform.asked) == 3


def test_calls__that_end_too_soon_prove_the_day_so_far(home: Home, platform: Platform):
    things = [said(number, NOON + timedelta(minutes=number)) for number in range(60)]
    instance = Instance(home, platform, things, most_statuses_n=10)
    instance.policy = MastodonPolicy(**LIMITS, max_calls_per_run=9)
    things += [said(number, NOON + timedelta(minutes=number)) for number in range(60, 100)]
    load = instance.extract()
    assert "calls of this run were spent" in (load.manifest.partial_reason or "")
    with duckdb.connect() as connection:
        looks = connection.execute(
            "select distinct looked_from, looked_to, proof from read_parquet($file)",
            {"file": str(load.folder / "coverage.parquet")},
        ).fetchall()
    (look,) = looks
    assert look[0] == NOON - timedelta(hours=12)
    assert look[1] == max(row["created_at"] for row in rows_of(load).values())
    assert (len(rows_of(load)), look[2]) == (90, "listed")


def test_answer__without_a_usable_id_ends_what_is_proven(home: Home, platform: Platform):
    instance = Instance(home, platform, small())
    instance.change = lambda path, document: [{"id": "x"}] if "timelines" in path else document
    load = instance.extract()
    assert "without a usable id" in (load.manifest.partial_reason or "")


# ---- threads ---------------------------------------------------------------


@pytest.mark.parametrize("most_n", [1, 2, 40])
def test_thread__is_known_from_the_pages_before(home: Home, platform: Platform, most_n: int):
    things = small()
    rows = rows_of(Instance(home, platform, things, most_statuses_n=most_n).extract())
    assert {row["thread_id"] for row in rows.values()} == {str(status_id(things[0]))}
    assert rows[24]["parent_id"] == str(status_id(things[1]))


def test_thread__is_known_from_raw_or_else_begins_at_what_is_answered(home: Home, platform: Platform):
    long_ago = said(5, NOON - timedelta(days=90))
    answer = said(6, NOON - timedelta(days=1), to=5)
    again = said(7, NOON, to=6, thread=5)
    instance = Instance(home, platform, [long_ago, answer, again])
    assert rows_of(instance.extract())[7]["thread_id"] == str(status_id(answer))  # nothing is known of it
    before = instance.extract(Window.one_day(DAY - timedelta(days=1)))
    assert rows_of(before)[6]["thread_id"] == str(status_id(long_ago))
    raw.promote(home, before)
    assert rows_of(instance.extract())[7]["thread_id"] == str(status_id(long_ago))


# ---- looking again ---------------------------------------------------------


def due_later(home: Home, platform: Platform, **double: Any) -> tuple[Instance, Window]:
    """Thirty statuses of which one is gone, three days on."""
    things = [said(number, NOON + timedelta(minutes=number)) for number in range(100, 129)]
    instance = Instance(home, platform, [*things, said(129, NOON + timedelta(hours=3), to=101)], **double)
    raw.promote(home, instance.extract())
    instance.said = [
        replace(one, score=10, removal="by_author" if one.number == 105 else "none") for one in instance.said
    ]
    platform.asked.clear()
    return instance, instance.later(3)


def test_look_again__twenty_at_once(home: Home, platform: Platform):
    instance, window = due_later(home, platform)
    load = instance.extract(window)
    rows = rows_of(load)
    assert {row["score"] for number, row in rows.items() if number != 105} == {10}
    assert (len(rows), rows[105]["removal"], rows[105]["body"]) == (30, "by_author", None)
    assert (rows[129]["thread_id"], rows[129]["parent_id"]) == (rows[101]["contribution_id"],) * 2
    assert [one.path for one in platform.asked].count("/api/v1/statuses") == 2
    assert load.manifest.skipped == {}


@pytest.mark.parametrize("limit_n", [5, 100])
def test_look_again__one_by_one_where_it_must_be(home: Home, platform: Platform, limit_n: int):
    instance, window = due_later(home, platform, gives_many=False)
    instance.policy = MastodonPolicy(**LIMITS, item_calls_per_run=limit_n)
    load = instance.extract(window)
    seen_n = min(limit_n, 30)
    assert len(rows_of(load)) == seen_n
    assert load.manifest.skipped == ({"not_returned": 30 - seen_n} if seen_n < 30 else {})
    if limit_n == 100:
        assert rows_of(load)[105]["removal"] == "by_author"


@pytest.mark.parametrize(
    "name", ["#tea", "tea", "*", "#tea@", "##tea@a.b", "#t/ea@tea.example", "@bob@tea.example", "a.b/x"]
)
def test_entry__name_that_is_neither_tag_nor_instance_is_refused(name: str):
    with pytest.raises(ValueError, match="not a tag on an instance"):
        MastodonEntry(platform="mastodon", name=name, source="mastodon")


# ---- recorded answers ------------------------------------------------------


def recorded_statuses(recorded_data: Path) -> Iterator[tuple[str, Any]]:
    """Answers of recorded sessions that hold statuses: a status, or a list of them."""
    for file in sorted((recorded_data / "fixtures" / "mastodon_py_cassettes").iterdir()):
        content = file.read_bytes()
        if file.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(content).read()
        for one in yaml.safe_load(content)["interactions"]:
            text = one["response"]["body"].get("string") or ""
            try:
                document = json.loads(text)
            except ValueError:
                continue
            statuses = document if isinstance(document, list) else [document]
            if one["response"]["status"]["code"] == 200 and all(
                isinstance(status, dict) and {"content", "visibility", "account"} <= status.keys()
                for status in statuses
            ):
                yield file.name, statuses


@pytest.mark.real_data
def test_recorded_statuses__each_is_a_row_or_a_boost_or_not_public(recorded_data: Path):
    reader = MastodonReader(MastodonEntry(platform="mastodon", name="localhost.example", source="mastodon"))
    counts: Counter[str] = Counter()
    for name, statuses in recorded_statuses(recorded_data):
        answer = JsonAnswer(statuses, ANSWERED_AT)
        found, _ = reader._page(answer, threads=_Threads({}), min_id=0)
        public = [one for one in statuses if one["visibility"] == "public"]
        spoken = [one for one in public if one["reblog"] is None]
        rows = [record for record in found.records if not record["fault"]]
        assert {record["fault"] for record in found.records} <= {None, "not_speech"}, name
        assert len(found.records) == len(public)
        assert Counter(row["item_id"] for row in rows) == Counter(one["id"] for one in spoken)
        assert sum(row["score"] for row in rows) == sum(one["favourites_count"] for one in spoken)
        assert sum(row["edited_us"] is not None for row in rows) == sum(one["edited_at"] is not None for one in spoken)
        assert sum(row["kind"] == "comment" for row in rows) == sum(one["in_reply_to_id"] is not None for one in spoken)
        assert not [row for row in rows if "<" in (row["body"] or "")]
        counts.update(rows=len(rows), boosts=len(public) - len(spoken), hidden=len(statuses) - len(public))
    assert min(counts[one] for one in ("rows", "boosts", "hidden")) > 0
    assert counts["rows"] > 100
