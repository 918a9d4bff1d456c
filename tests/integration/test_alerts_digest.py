"""The daily digest over real marts: each kind of find is told once, on its day, to each notifier, and nothing else."""

import logging
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.reddit_lines import comment, post, write
from pulse.config.settings import load_settings
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.lake.told import Ledger
from pulse.orchestration.digest import send_digest
from pulse.steps.pipeline import Pipeline
from support import only_models, pulse, take

pytestmark = pytest.mark.integration

FIRST_DAY, LAST_DAY = date(2019, 8, 1), date(2019, 10, 9)
NAMED, SPIKED, TURNED, ASKED = (date(2019, 10, day) for day in (5, 6, 7, 7))
UNANSWERED = ASKED + timedelta(days=1)
# A brand and a community whose names are markup, a mention of everybody and an address, as far as names may be.
BRAND = "<!channel> [Emberwell](https://evil.example)"
CONFIG = """\
communities:
  - {platform: reddit, name: Tea, source: reddit_archive, path: talk.ndjson,
     covers: {from: 2019-08-01, to: 2019-10-09}}
  - {platform: reddit, name: mate, source: reddit_archive, path: talk.ndjson,
     covers: {from: 2019-08-01, to: 2019-10-09}}
notify:
  - {notifier: notifiers.Collecting, arguments: {message: "{{ pulse.subject }}|{{ pulse.value }}|{{ pulse.message }}"}}
  - {notifier: notifiers.Fickle, arguments: {message: "{{ pulse.message }}"}}
listening:
  brands:
    - {name: "BRAND", ours: true, aliases: [Emberwell]}
  own_communities: [reddit/Tea]
  alerts: {}
"""
_FEELINGS = ("I love this, it is wonderful.", "I am sad and lonely.", "It stands on the shelf.")
# No feeling, so that the mood of its day is as ever; and the sad ones voice no need.
_WISH = "Please add a spill proof lid to the next version."


class _Talk:
    """Twenty-five people a day in mate, who feel as people do; posts of our own community; and what is planted."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        for number in range((LAST_DAY - FIRST_DAY).days + 1):
            day = FIRST_DAY + timedelta(days=number)
            for person in range(25):
                feeling = (person + number * 3) % 9
                is_sad = day >= TURNED and person < 20
                text = _FEELINGS[1] if is_sad else _FEELINGS[0 if feeling < 3 else 1 if feeling == 3 else 2]
                if day == SPIKED and text == _FEELINGS[2]:
                    text = _WISH
                self.post("mate", day, f"person_{person}", text)
            self.post("Tea", day, f"host_{number % 4}", "It rained in the morning.")
        self.post("mate", NAMED, "fan_of_it", "My Emberwell leaks on secret_title_words.")
        self.post("mate", NAMED, "other_fan", "An Emberwell stands here.")
        asked = [self.post("Tea", ASKED, f"asker_{n}", "How do I clean the spout of this kettle?") for n in range(2)]
        self.answer(asked[1], ASKED, "host_1", "With vinegar.")

    def post(self, community: str, day: date, author: str, text: str) -> str:
        number = len(self.records)
        self.records.append(
            post(
                f"p{number}", subreddit=community, author=author, selftext=text, title="",
                created_utc=_seconds(day, number), num_comments=0,
                score=number % 7,
                permalink=f"/r/{community}/comments/p{number}/secret_title_words/",
            )
        )  # fmt: skip
        return f"p{number}"

    def answer(self, post_id: str, day: date, author: str, text: str) -> None:
        number = len(self.records)
        self.records.append(
            comment(
                f"c{number}", subreddit="Tea", author=author, body=text, created_utc=_seconds(day, number),
                link_id=f"t3_{post_id}", parent_id=f"t3_{post_id}",
            )
        )  # fmt: skip

    def write(self, folder: Path) -> None:
        write(folder / "talk.ndjson", sorted(self.records, key=lambda record: record["created_utc"]))


def _seconds(day: date, number: int) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) + number


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """All days, published. A day's finds rest on no later day, so that each can be told as if it were the last."""
    folder = tmp_path_factory.mktemp("alerts")
    with pytest.MonkeyPatch.context() as changed, only_models("+fct_alerts_daily", "+fct_contributions"):
        changed.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        home = Home(folder / "home").create()
        _Talk().write(folder)
        config = folder / "communities.yml"
        config.write_text(CONFIG.replace("BRAND", BRAND), encoding="utf-8")
        pipeline = Pipeline(home, load_settings(config, home=home), lambda: datetime(2020, 1, 1, tzinfo=UTC))
        take(pipeline, Window(FIRST_DAY, LAST_DAY))
        yield pipeline


@pytest.fixture(scope="module")
def heard(airflow_home: Path) -> Any:
    """The notifiers of the config. They are Airflow's, which may be imported only now."""
    import notifiers

    return notifiers


@pytest.fixture
def told(published: Pipeline, heard: Any) -> Iterator[Pipeline]:
    """The same, of which nobody was told anything yet."""
    for file in sorted(published.home.alerts.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    heard.Collecting.received.clear()
    heard.Fickle.received.clear()
    heard.Fickle.is_down = False
    yield published
    heard.Fickle.is_down = False


def tell(pipeline: Pipeline, day: date) -> dict[str, int]:
    return send_digest(pipeline.home, pipeline.settings, day, run_url="http://127.0.0.1/run")


def messages_by_day(pipeline: Pipeline, heard: Any) -> dict[date, str]:
    """What the first notifier is told after each day; each day runs twice."""
    found = {}
    for number in range(3, 10):
        day = date(2019, 10, number)
        heard.Collecting.received.clear()
        tell(pipeline, day)
        assert tell(pipeline, day) == {"finds_n": 0, "told_n": 0, "failed_n": 0}, "a rerun tells nothing new"
        assert len(heard.Collecting.received) <= 1
        if heard.Collecting.received:
            found[day] = heard.Collecting.received[0]
    return found


def test_digest__tells_each_of_the_four_kinds_once_and_in_its_day(told: Pipeline, heard: Any):
    messages = messages_by_day(told, heard)
    assert set(messages) == {NAMED, SPIKED, TURNED, UNANSWERED}
    lines = {day: message.splitlines()[1:] for day, message in messages.items()}
    assert {day: len(of_day) for day, of_day in lines.items()} == dict.fromkeys(lines, 1)
    assert (
        "named, reddit: mate: 2 contributions (2019-10-05); https://www.reddit.com/r/mate/comments/p" in lines[NAMED][0]
    )
    assert re.search(
        r"^- wishes spike, reddit: mate: 1\d of 25 voices on that day, \d\d\.\d% instead of 0\.1%", lines[SPIKED][0]
    )
    assert re.search(
        r"^- mood turned down, reddit: mate: net -0\.\d\d of \d+ voices on that day, \+0\.\d\d before", lines[TURNED][0]
    )
    assert (
        "- unanswered for a day, reddit: tea: 1 request for support (told on 2019-10-08); https://www.reddit.com/r/Tea/comments/p"
        in lines[UNANSWERED][0]
    )
    # A need and a mood are of many people: our own page shows the community.
    for day in (SPIKED, TURNED):
        assert "/pulse/community?platform=reddit&community=mate" in lines[day][0]
    assert messages[NAMED].startswith("2019-10-05|2 finds|2 finds\n")
    assert heard.Fickle.received == [message.split("|", 2)[2] for message in messages.values()]


def test_digest__holds_no_text_no_author_and_nothing_that_a_chat_or_mail_makes_something_of(
    told: Pipeline, heard: Any, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO):
        said = "\n".join(messages_by_day(told, heard).values())
    for text in (said, "\n".join(record.getMessage() for record in caplog.records if "digest" in record.getMessage())):
        for secret in ("lid", "leaks", "secret_title_words", "fan_of_it", "asker_", "person_", "vinegar"):
            assert secret not in text
        assert not re.search(r"[0-9a-f]{64}", text), "a key of an author, or a hash of a text"
        assert not re.search(
            r"[<>@\[\]()*`|~]", re.sub(r"\((told on )?2019-[-0-9 to]+\)|^2019.*?\|.*?\|", "", text, flags=re.MULTILINE)
        )
        assert "evil.example" not in text
    ids = [file.read_bytes() for file in told.home.alerts.rglob("*") if file.is_file()]
    assert ids
    assert not [content for content in ids if b"t3_" in content or b"person_" in content]


def test_digest__a_notifier_that_failed_is_told_again_and_nobody_else_is(
    told: Pipeline, heard: Any, caplog: pytest.LogCaptureFixture
):
    heard.Fickle.is_down = True
    assert tell(told, NAMED) == {"finds_n": 2, "told_n": 2, "failed_n": 1}
    assert "no chat today" in caplog.text
    assert (len(heard.Collecting.received), heard.Fickle.received) == (1, [])
    assert tell(told, NAMED)["failed_n"] == 1
    heard.Fickle.is_down = False
    assert tell(told, SPIKED) == {"finds_n": 3, "told_n": 3, "failed_n": 0}
    assert len(heard.Collecting.received) == 2
    assert "named" not in heard.Collecting.received[1]
    (late,) = heard.Fickle.received
    assert "named" in late
    assert "wishes spike" in late


def test_digest__a_day_that_never_ran_is_told_by_the_next_one_and_old_news_by_none(told: Pipeline, heard: Any):
    tell(told, date(2019, 10, 4))
    tell(told, UNANSWERED)
    (message,) = heard.Collecting.received
    assert len(message.splitlines()) == 5, "of all days since the last run"
    assert message.splitlines()[0].endswith("5 finds")
    # A backfill of long ago, or one that comes first: nobody is told what happened before there was anybody to tell.
    heard.Collecting.received.clear()
    assert tell(told, date(2019, 9, 20))["told_n"] == 0
    for file in told.home.alerts.rglob("*.*"):
        file.unlink()
    tell(told, LAST_DAY)
    assert heard.Collecting.received == []


def test_digest__a_run_that_is_killed_while_it_sends_tells_nothing_twice(
    told: Pipeline, heard: Any, caplog: pytest.LogCaptureFixture
):
    child = os.fork()
    if child == 0:
        heard.Collecting.notify = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        tell(told, NAMED)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert list(told.home.alerts.rglob("*.sending"))
    tell(told, NAMED)
    assert heard.Collecting.received == [], "nobody knows whether it arrived"
    assert "was cut off when it was sent" in caplog.text
    assert len(heard.Fickle.received) == 1, "those after it are told"
    caplog.clear()
    tell(told, SPIKED)
    assert "cut off" not in caplog.text
    assert len(heard.Collecting.received) == 1


def test_digest__a_damaged_memory_tells_nothing_and_says_what_to_do(
    told: Pipeline, heard: Any, caplog: pytest.LogCaptureFixture
):
    tell(told, NAMED)
    for file in told.home.alerts.rglob("*.parquet"):
        file.write_bytes(b"nothing")
    assert tell(told, SPIKED) == {"finds_n": 0, "told_n": 0, "failed_n": 3}
    assert "remove it: what it held may be told once more" in caplog.text
    assert len(heard.Collecting.received) == 1


def test_digest__leaves_out_lines_beyond_the_limit_and_counts_them(told: Pipeline, heard: Any):
    listening = told.settings.listening
    alerts = listening.alerts.model_copy(update={"max_lines": 1})
    settings = told.settings.model_copy(update={"listening": listening.model_copy(update={"alerts": alerts})})
    tell(told, date(2019, 10, 4))
    send_digest(told.home, settings, UNANSWERED, run_url="")
    (message,) = heard.Collecting.received
    assert message.splitlines()[2:] == ["- and 3 lines more: see fct_alerts_daily"]


def test_ledger__forgets_what_cannot_be_told_again(told: Pipeline):
    tell(told, NAMED)
    ledger = Ledger.of(told.home, "log")
    ledger.prune(NAMED + timedelta(days=90))
    assert len(ledger.files()) == 1
    ledger.prune(NAMED + timedelta(days=91))
    assert ledger.files() == []


def test_alerts_command__shows_a_day_and_sends_what_was_not_told(
    told: Pipeline, heard: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PULSE_HOME", str(told.home.root))
    monkeypatch.setenv("PULSE_CONFIG", str(told.home.root.parent / "communities.yml"))
    monkeypatch.setattr("pulse.orchestration.environment.apply_for_embedded_runs", lambda _home: None)
    shown = pulse("alerts", "--day", str(SPIKED))
    assert (shown.exit_code, heard.Collecting.received) == (0, [])
    assert "wishes spike" in shown.stdout
    assert "nothing found" in pulse("alerts", "--day", "2019-10-02").stdout
    assert "told 3, failed 0" in pulse("alerts", "--day", str(SPIKED), "--send").stdout
    assert len(heard.Collecting.received) == 1
