"""The table of all sources says what the code says."""

import pytest

from pulse.cli import sources_table
from pulse.core.contract import OBSERVABLE
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES
from pulse.sources.tabular.entry import MAPPINGS


def test_document__is_current():
    assert sources_table.is_current(), "run `pulse dev sources`"


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_observes__is_of_the_contract_or_of_the_config(source: Source):
    seen = sources_table.observes(source)
    assert (seen is None) == (source.name == "tabular")
    assert seen is None or seen <= OBSERVABLE


def test_ready_mappings__stand_in_it_with_what_they_fill():
    lines = sources_table.render().splitlines()
    assert any(line.startswith("| `youtube_comments` | Comments below videos") for line in lines)
    (row,) = (line for line in lines if line.startswith("| `tabular`: `youtube_comments` |"))
    assert row.count(" x ") == len(sources_table.mapped_by(MAPPINGS / "youtube_comments.yml")) == 4


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_page(name: str):
    page = sources_table.document_path().parent / f"{name}.md"
    assert page.is_file(), f"{page} is missing: what one needs, one config line, what it sees, limits, terms"
