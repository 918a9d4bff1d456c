"""What steps tell of how far they are, and whom."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pulse.core import progress
from pulse.core.progress import counting, over, watched
from pulse.sources.lines import ndjson
from support import Recorder


def test_over__counts_an_item_once_it_is_done():
    recorder = Recorder()
    with watched(recorder):
        items = over(["a", "b"], "reading", "files")
        assert next(items) == "a"
        assert recorder.steps == [["reading", "files", 2, 0, False]]
        assert list(items) == ["b"]
    assert recorder.steps == [["reading", "files", 2, 2, True]]


def test_over__knows_how_many_only_where_that_can_be_known():
    recorder = Recorder()
    with watched(recorder):
        list(over(iter("ab"), "asking", "calls"))
        list(over(iter("ab"), "asking", "calls", 2))
        with counting("building", "nodes") as meter:
            meter.expect(5)
            meter.advance(3)
    assert [step[2:4] for step in recorder.steps] == [[None, 2], [2, 2], [5, 3]]


def test_steps__of_nothing_and_with_nobody_watching_tell_nothing():
    recorder = Recorder()
    with watched(recorder):
        assert list(over([], "reading", "files")) == []
    assert list(over([1, 2], "reading", "files")) == [1, 2]
    assert recorder.steps == []


def test_watched__ends_with_its_context_and_a_failing_step_with_its_error():
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError), watched(recorder), counting("dividing", "numbers", 1):
        _ = 1 / 0
    assert recorder.steps == [["dividing", "numbers", 1, 0, True]]
    with counting("dividing", "numbers", 1) as meter:
        assert meter is progress.NOBODY


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_reading_a_file__counts_the_bytes_of_the_file_packed_as_it_is(pack: Callable[[bytes], bytes], tmp_path: Path):
    file = tmp_path / "tea\x1b.ndjson"
    file.write_bytes(pack(b'{"id": 1}\n' * 500_000))
    recorder = Recorder()
    with watched(recorder):
        lines_n = sum(chunk.lines_n for chunk in ndjson.read_chunks(file) if isinstance(chunk, ndjson.Chunk))
    assert lines_n == 500_000
    size = file.stat().st_size
    ((what, *told),) = recorder.steps
    assert told == ["bytes", size, size, True]
    assert "\x1b" not in str(what), "names of files are made printable"
