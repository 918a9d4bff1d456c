"""Real marts, closed twice: what came late and what was taken back in between is told by figure, with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pulse import kpi
from pulse.core.window import Window
from pulse.kpi import Month
from pulse.lake import kpi_store
from pulse.reading import query
from support import NOON, sealed_load

pytestmark = [pytest.mark.integration, pytest.mark.slow]

OCTOBER = Month.parse("2026-10")
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)

Figures = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class ClosedTwice:
    """The figures of October in both versions, and what changed, by community and KPI."""

    first: Figures
    second: Figures
    changes: Figures
    closings: tuple[kpi.Closed, kpi.Closed]
    files_before: Mapping[str, bytes]
    files_after: Mapping[str, bytes]
    after_rebuild: kpi.Closed
    as_first_reported: Any


def by_figure(rows: list[dict[str, Any]]) -> Figures:
    return {(row["community"], row["kpi"]): row for row in rows}


@pytest.fixture(scope="module")
def closed(shared_lab: Any, rows: Any) -> ClosedTwice:
    lab = shared_lab
    lab.empty()

    def at(number: int, contribution_id: str, author: str, **changes: Any) -> dict[str, Any]:
        created_at = NOON + timedelta(days=number)
        return rows(contribution_id, created_at=created_at, author_key=author * 64, **changes)

    def close() -> kpi.Closed:
        lab.build()
        lab.publish()
        return kpi.close_month(lab.home, OCTOBER, clock=lambda: DECEMBER)

    def files() -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in lab.home.kpi.rglob("v*.parquet")}

    # Both have history from July on, long enough to tell who is new. In October, a dozen people write in tea, one of
    # them in a bad mood, and two who wish for something.
    for community in ("tea", "mate"):
        history = [at(-40, f"t3_{community}{number}", "a") | {"community": community} for number in range(3)]
        window = Window(lab.day(-100), lab.day(-40))
        lab.bring(sealed_load(lab.home, history, load_id=f"history-{community}", community=community, window=window))
    wish = "I love this tea. I wish they would sell a lid for it."
    bodies = dict.fromkeys("abcdefghijkl", "I love this tea") | {"c": "I hate this tea", "d": wish, "e": wish}
    of_tea = [at(0, f"t1_{author}", author, body=body) for author, body in bodies.items()]
    lab.bring(lab.archive(0, of_tea))
    lab.bring(lab.archive(0, [at(0, "t3_m", "m")], community="mate"))
    first = close()
    files_before = files()

    # Later: a day of October for mate; in tea one text is taken back and one account gone, and it turns out that
    # another wrote in September already.
    lab.bring(lab.archive(1, [at(1, "t3_n", "n"), at(1, "t3_o", "m")], community="mate"))
    seen_at = NOON + timedelta(days=40)
    texts = {row["contribution_id"]: row for row in of_tea}
    taken_back = texts["t1_c"] | {"removal": "by_author", "body": None, "observed_at": seen_at}
    account_gone = texts["t1_d"] | {"author_key": None, "observed_at": seen_at}
    lab.bring(lab.live(40, [taken_back, account_gone]))
    lab.bring(lab.archive(-20, [at(-20, "t3_before", "e")]))
    second = close()
    files_after = files()

    lab.build(is_full_refresh=True)
    lab.publish()
    return ClosedTwice(
        first=by_figure(kpi_store.figures(lab.home, OCTOBER, 1)),
        second=by_figure(kpi_store.figures(lab.home, OCTOBER, 2)),
        changes=by_figure(kpi_store.restatements(lab.home, OCTOBER)),
        closings=(first, second),
        files_before=files_before,
        files_after=files_after,
        after_rebuild=kpi.close_month(lab.home, OCTOBER, clock=lambda: DECEMBER),
        as_first_reported=query.all_rows(
            lab.home,
            "select value from kpi.kpi_as_first_reported where community = 'tea' and kpi = 'contributors' "
            f"and month_start_date = date '{OCTOBER.first_day}'",
        ),
    )


def change(closed: ClosedTwice, community: str, name: str) -> tuple[Any, Any, str]:
    row = closed.changes[community, name]
    return row["old_value"], row["new_value"], row["reasons"]


def test_late_data__is_told_where_it_changed_something(closed: ClosedTwice):
    assert change(closed, "mate", "posts") == (1.0, 3.0, "late_data")
    assert change(closed, "mate", "contributors") == (1.0, 2.0, "late_data")
    assert change(closed, "mate", "likes") == (1.0, 3.0, "late_data")
    assert closed.second["mate", "posts"]["days_complete_n"] == 2


def test_deletion__is_told_of_what_it_can_move_and_of_nothing_else(closed: ClosedTwice):
    assert change(closed, "tea", "contributors") == (12.0, 11.0, "deletion")
    before, after, reasons = change(closed, "tea", "net_sentiment")
    assert (before, after, reasons) == (pytest.approx(10 / 12), 1.0, "deletion")
    assert change(closed, "tea", "needs_voiced") == (2.0, 1.0, "deletion")
    assert change(closed, "*", "needs_voiced") == (2.0, 1.0, "deletion,late_data")
    for name in ("comments", "likes"):
        assert closed.first["tea", name]["value"] == closed.second["tea", name]["value"] is not None


def test_late_history__changes_who_was_new_but_not_how_many_wrote(closed: ClosedTwice):
    before, after, reasons = change(closed, "tea", "new_contributors")
    assert (before, after) == (11.0, 9.0), "b to l; then without d, whose account is gone, and e, who was there before"
    assert reasons == "deletion,late_data"


def test_earlier_month__is_told_where_only_the_comparison_moved(closed: ClosedTwice):
    row = closed.changes["tea", "posts"]
    assert (row["old_value"], row["new_value"], row["reasons"]) == (0.0, 0.0, "earlier_month")
    assert "value_month_before" in row["changed_columns"].split(",")


def test_all_communities_together__are_restated_too(closed: ClosedTwice):
    assert change(closed, "*", "posts") == (1.0, 3.0, "late_data")
    assert closed.changes["*", "net_sentiment"]["reasons"] == "deletion,late_data"


def test_first_report__stays_byte_for_byte_and_can_be_asked_for(closed: ClosedTwice):
    assert [closing.version for closing in closed.closings] == [1, 2]
    assert closed.files_before.items() < closed.files_after.items()
    assert closed.as_first_reported == [(12.0,)]


def test_rebuild__from_raw_restates_nothing(closed: ClosedTwice):
    assert (closed.after_rebuild.version, closed.after_rebuild.is_new) == (2, False)
