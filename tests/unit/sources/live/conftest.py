"""A platform on this machine that answers as it is told to, and a clock that only moves when somebody waits."""

import pytest

from fixtures.answering_platform import ANSWERED_AT, Reply
from support import Watch


@pytest.fixture
def stopped_clock() -> Watch:
    return Watch(ANSWERED_AT.timestamp())


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
