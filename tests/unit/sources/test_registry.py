"""What the registry's sources say of themselves, held against what others rest on."""

import subprocess
import sys
from datetime import date
from inspect import signature

import pytest

from pulse.core.contract import OBSERVABLE
from pulse.core.window import Window
from pulse.lake import landing
from pulse.platforms.entry import CommunityEntry
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES, credential_kinds

each_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


@each_source
def test_source__its_module_does_what_the_protocol_asks(source: Source):
    module = source.implementation()
    assert list(signature(module.extract).parameters) == ["entry", "window", "context"]
    assert hasattr(module, "describe_plan") is source.is_live
    assert hasattr(module, "probe") is source.is_live


@each_source
def test_source__its_entry_names_it(source: Source):
    annotation = source.entry.model_fields["source"].annotation
    assert str(annotation) == f"typing.Literal['{source.name}']"


@each_source
def test_source__ids_of_its_loads_say_whether_it_is_live(source: Source):
    load_id = landing.load_id_for(
        source.name, "reddit/some_api-tea", Window.one_day(date(2026, 3, 10)), "x", is_replayable=not source.is_live
    )
    assert landing.is_replayable(load_id) is not source.is_live
    assert landing.source_of(load_id) == source.name


@pytest.mark.parametrize(
    ("name", "is_live"),
    [("mastodon_live", True), ("mastodon_live", False), ("mastodon_api", False), ("mastodon-api", True)],
)
def test_source__name_that_would_say_something_else_is_refused(name: str, is_live: bool):
    with pytest.raises(ValueError, match=name):
        Source(name, CommunityEntry, "pulse.sources.mastodon.source", is_live=is_live)


@pytest.mark.parametrize("kind", credential_kinds(), ids=lambda kind: kind.service)
def test_credentials__every_secret_is_hidden_and_every_variable_has_the_section(kind: type):
    assert any(one.is_secret for one in kind.fields().values())
    assert kind.key_field in kind.fields()
    assert all(kind.variable(name).startswith(f"PULSE_{kind.section}_") for name in kind.fields())


def test_observable__columns_are_of_the_contract():
    assert "score" in OBSERVABLE
    assert "contribution_id" not in OBSERVABLE


def test_registry__imports_no_client_library():
    heavy = {"praw", "prawcore", "duckdb", "ijson", "airflow"}
    code = f"import sys, pulse.sources.registry; print(sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
