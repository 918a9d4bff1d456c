"""The DAG that closes a month: when it fires, which month it takes, and whom it tells."""

import calendar
import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pulse.core import errors
from pulse.core.home import REPOSITORY
from pulse.kpi import Month

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dag(airflow_home: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(REPOSITORY / "dags" / "kpi_monthly.py"))
    assert bag.import_errors == {}
    return bag.dags["kpi_monthly"]


@pytest.fixture(scope="module")
def timetable(dag: Any) -> Any:
    """As the scheduler has it: after a round through the database."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable


# ---- when ------------------------------------------------------------------


def test_timetable__waits_for_the_published_marts(timetable: Any):
    assert [key.name for key, _ in timetable.asset_condition.iter_assets()] == ["community_pulse_marts"]


@pytest.mark.parametrize("month", ["2026-10", "2026-11", "2027-02", "2028-02"])
def test_timetable__all_days_of_a_month_make_one_run_and_no_day_fewer(timetable: Any, month: str, airflow_home: Path):
    from pulse.orchestration import flow

    window = Month.parse(month).window
    keys = flow.partition_keys(flow.as_dict(window))
    assert len(keys) == calendar.monthrange(window.first_day.year, window.first_day.month)[1]
    mapper = timetable.get_partition_mapper(name="community_pulse_marts")
    assert {mapper.to_downstream(key) for key in keys} == {month}
    wanted = mapper.to_upstream(month)
    assert wanted == set(keys)

    def fires(arrived: list[str]) -> bool:
        return bool(mapper.wait_policy.is_satisfied_by_keys(expected=wanted, matched=set(arrived)).satisfied)

    assert fires(keys)
    assert not any(fires(keys[:place] + keys[place + 1 :]) for place in range(len(keys)))


def test_timetable__keys_of_the_daily_dag_are_those_it_waits_for(timetable: Any):
    """What `community_daily` names its partitions, and `community_backfill` adds, must not drift apart."""
    from pulse.orchestration import flow

    (key,) = flow.partition_keys({"first_day": "2026-10-05", "last_day": "2026-10-05"})
    moment = datetime(2026, 10, 5, tzinfo=UTC)
    assert key == moment.strftime("%Y-%m-%dT%H:%M:%S")
    assert key in timetable.get_partition_mapper(name="community_pulse_marts").to_upstream("2026-10")


# ---- what ------------------------------------------------------------------


def context(*, partition_key: str | None = None, **params: Any) -> dict[str, Any]:
    return {"dag_run": SimpleNamespace(partition_key=partition_key), "params": params}


def test_month__comes_from_the_run_never_from_the_clock(airflow_home: Path):
    from pulse.orchestration import monthly

    assert str(monthly.month_of(context(partition_key="2026-10", month="2026-09"))) == "2026-10"
    assert str(monthly.month_of(context(month="2026-09"))) == "2026-09"
    with pytest.raises(errors.ConfigError, match="parameter `month`"):
        monthly.month_of(context(month=None))
    with pytest.raises(errors.ConfigError, match="parameter month: September"):
        monthly.month_of(context(month="September"))
    with pytest.raises(errors.ConfigError, match="partition of the run"):
        monthly.month_of(context(partition_key="2026-10-05T00:00:00"))


def test_dag__green_means_frozen_and_reported(dag: Any):
    downstream = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
    assert downstream == {"month": ["freeze"], "freeze": ["notify", "report"], "report": ["notify"], "notify": []}
    assert {task.trigger_rule for task in dag.tasks} == {"all_success"}
    assert {task.retries for task in dag.tasks} == {3}


def test_dag__needs_no_worker_of_its_own_and_writes_no_asset(dag: Any):
    assert {task.queue for task in dag.tasks} == {"default"}
    assert [asset for task in dag.tasks for asset in task.outlets] == []


# ---- whom it tells ---------------------------------------------------------


@pytest.fixture
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_home: Path) -> Any:
    """What a configured notifier was asked to send."""
    from notifiers import Collecting

    (tmp_path / "x.ndjson").touch()
    (tmp_path / "c.yml").write_text(
        "communities: [{platform: reddit, name: tea, source: reddit_archive, path: x.ndjson}]\n"
        "notify: [{notifier: notifiers.Collecting, arguments: "
        "{message: '{{ pulse.kind }} {{ pulse.subject }}: {{ pulse.message }} {{ pulse.run_url }}'}}]\n"
    )
    monkeypatch.setenv("PULSE_CONFIG", str(tmp_path / "c.yml"))
    Collecting.received.clear()
    return Collecting.received


def failed(error: BaseException | None) -> dict[str, Any]:
    run = SimpleNamespace(dag_id="kpi_monthly", run_id="manual__1")
    return {"dag_run": run, "ti": SimpleNamespace(task_id="freeze"), "exception": error}


def test_failure__is_told_with_the_next_step_and_the_link_to_the_run(dag: Any, received: list[str]):
    (told,) = {task.on_failure_callback[0] for task in dag.tasks}
    told(failed(errors.NothingPublished("month 2026-10", value="nothing", next_step="run its days first")))
    (message,) = received
    assert message.startswith("month_not_closed month 2026-10: month 2026-10: nothing. Next: run its days first")
    assert message.endswith("/dags/kpi_monthly/runs/manual__1")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("\x1b[31mboom"), r"task freeze failed: \x1b[31mboom"),
        (None, "task freeze failed: its worker died"),
    ],
)
def test_failure__of_another_kind_is_told_too(dag: Any, received: list[str], error: Any, words: str):
    dag.get_task("freeze").on_failure_callback[0](failed(error))
    assert words in received[0]


class Mailbox(socketserver.StreamRequestHandler):
    """As much of an SMTP server as takes one letter."""

    def handle(self) -> None:
        def say(line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        say("220 here")
        for line in self.rfile:
            match line.split()[0].upper():
                case b"DATA":
                    say("354 go on")
                    letter = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.server.letters.append(letter)  # type: ignore[attr-defined]
                    say("250 taken")
                case b"QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 fine")


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Letters that arrive at Airflow's connection `smtp_default`."""
    with socketserver.TCPServer(("127.0.0.1", 0), Mailbox) as server:
        server.letters = []  # type: ignore[attr-defined]
        port = server.server_address[1]
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", f"smtp://127.0.0.1:{port}?disable_ssl=true&disable_tls=true")
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.letters  # type: ignore[attr-defined]
        server.shutdown()
        serving.join()


def test_mail__as_the_operations_page_configures_it_arrives_with_the_link(mailbox: list[bytes], airflow_home: Path):
    from pulse.config.settings import Settings
    from pulse.orchestration import notify
    from pulse.sources.reddit.entry import RedditArchiveEntry

    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    (configured,) = (block for block in page.split("```yaml\n")[1:] if "SmtpNotifier" in block)
    entry = RedditArchiveEntry(platform="reddit", name="tea", source="reddit_archive", path=(Path("x"),))
    document = yaml.safe_load(configured.split("```")[0])
    mail_only = [one for one in document["notify"] if one["notifier"].endswith("SmtpNotifier")]
    settings = Settings.model_validate({"communities": (entry,), "notify": mail_only})
    url = notify.run_url("kpi_monthly", "manual__1")
    message = "2026-10: 15 figures; <b>not bold</b>"
    notify.send(notify.Alert(notify.MONTH_CLOSED, "2026-10", None, "version 1", None, message, url), settings)
    (letter,) = mailbox
    parsed = email.message_from_bytes(letter, policy=email.policy.default)
    assert parsed["subject"] == "Community Pulse: month_closed 2026-10"
    text = parsed.get_body().get_content()
    assert url in text
    assert "15 figures; &lt;b&gt;not bold" in text
