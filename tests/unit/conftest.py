"""A second platform on this machine that answers as it is told to, beside the one of all tests."""

from collections.abc import Iterator

import pytest

from fixtures.answering_platform import Platform


@pytest.fixture
def other_platform() -> Iterator[Platform]:
    running = Platform()
    yield running
    running.close()
