"""What is said before Airflow starts: whom the daily DAG would ask, for which day, and with what."""

import socket
from datetime import date
from types import SimpleNamespace

import pytest

from pulse.core.errors import StorageError
from pulse.orchestration import run_names, ui, ui_notice
from pulse.orchestration.ui_notice import Credentials

DAY = date(2026, 11, 26)


def entry(name: str, source: str = "reddit_api") -> SimpleNamespace:
    return SimpleNamespace(entry_id=f"reddit/{name}", source=source)


def said(*entries: SimpleNamespace, credentials: Credentials | None = None, is_switched_on: bool = False) -> str:
    found = credentials or Credentials(None)
    return "\n".join(ui_notice.lines(entries, {"reddit_api": found}, day=DAY, is_switched_on=is_switched_on))


def test_notice__names_day_server_and_the_entries_without_credentials():
    text = said(entry("tea"), entry("mate"), entry("past", "reddit_archive"))
    assert "community_daily is paused" in text
    assert "2026-11-26" in text
    assert "read from files: 1 entry: reddit/past" in text
    assert "asked live at https://www.reddit.com: 2 entries: reddit/tea, reddit/mate" in text
    assert "WITHOUT CREDENTIALS, so these would fail: 2 entries: reddit/tea, reddit/mate" in text
    assert "`pulse sandbox serve`" in text
    assert "reddit_default" in text


def test_notice__with_credentials_says_where_they_come_from_and_where_they_go():
    text = said(entry("tea"), credentials=Credentials("the environment", "http://127.0.0.1:8765"))
    assert "asked live at http://127.0.0.1:8765" in text
    assert "with credentials from the environment" in text
    assert "WITHOUT" not in text


def test_notice__credentials_that_cannot_be_used_are_no_credentials():
    text = said(entry("tea"), credentials=Credentials("the environment", fault="Reddit user agent: not given"))
    assert "would fail: Reddit user agent: not given" in text


def test_notice__a_dag_that_is_on_is_said_to_be_on():
    assert "switched ON" in said(entry("tea"), is_switched_on=True)
    assert "switched ON" not in said(entry("tea"))


def test_notice__without_live_entries_asks_nobody():
    text = said(entry("past", "reddit_archive"))
    assert "asked live: nobody" in text
    assert "CREDENTIALS" not in text


def test_notice__many_entries_are_counted_and_hostile_names_harmless():
    text = said(*(entry(f"c{number}\x1b[31m") for number in range(40)))
    assert "40 entries" in text
    assert "and 28 more" in text
    assert "\x1b" not in text


# ---- names of runs -----------------------------------------------------------


@pytest.mark.parametrize(
    ("dag_id", "parameters", "covers"),
    [
        ("community_daily", {"day": "2026-10-05"}, "2026-10-05"),
        ("community_backfill", {"from_day": "2026-10-01", "to_day": "2026-10-31"}, "2026-10-01 to 2026-10-31"),
        ("community_backfill", {"from_day": "2026-10-01", "to_day": "2026-10-01"}, "2026-10-01"),
        ("community_backfill", {"from_day": "2026-10-01"}, None),
        ("kpi_monthly", {"month": "2026-10"}, "2026-10"),
        ("community_listen", {"at": "2026-10-05T14:00:00+00:00"}, "2026-10-05T14:00:00+00:00"),
        ("community_daily", {"day": None}, None),
        ("community_daily", {}, None),
        ("somebody_elses", {"day": "2026-10-05"}, None),
    ],
)
def test_run_names__are_what_the_parameters_say(dag_id: str, parameters: dict[str, str], covers: str | None):
    assert run_names.covered(dag_id, parameters) == covers


def test_run_names__hostile_parameters_are_printable_and_cut():
    found = run_names.covered("community_daily", {"day": "\x1b[31m" + "x" * 5_000})
    assert found is not None
    assert "\x1b" not in found
    assert len(found) < 100


# ---- ports -------------------------------------------------------------------


def test_ports__two_at_once_get_two_and_a_server_can_listen_there():
    with ui._reserved(0) as one, ui._reserved(0) as other, socket.socket() as server:
        assert one != other
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", one))
        server.listen()
        with pytest.raises(StorageError, match=f"port {one}"), ui._reserved(one):
            pass
