"""CSV exports of Discord: both dialects in one archive, ids that are made, and what they cannot tell."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.discord_documents import context, document, entry, message, write
from fixtures.reddit_lines import FILE_S, KEY, bad_lines_of, rows_of
from pulse.core.errors import ArchiveUnreadable, ConfigError
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.landing import Load, coverage_of, unproven_days
from pulse.platforms.names import author_key
from pulse.platforms.registry import platform_named
from pulse.sources.lines.archive import extract

OLD = "AuthorID;Author;Date;Content;Attachments;Reactions;"
NEW = "AuthorID,Author,Date,Content,Attachments,Reactions"
WEEK = Window(date(2019, 6, 1), date(2019, 6, 7))
CSV = {"zone": "Europe/Paris", "channel": "([^/]+)/[^/]+[.]csv"}
PERSON = "305000000000000001"


def old(at: str = "04-Jun-19 12:07 AM", content: str = "text", reactions: str = "", author: str = PERSON) -> str:
    return f'"{author}";"clear_name#1234";"{at}";"{content}";"https://cdn.example/a.png?sig=1";"{reactions}";'


def new(at: str = "04-Jun-19 12:07 AM", content: str = "text", reactions: str = "", author: str = PERSON) -> str:
    return old(at, content, reactions, author).removesuffix(";").replace(";", ",")


def file(home: Home, name: str, header: str, *rows: str) -> Path:
    return write(home.root / name, "\n".join([header, *rows]).encode() + b"\n")


def loaded(home: Home, *paths: Path, window: Window = WEEK, **facts: Any) -> Load:
    of_files = entry(*paths, **({"csv": CSV} | facts))
    return extract(of_files, window, context(home, of_files))


def test_dialects__mean_the_same_in_one_archive(home: Home):
    first = file(home, "2019/general/1.csv", OLD, old(), old("05-Jun-19 09:30 PM", "two"))
    second = file(home, "2019/help's [1]? é/1.csv", NEW, new("06-Jun-19 12:00 PM", "three", "👆 (2),party time (1)"))
    load = loaded(home, first, second)
    rows = rows_of(load)
    assert [(row["channel"], row["body"], row["created_at"]) for row in rows] == [
        ("general", "text", datetime(2019, 6, 3, 22, 7, tzinfo=UTC)),
        ("general", "two", datetime(2019, 6, 5, 19, 30, tzinfo=UTC)),
        ("help's [1]? é", "three", datetime(2019, 6, 6, 10, tzinfo=UTC)),
    ]
    assert [dict(row["reactions"]) for row in rows] == [{}, {}, {"👆": 2, "party time": 1}]
    assert {row["observed_at"] for row in rows} == {datetime.fromtimestamp(FILE_S, tz=UTC)}
    assert {(row["kind"], row["parent_id"], row["permalink"], row["edited_at"]) for row in rows} == {
        ("message", None, None, None)
    }
    assert {row["author_key"] for row in rows} == {author_key(KEY, "discord", PERSON)}
    assert load.manifest.observes == ("author_key", "body", "channel", "reactions")


def test_ids__are_made_of_channel_author_time_and_text_and_say_so(home: Home):
    general = file(home, "general/1.csv", OLD, old(), old(), old(content="other"))
    again = file(home, "x/general/2.csv", NEW, new(reactions="👍 (9)"))
    elsewhere = file(home, "help/1.csv", OLD, old())
    load = loaded(home, general, again, elsewhere)
    ids = [row["contribution_id"] for row in rows_of(load)]
    assert len(ids) == 3
    assert len(set(ids)) == 3
    assert all(len(one) == 37 and one.startswith("made_") for one in ids)
    assert load.manifest.skipped == {"duplicate_record": 2}
    assert not any(account.unaccounted_n for account in load.manifest.files)
    pattern = platform_named("discord").id_patterns["message"]
    assert all(re.fullmatch(pattern, one) for one in ids)


def test_times__with_a_zone_keep_it(home: Home):
    (row,) = rows_of(loaded(home, file(home, "general/1.csv", NEW, new("2019-06-04T12:00:00.1230000+05:00"))))
    assert row["created_at"] == datetime(2019, 6, 4, 7, 0, 0, 123_000, tzinfo=UTC)


def test_rows__that_cannot_be_used_are_named_without_names(home: Home):
    good = [old(content=f"text {number}") for number in range(30)]
    path = file(
        home, "general/1.csv", OLD, *good, old("31-Feb-19 12:00 AM"), old("2019-06-04"), old(""), old(author="Ann"),
        old(reactions="many"), old(content="Joined the server."), "1;2;3", old("04-Jun-99 12:00 AM"),
    )  # fmt: skip
    load = loaded(home, path)
    (account,) = load.manifest.files
    assert (account.lines_n, account.landed_n, account.quarantined_n, account.unplaced_n) == (38, 30, 2, 5)
    assert {line["fault"] for line in bad_lines_of(load)} == {"not_an_id", "reactions_unreadable"}
    assert load.manifest.skipped == {"not_speech": 1}
    landed = b"".join(one.read_bytes() for one in home.landing.rglob("*") if one.is_file())
    for clear in (b"clear_name", b"cdn.example"):
        assert clear not in landed


def test_author__that_was_deleted_is_nobody(home: Home):
    (row,) = rows_of(loaded(home, file(home, "general/1.csv", OLD, old(author="456226577798135808"))))
    assert row["author_key"] is None


def test_coverage__is_of_each_channel_between_its_records(home: Home):
    general = file(home, "general/1.csv", OLD, old("01-Jun-19 01:00 AM"), old("07-Jun-19 01:00 AM"))
    short = file(home, "help/1.csv", OLD, old("01-Jun-19 01:00 AM"), old("04-Jun-19 01:00 AM"))
    load = loaded(home, general, short)
    whole = {date(2019, 6, day) for day in (1, 2, 3)}
    assert set(WEEK.days()) - unproven_days(load) == whole, "one channel's later days prove nothing of the other"
    assert {look.proof for look in coverage_of(load) if look.looked_from} == {"spanned"}


def test_json_and_csv__stand_in_one_entry(home: Home):
    path = write(home.root / "export.json", document(message(1, at=datetime(2019, 6, 4, 12, tzinfo=UTC))))
    load = loaded(home, path, file(home, "general/1.csv", OLD, old()))
    assert [row["body"] for row in rows_of(load)] == ["text", "text 1"]


@pytest.mark.parametrize("header", ["id,text", "AuthorID|Date|Content|Reactions", "AuthorID,Author,Date,Content"])
def test_file__of_another_kind_is_refused(home: Home, header: str):
    with pytest.raises(ArchiveUnreadable, match="no CSV of DiscordChatExporter"):
        loaded(home, file(home, "general/1.csv", header, "x,y"))


def test_entry__must_say_what_a_csv_does_not(home: Home):
    path = file(home, "general/1.csv", OLD, old())
    with pytest.raises(ConfigError, match="neither zone nor channel"):
        loaded(home, path, csv=None)
    with pytest.raises(ConfigError, match="no part of"):
        loaded(home, path, csv={"zone": "UTC", "channel": "guild/([0-9]+)"})
    for wrong in ({"zone": "UTC"}, {"channel": "(x)"}, {"zone": "Mars", "channel": "(x)"}, CSV | {"channel": "x"}):
        with pytest.raises(ValidationError):
            entry(path, csv=wrong)
