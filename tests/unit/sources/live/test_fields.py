"""One record of an answer: what is not what it should be makes it a fault."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pulse.sources.live.fields import LARGEST_NUMBER, BadRecord, Fields, required

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_fields__missing_and_null_are_none():
    fields = Fields({"here": None})
    for read in (
        fields.text, fields.name, fields.whole, fields.share, fields.flag, fields.items, fields.inside, fields.seconds,
        fields.time,
    ):  # fmt: skip
        assert read("here") is None
        assert read("elsewhere") is None


@pytest.mark.parametrize(
    ("method", "value", "found"),
    [
        ("text", "a", "a"), ("name", 7, "7"), ("name", "x", "x"), ("whole", 7, 7), ("whole", 7.0, 7), ("whole", -4, -4),
        ("share", 0.97, 0.97), ("share", 1, 1.0), ("flag", False, False), ("items", [1], [1]),
        ("seconds", AT.timestamp(), AT), ("time", "2026-11-28T13:00:00+01:00", AT), ("time", "2026-11-28T12:00:00", AT),
        ("time", "2026-11-28T12:00:00Z", AT),
    ],
)  # fmt: skip
def test_fields__reads_what_is_asked_for(method: str, value: Any, found: Any):
    assert getattr(Fields({"f": value}), method)("f") == found


@pytest.mark.parametrize(
    ("method", "value", "fault"),
    [
        ("text", 7, "not_text"), ("text", ["a"], "not_text"), ("name", True, "not_text"),
        ("whole", "7", "not_a_number"), ("share", float("nan"), "not_a_share"),
        ("whole", True, "not_a_number"), ("whole", 7.5, "not_a_number"), ("whole", float("nan"), "not_a_number"),
        ("whole", float("inf"), "not_a_number"), ("whole", LARGEST_NUMBER + 1, "number_out_of_range"),
        ("share", 1.2, "not_a_share"), ("share", "1", "not_a_share"),
        ("flag", 1, "not_a_flag"), ("items", {}, "not_a_list"), ("inside", [], "not_an_object"),
        ("seconds", "now", "not_a_time"), ("seconds", 1e20, "not_a_time"), ("time", "soon", "not_a_time"),
        ("time", 5, "not_text"), ("time", "9999-12-31T23:59:59-12:00", "not_a_time"),
    ],
)  # fmt: skip
def test_fields__refuses_anything_else(method: str, value: Any, fault: str):
    with pytest.raises(BadRecord) as caught:
        getattr(Fields({"f": value}), method)("f")
    assert caught.value.fault == fault


@pytest.mark.parametrize("thing", [None, 7, "x", []])
def test_fields__of_what_is_no_object(thing: object):
    with pytest.raises(BadRecord, match="not_an_object"):
        Fields(thing)


@pytest.mark.parametrize("value", [None, ""])
def test_required__what_is_not_there(value: str | None):
    with pytest.raises(BadRecord, match="missing_id"):
        required(value, "id")
