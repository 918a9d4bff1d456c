"""What an installation parsed once is what a new home begins with, and nothing else."""

import sys
from pathlib import Path

import pytest

from pulse.core.errors import StorageError
from pulse.core.home import Home
from pulse.warehouse import transform
from pulse.warehouse.engines.duckdb import DuckDBEngine


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own, for which nothing was parsed yet."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "installation"))
    monkeypatch.setattr(transform, "_PARSED", {})
    return tmp_path / "installation"


def parsed_of(home: Home) -> Path:
    return home.dbt / "target" / "partial_parse.msgpack"


def test_parse_ahead__is_what_a_new_home_builds_with(installation: Path, tmp_path: Path):
    shared = transform.parse_ahead()
    assert shared.is_relative_to(installation)
    assert [file.name for file in shared.parent.iterdir()] == [shared.name]
    home = Home(tmp_path / "home").create()
    transform._PARSED.clear()
    transform._begin_with_what_was_parsed(home, DuckDBEngine())
    assert parsed_of(home).read_bytes() == shared.read_bytes()
    transform.ensure_inputs(home)
    built = transform.run(
        home, home.warehouse / "working.duckdb", ["build", "--select", "stg_platforms"], {"sentiment_model_id": "none"}
    )
    assert built
    assert all(node.is_ok for node in built)


def test_home_that_has_its_own__keeps_it(installation: Path, tmp_path: Path):
    shared = transform._parsed_ahead()
    shared.parent.mkdir(parents=True)
    shared.write_bytes(b"of the installation")
    home = Home(tmp_path / "home").create()
    parsed_of(home).parent.mkdir(parents=True)
    parsed_of(home).write_bytes(b"its own")
    transform._begin_with_what_was_parsed(home, DuckDBEngine())
    assert parsed_of(home).read_bytes() == b"its own"


def test_another_state_of_the_project__is_not_begun_with(
    installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shared = transform._parsed_ahead()
    shared.parent.mkdir(parents=True)
    shared.write_bytes(b"of the project as it was")
    monkeypatch.setattr(transform, "project_digest", lambda: "another")
    home = Home(tmp_path / "home").create()
    transform._begin_with_what_was_parsed(home, DuckDBEngine())
    assert not parsed_of(home).exists()


def test_damaged_file__is_parsed_again(installation: Path, tmp_path: Path):
    shared = transform._parsed_ahead()
    shared.parent.mkdir(parents=True)
    shared.write_bytes(b"no manifest")
    home = Home(tmp_path / "home").create()
    assert transform._parsed_project(home, "working", DuckDBEngine()).nodes


def test_folder_that_cannot_be_written__is_said(installation: Path):
    installation.write_text("a file in its place")
    with pytest.raises(StorageError):
        transform.parse_ahead()
