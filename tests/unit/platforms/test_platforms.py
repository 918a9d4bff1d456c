"""What is said of platforms, and that gates ask it instead of naming one."""

import duckdb
import pytest

from pulse.core.contract import KINDS
from pulse.core.home import REPOSITORY
from pulse.platforms.registry import PLATFORMS, platform_named

GATES = REPOSITORY / "plugins" / "pulse" / "gates"


def test_gates__name_no_platform():
    words = {name.split("_")[0] for name in PLATFORMS}
    files = sorted(GATES.rglob("*.py"))
    assert files
    assert "reddit" in words
    naming = {file.name: word for file in files for word in words if word in file.read_text(encoding="utf-8").lower()}
    assert naming == {}


@pytest.mark.parametrize("name", [*PLATFORMS, "some_forum"])
def test_platform__speaks_of_kinds_that_the_contract_has_and_in_patterns_that_can_be_read(name: str):
    platform = platform_named(name)
    assert {*platform.kinds, *platform.chat_kinds, *platform.id_patterns} <= {*KINDS}
    assert {*platform.id_patterns} <= {*platform.kinds}
    patterns = [*platform.id_patterns.values(), platform.thread_id_pattern]
    with duckdb.connect() as connection:
        for pattern in filter(None, patterns):
            connection.execute("select regexp_matches('', $pattern)", {"pattern": pattern})
