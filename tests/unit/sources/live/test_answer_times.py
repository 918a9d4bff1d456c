"""Every spelling of a wait, and whatever else may stand in its place."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.sources.live.answer_times import LONGEST_WAIT_S, answered_at, used_up_for_s, wait_asked_s

DATE = {"date": "Sat, 28 Nov 2026 12:00:00 GMT"}
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "document", "wait_s"),
    [
        ({"retry-after": "7"}, None, 7),
        ({"retry-after": "Sat, 28 Nov 2026 12:01:30 GMT"}, None, 90),
        ({"x-ratelimit-reset": "42"}, None, 42),
        ({"x-ratelimit-reset": "42.5"}, None, 42.5),
        ({"x-ratelimit-reset": str(NOW_S + 42)}, None, 42),
        ({"ratelimit-reset": str(NOW_S + 300)}, None, 300),
        ({"ratelimit-reset": "30"}, None, 30),
        ({"x-ratelimit-reset": "2026-11-28T12:05:00.620846Z"}, None, 300.620846),
        ({"x-ratelimit-reset": "2026-11-28T14:05:00+02:00"}, None, 300),
        ({"x-ratelimit-reset": "2026-11-28T12:05:00"}, None, 300),
        ({"x-ratelimit-reset": str(NOW_S + 99), "x-ratelimit-reset-after": "1.25"}, None, 1.25),
        ({}, {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, 64.57),
        ({}, {"error_type": "rate_limit", "extras": {"wait_seconds": 12}}, 12),
        ({}, {"items": [], "backoff": 10, "quota_remaining": 0}, 10),
        ({}, {"error_message": "too many requests from this IP, more requests available in 80233 seconds"}, 80_233),
        # The plainest one counts.
        ({"retry-after": "7", "x-ratelimit-reset": "42"}, {"retry_after": 6.3}, 7),
    ],
)  # fmt: skip
def test_wait_asked__in_each_spelling(headers: dict[str, str], document: object, wait_s: float):
    assert wait_asked_s(headers | DATE, document) == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("0", 0), ("-3", 0), (str(NOW_S - 5), 0), ("Sat, 28 Nov 2026 11:00:00 GMT", 0), ("99999999", LONGEST_WAIT_S),
        (str(NOW_S * 1_000), LONGEST_WAIT_S), ("9999-12-31T23:59:59Z", LONGEST_WAIT_S),
        ("nan", None), ("inf", None), ("soon", None), ("", None), ("1 min", None), ("0001-01-01T00:00:00+14:00", None),
    ],
)  # fmt: skip
def test_wait_asked__is_bounded_and_nonsense_is_none(text: str, wait_s: float | None):
    assert wait_asked_s({"retry-after": text} | DATE) == wait_s
    assert wait_asked_s({"x-ratelimit-reset": text} | DATE) == wait_s


@pytest.mark.parametrize(
    "document",
    [None, [], "backoff", {"retry_after": None}, {"retry_after": True}, {"retry_after": "soon"}, {"extras": []},
     {"retry_after": float("inf")}, {"backoff": {}}, {"retry_after": 10**400}],
)  # fmt: skip
def test_wait_asked__is_none_where_the_body_does_not_say(document: object):
    assert wait_asked_s(DATE, document) is None


@given(text=st.text(max_size=40), value=st.recursive(st.none() | st.booleans() | st.floats() | st.integers(), st.lists))
def test_wait_asked__never_fails_whatever_is_written(text: str, value: Any):
    for name in ("date", "retry-after", "x-ratelimit-reset"):
        wait_s = wait_asked_s({name: text}, {"retry_after": value, "extras": {"wait_seconds": value}})
        assert wait_s is None or 0 <= wait_s <= LONGEST_WAIT_S


@pytest.mark.parametrize(
    ("headers", "document", "wait_s"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, None, 9),
        ({"x-ratelimit-remaining": "0.4", "x-ratelimit-reset": "9"}, None, 9),
        ({"ratelimit-remaining": "0", "ratelimit-reset": str(NOW_S + 9)}, None, 9),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "9"}, None, 0),
        ({"x-ratelimit-remaining": "0"}, None, 0),
        ({}, {"backoff": 11}, 11),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, {"backoff": 11}, 11),
        ({}, {"retry_after": 5}, 0),
        ({}, [], 0),
    ],
)  # fmt: skip
def test_used_up__is_until_the_reset_or_as_long_as_the_body_says(
    headers: dict[str, str], document: object, wait_s: float
):
    assert used_up_for_s(headers | DATE, document) == wait_s


def test_answered_at__is_the_servers_time_and_ours_where_it_has_none():
    assert answered_at(DATE) == NOW
    assert answered_at({"date": "Sat, 28 Nov 2026 12:00:00 -0000"}) == NOW
    ours = answered_at({"date": "yesterday"})
    assert abs((datetime.now(tz=UTC) - ours).total_seconds()) < 60
    assert ours.microsecond == 0
