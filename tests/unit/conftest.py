"""Platforms on this machine that answer as they are told to."""

from collections.abc import Iterator

import pytest

from fixtures.answering_platform import Platform


@pytest.fixture
def platform() -> Iterator[Platform]:
    running = Platform()
    yield running
    running.close()


@pytest.fixture
def other_platform() -> Iterator[Platform]:
    running = Platform()
    yield running
    running.close()
