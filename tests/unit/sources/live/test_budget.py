"""Calls, counted on disk before they are made."""

from pathlib import Path

import pytest

from pulse.core.errors import CallsSpent, StorageError
from pulse.platforms.entry import CommunityEntry
from pulse.sources.live.budget import CallBudget

ENTRIES = [CommunityEntry(platform="tearoom", name=name, source="tea") for name in ("green", "black  leaf", "white")]


def budget(folder: Path, limit_n: int = 100) -> CallBudget:
    return CallBudget(folder, ENTRIES, limit_n=limit_n, service="Tearoom", setting="tea.max_calls_per_run")


def test_calls__of_an_earlier_process_count(tmp_path: Path):
    assert budget(tmp_path).calls() == {}
    budget(tmp_path, 2).take("green")
    budget(tmp_path, 2).take()
    with pytest.raises(CallsSpent) as caught:
        budget(tmp_path, 2).take("green")
    assert (caught.value.value, caught.value.limit) == ("2", "2")
    assert "tea.max_calls_per_run" in caught.value.next_step
    assert budget(tmp_path).calls() == {"green": 1, "*": 1}


def test_calls_of__share_what_was_for_all_and_add_up(tmp_path: Path):
    calls = budget(tmp_path)
    for community in ("green", "black  leaf", None, None, None, None, None):
        calls.note(community)
    assert [calls.calls_of(entry) for entry in ENTRIES] == [1 + 2, 1 + 2, 1]


def test_note__is_a_line_whatever_the_community_is_called(tmp_path: Path):
    calls = budget(tmp_path)
    calls.note("black\n*\nleaf")
    assert calls.calls() == {"black * leaf": 1}


def test_note__that_cannot_be_written_is_an_error(tmp_path: Path):
    with pytest.raises(StorageError):
        budget(tmp_path / "gone").note()
