"""Hostile text wherever people, a config or a command line can put it: it stays data, and shows as visible characters.

Nothing is executed, nothing is written outside the home, and no control character reaches a terminal or a log raw. The
short form tries fewer strings where each costs a parser or a gate.
"""

import csv
import io
import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from fixtures.live_reddit import live
from fixtures.reddit_lines import (
    DAY,
    NOON_S,
    ONE_DAY,
    bad_lines_of,
    comment,
    context,
    entry,
    post,
    rows_of,
    undone,
    write,
)
from pulse.cli.app import app
from pulse.config.settings import Settings, load_settings
from pulse.core.contract import COLUMN_NAMES, COMMUNITY_COLUMNS
from pulse.core.errors import ConfigError, PulseError
from pulse.core.home import REPOSITORY, Home
from pulse.gates import check_loads
from pulse.lake import quality, raw
from pulse.platforms.names import canonical_name
from pulse.reading import query
from pulse.sandbox.reddit_data import ArchiveData
from pulse.sources.lines.archive import extract
from pulse.steps.pipeline import Pipeline

pytestmark = pytest.mark.faults

IS_LONG_FORM = os.environ.get("PULSE_FAULTS") == "long"

# What moves a cursor, rings, recolours, forges a line or turns the reading order, whoever shows it.
RAW_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
HOSTILE: dict[str, str] = {
    "sql quote": "'; drop table contributions; --",
    "sql comment": "tea' or 1=1 /*",
    "sql copy": "'); copy (select 1) to '/tmp/pulse-hostile'; --",
    "duckdb dollar quote": "$$ || (select 1) || $$",
    "duckdb read": "') union all select * from read_csv('/etc/passwd') --",
    "path up": "../../../../etc/passwd",
    "path absolute": "/etc/passwd",
    "path dots": "..",
    "path hidden": ".draft-x",
    "path windows": "..\\..\\boot.ini",
    "path of a partition": "x/day=2019-10-05/../../..",
    "glob": "*?[a-z]{b,c}",
    "home": "~root/$HOME/${PULSE_HOME}",
    "shell": "$(touch pulse-hostile)`touch pulse-hostile`; touch pulse-hostile | cat",
    "ansi colour": "\x1b[31mred\x1b[0m",
    "ansi clear": "\x1b[2J\x1b[H",
    "ansi title": "\x1b]0;owned\x07",
    "ansi link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "c1 control": "\x9b31mred\x85next",
    "backspaces": "rm\b\b\b\b\x7f",
    "forged line": "fine\r\n2026-01-01 ERROR forged\x0b\x0c",
    "bidi override": "\u202egnp.exe\u202c \u2066x\u2069",
    "zero width": "a\u200bb\u200d\u2060\ufeffc\u00ad",
    "line separators": "a\u2028b\u2029c",
    "nul": "a\x00b",
    "lone surrogate": "a\ud800b\udfff",
    "private and unassigned": "\ue000\U000e0041\uffff",
    "rich markup": "[red]x[/red] [link=http://evil.example]y[/link] [/]",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markdown": "| a | b |\n# h [x](javascript:alert(1))",
    "jinja": "{{ 7 * 7 }}{% raw %}{{ env_var('HOME') }}{# c #}",
    "format": "{0.__class__} {x!r} %s %(name)s %n %d %%",
    "yaml tag": "!!python/object/apply:os.system ['touch pulse-hostile']",
    "yaml": "&a [*a]: {<<: *a}\n- x: |\n",
    "csv formula": '=HYPERLINK("http://evil.example","x")',
    "csv formula plus": "+1+cmd|' /C calc'!A0",
    "csv formula at": "@SUM(1+1)",
    "csv formula tab": "\t=1+1",
    "csv formula line": "\r\n=1+1",
    "csv formula wide": "＝1+1",
    "csv quote": '","=1+1","',
    "placeholder": "[deleted]\x00",
    "very long": "tea " * 30_000,
    "combining": "Z" + "\u0341" * 500,
    "empty-looking": " \u3164\u00a0",
    "number": "1e9999",
    "null words": "NULL None nan undefined \\N",
}  # fmt: skip
# What no text can hold: refused with its line, never cut or mended.
UNCARRIED = {"lone surrogate"}
TEXT_FIELDS = ("author", "title", "selftext", "url", "permalink", "link_flair_text", "distinguished",
               "removed_by_category", "domain", "post_hint")  # fmt: skip


def naughty() -> list[str]:
    """All of the big list of naughty strings where it lies beside the checkout; nothing elsewhere."""
    file = REPOSITORY.parent / "shared" / "data" / "adversarial_naughty_strings" / "blns.json"
    return [text for text in json.loads(file.read_text(encoding="utf-8")) if text] if file.is_file() else []


def strings() -> list[str]:
    return [*HOSTILE.values(), *naughty()]


def test_strings__include_the_big_list():
    if not naughty():
        pytest.skip("the recorded data folder is not there: only the strings above are tried")
    assert len(naughty()) > 500


def new_year() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def require_visible(shown: str) -> None:
    found = RAW_CONTROL.findall(shown)
    assert not found, (set(found), shown[:500])


@pytest.fixture(autouse=True)
def nothing_is_executed_or_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Working directory and parents of the home are watched: none of the strings above may make a file there."""
    around = tmp_path / "around"
    around.mkdir()
    monkeypatch.chdir(around)
    yield
    assert list(around.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"around", "home", "given"}
    assert not Path("/tmp/pulse-hostile").exists()  # noqa: S108


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever is logged meanwhile must be lines that a terminal can show."""
    caplog.set_level(logging.DEBUG, logger="pulse")
    yield caplog
    for record in caplog.records:
        if record.name.startswith("pulse"):
            require_visible(record.getMessage())


# ---- in records ------------------------------------------------------------


def records(texts: Sequence[str]) -> Iterable[dict[str, Any]]:
    """A post with each text as community and everywhere in it, one per field, and a comment; all under ids of ours."""
    number = 0
    for text in texts:
        for name in ("subreddit", *TEXT_FIELDS):
            number += 1
            facts = {"author": f"a{number}", "created_utc": NOON_S + number % 40_000}
            yield post(f"p{number}", **(facts | {name: text}))
        number += 1
        yield comment(f"c{number}", created_utc=NOON_S + number % 40_000, body=text, author=text, subreddit="tea")


def test_archive__text_stays_what_it_was_and_rows_stay_in_their_home(home: Home, tmp_path: Path, logged: Any):
    texts = [text for name, text in HOSTILE.items() if name not in UNCARRIED] + naughty()
    given = list(records(texts))
    of_file = entry(write(tmp_path / "given" / "hostile.ndjson", given), name="*", extra_fields=True)
    load = extract(of_file, ONE_DAY, context(home, of_file))
    rows = {row["contribution_id"]: row for row in rows_of(load)}
    assert bad_lines_of(load) == [], "every one of these is plain text"
    assert len(rows) == len(given)
    for record in given:
        row = rows[f"{'t3' if 'title' in record else 't1'}_{record['id']}"]
        assert row["community"] == canonical_name("reddit", record["subreddit"])
        gone = record.get("removed_by_category") or "[" in (record.get("selftext") or record.get("body") or "")
        if not gone:
            assert row["body"] == undone(record["selftext"] if "title" in record else record["body"])
        assert re.fullmatch("[0-9a-f]{64}", row["author_key"])
    quality.ensure_tables(home)
    settings = Settings(communities=(of_file.model_copy(update={"max_quarantined_share": 1.0}),))
    (verdict,) = check_loads(
        [load],
        home=home,
        settings=settings,
        run_id="'; drop table x; --\x1b[31m/../..",
        clock=new_year,
    )
    assert verdict.is_passed, verdict.stopped_by
    raw.ensure_empty_file(home)
    raw.promote(home, load)
    partitions = [path.relative_to(home.raw / "contributions").parts for path in home.raw.rglob("day=*/*.parquet")]
    assert {parts[0] for parts in partitions} == {"platform=reddit"}
    assert {len(parts) for parts in partitions} == {4}
    with duckdb.connect() as connection:
        found = connection.execute(
            "select distinct community from read_parquet(?, hive_partitioning = false)", [raw.contributions_glob(home)]
        ).fetchall()
    assert {community for (community,) in found} >= {canonical_name("reddit", text) for text in texts}


def test_archive__what_json_or_a_platform_cannot_carry_is_refused_and_shown_visibly(
    home: Home, tmp_path: Path, logged: Any, monkeypatch: pytest.MonkeyPatch
):
    given = [post(f"p{number}", title=HOSTILE[name]) for number, name in enumerate(sorted(UNCARRIED))]
    given += [b'{"id": "x", "title": "\x1b[31m\x07"}', b"\x1b[2J\x9b\x00<html>\xff", post("fine")]
    of_file = entry(write(tmp_path / "given" / "hostile.ndjson", given))
    load = extract(of_file, ONE_DAY, context(home, of_file))
    assert len(bad_lines_of(load)) + load.manifest.files[0].unplaced_n == len(given) - 1
    assert [row["contribution_id"] for row in rows_of(load)] == ["t3_fine"]
    quality.ensure_tables(home)
    settings = Settings(communities=(of_file,))
    (verdict,) = check_loads([load], home=home, settings=settings, run_id="run", clock=new_year)
    assert not verdict.is_passed
    for arguments in (["quarantine", "list"], ["quarantine", "show", load.load_id]):
        shown = CliRunner().invoke(app, arguments)
        assert shown.exit_code == 0, shown.output
        require_visible(shown.output)
    assert "\\x1b" in shown.output


def test_live__text_stays_what_it_was(home: Home, tmp_path: Path, logged: Any):
    texts = [text for name, text in HOSTILE.items() if name not in UNCARRIED | {"very long"}] + naughty()[::4]
    given = [
        post(f"p{number}", subreddit="Tea", title=text, selftext=text, author=f"a{number}", link_flair_text=text,
             url=text, created_utc=NOON_S + number, num_comments=0)
        for number, text in enumerate(texts)
    ]  # fmt: skip
    data = ArchiveData([write(tmp_path / "given" / "hostile.ndjson", given)])
    with live(home, data, ["Tea"], day=DAY) as running:
        rows = {row["contribution_id"]: row for row in rows_of(running.extract(DAY))}
    assert len(rows) == len(given)
    for record in given:
        row = rows[f"t3_{record['id']}"]
        assert row["title"] == record["title"]
        assert row["body"] in {record["selftext"], None}


# ---- in names, paths and folders -------------------------------------------


def test_home__of_any_name_holds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    names = ("sql quote", "format", "jinja", "shell", "rich markup", "bidi override", "ansi colour", "csv quote")
    for name in names if IS_LONG_FORM else names[:2]:
        place = tmp_path / "given" / f"*[a-z]{{b,c}}{HOSTILE[name]}".replace("/", "_")[:80]
        home = Home(place).create()
        of_file = entry(write(home.root / "it's {a} [file].ndjson", [post()]))
        load = extract(of_file, ONE_DAY, context(home, of_file))
        quality.ensure_tables(home)
        (verdict,) = check_loads(
            [load], home=home, settings=Settings(communities=(of_file,)), run_id="run", clock=new_year
        )
        assert verdict.is_passed, (name, verdict.stopped_by)
        raw.ensure_empty_file(home)
        raw.promote(home, load)
        with query.connect(home) as connection:
            assert connection.execute("select count(*) from quality.gate_results").fetchone() > (20,)


def test_config__any_value_is_taken_as_text_or_refused_in_one_visible_line(home: Home, tmp_path: Path, logged: Any):
    archive = write(tmp_path / "given" / "archive.ndjson", [post()])
    config = tmp_path / "given" / "config.yml"
    good = {"platform": "reddit", "name": "tea", "source": "reddit_archive", "path": str(archive)}
    refused_n, texts = 0, strings() if IS_LONG_FORM else [*HOSTILE.values(), *naughty()[::12]]
    for text in texts:
        for document in (
            {"communities": [good | {"name": text}]},
            {"communities": [good | {"bot_accounts": [text], "team_accounts": [text]}]},
            {"communities": [good | {"path": text}]},
            {"communities": [good | {"platform": text}]},
            {"communities": [good | {"source": text}]},
            {"communities": [good | {text: text}]},
            {"communities": [good | {"max_quarantined_share": text}]},
            {"communities": [good], "notify": [{"notifier": text, "arguments": {text: text}}]},
            {"communities": text},
            text,
        ):
            config.write_text(yaml.safe_dump(document), encoding="ascii")
            try:
                load_settings(config, home=home)
            except ConfigError as error:
                refused_n += 1
                require_visible(str(error))
    assert refused_n > 5 * len(texts)


@pytest.mark.parametrize(
    "document",
    [
        "communities: !!python/object/apply:os.system ['touch pulse-hostile']",
        "communities: !!python/object/new:subprocess.Popen [[touch, pulse-hostile]]",
        "!!python/name:os.system",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ncommunities: *c",
        "communities: [\x1b[31m]",
        "communities: {{ 7 * 7 }}",
        "%TAG ! tag:evil.example,2000:\n--- !x\n",
        "communities:\n\t- x",
        "\ufeffcommunities: []",
        "- " * 3_000,
    ],
)
def test_config__document_that_is_an_attack_is_refused(home: Home, tmp_path: Path, document: str):
    (tmp_path / "given").mkdir()
    config = tmp_path / "given" / "config.yml"
    config.write_text(document, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(config, home=home)
    require_visible(str(caught.value))


def test_pipeline__logs_and_errors_show_hostile_communities_visibly(home: Home, tmp_path: Path, logged: Any):
    names = [text for name, text in HOSTILE.items() if name not in UNCARRIED and len(text) < 1_000]
    archive = write(tmp_path / "given" / "a.ndjson", [post(f"p{n}", subreddit=name) for n, name in enumerate(names)])
    entries = [entry(archive, name=name) for name in names]
    pipeline = Pipeline(home, Settings(communities=tuple(entries)), new_year)
    entry_ids = pipeline.plan(ONE_DAY)
    chosen = entry_ids[:: max(len(entry_ids) // 8, 1)]
    loads = [load_id for entry_id in chosen for load_id in pipeline.extract(entry_id, ONE_DAY, run_id="run\x1b[31m/..")]
    verdicts = pipeline.gate_loads(ONE_DAY, chosen, loads, run_id="run\x1b[31m/..")
    assert {verdict["outcome"] for verdict in verdicts} == {"passed"}
    with pytest.raises(PulseError) as caught:
        pipeline.settings.entry("reddit/\x1b[31m")
    require_visible(str(caught.value))


# ---- on the command line ---------------------------------------------------

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run", "--day", "TEXT"),
    ("backfill", "--from", "TEXT", "--to", "2026-01-01"),
    ("sql", "TEXT"),
    ("sql", "select 1", "--format", "TEXT"),
    ("sql", "select 1", "--limit", "TEXT"),
    ("quarantine", "show", "TEXT"),
    ("quarantine", "release", "TEXT", "--waive", "quarantined_share"),
    ("quarantine", "release", "x", "--waive", "TEXT"),
    ("sandbox", "serve", "--now", "TEXT"),
    ("sandbox", "world", "--out", "x", "--first-day", "TEXT"),
    ("TEXT",),
    ("--TEXT",),
    ("quarantine", "TEXT"),
    ("run", "--day", "2026-01-01", "TEXT"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_command_line__shows_what_was_typed_visibly_and_fails_in_its_own_words(home: Home, command: tuple[str, ...]):
    quality.ensure_tables(home)
    for text in [*HOSTILE.values(), *naughty()[::12]]:
        arguments = [part.replace("TEXT", text) for part in command]
        if any(argument in {"-", "--help"} for argument in arguments):
            continue
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), (text[:80], done.exception)
        require_visible(done.output)


def test_command_line__config_of_hostile_names_is_shown_visibly(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive = write(tmp_path / "given" / "a.ndjson", [post()])
    carried = [text for text in strings() if len(text) < 1_000 and "\ud800" not in text]
    entries = {canonical_name("reddit", text): text for text in carried}
    config = tmp_path / "given" / "config.yml"
    common = {"platform": "reddit", "source": "reddit_archive", "path": str(archive)}
    config.write_text(yaml.safe_dump({"communities": [common | {"name": text} for text in entries.values()]}))
    monkeypatch.setenv("PULSE_CONFIG", str(config))
    for arguments in (["status"], ["doctor"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        require_visible(done.output)
    assert len(load_settings(home=home).communities) > 40


# ---- in results ------------------------------------------------------------


def hostile_result() -> query.Result:
    carried = [text for name, text in HOSTILE.items() if name != "lone surrogate"] + naughty()
    return query.Result(("text", *HOSTILE.values())[:2], iter([[(text, 1) for text in carried]]))


@pytest.mark.parametrize("is_terminal", [True, False])
def test_csv__no_cell_of_text_begins_like_a_formula(is_terminal: bool):
    stream = io.StringIO()
    query.write_csv(hostile_result(), stream, is_terminal=is_terminal)
    rows = list(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert len(rows) == 1 + len(HOSTILE) - 1 + len(naughty())
    for row in rows:
        assert len(row) == 2
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")), row
    if is_terminal:
        require_visible(stream.getvalue())


def test_csv__in_a_file_keeps_text_but_for_the_apostrophe():
    stream = io.StringIO()
    query.write_csv(hostile_result(), stream, is_terminal=False)
    given = [row[0] for batch in hostile_result().batches for row in batch]
    found = [row[0] for row in csv.reader(io.StringIO(stream.getvalue(), newline=""))][1:]
    assert [
        text.removeprefix("'") if text[:1] == "'" and text != whole else text
        for text, whole in zip(found, given, strict=True)
    ] == given


def test_csv__numbers_below_zero_stay_numbers():
    stream = io.StringIO()
    query.write_csv(query.Result(("score",), iter([[(-3,), (-0.5,), (None,)]])), stream, is_terminal=False)
    assert stream.getvalue() == 'score\n-3\n-0.5\n""\n'


def test_json_and_table__show_every_text_visibly():
    stream = io.StringIO()
    query.write_json(hostile_result(), stream)
    require_visible(stream.getvalue())
    assert [row["text"] for row in json.loads(stream.getvalue())] == [
        row[0] for batch in hostile_result().batches for row in batch
    ]
    rows, _ = query.rows_for_table(hostile_result(), limit=10_000)
    for row in rows:
        require_visible(row[0])


def test_query__column_names_and_errors_are_shown_visibly(home: Home):
    for text in HOSTILE.values():
        if "\ud800" in text or "\x00" in text or len(text) > 1_000:
            continue
        name, value = text.replace('"', '""'), text.replace("'", "''")
        for sql in (f"""select '{value}' as "{name}" """, f"select error('{value}')", f'select "{name}"'):
            done = CliRunner().invoke(app, ["sql", sql])
            assert done.exit_code in {0, 2}
            require_visible(done.output)


def test_contract__has_no_column_that_holds_a_clear_name():
    names = {*COLUMN_NAMES, *(column.name for column in COMMUNITY_COLUMNS)}
    assert not names & {"author", "author_name", "author_fullname", "user", "email"}
