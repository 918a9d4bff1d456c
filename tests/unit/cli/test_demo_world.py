"""The process that makes and serves the demo's world: what whoever waits for it is told when it ends before."""

from pathlib import Path

import pytest

from pulse.cli import demo_world
from pulse.core.errors import BuildFailed


def test_process__that_cannot_write_is_an_error_and_no_wait(tmp_path: Path):
    (tmp_path / "in the way").touch()
    with demo_world.started(tmp_path / "in the way") as world:
        with pytest.raises(BuildFailed, match=r"the demo's sandbox: its process ended with 1"):
            world.served()
        with pytest.raises(BuildFailed, match=r"its process ended"):
            world.set_now(demo_world.shortly_after(demo_world.DAYS[0]))
