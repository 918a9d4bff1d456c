"""The table of all sources says what the code says."""

import pytest

from pulse.cli import sources_table
from pulse.core.contract import OBSERVABLE
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES


def test_document__is_current():
    assert sources_table.is_current(), "run `pulse dev sources`"


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_observes__is_of_the_contract_or_of_the_config(source: Source):
    seen = sources_table.observes(source)
    assert (seen is None) == (source.name in {"discord_export", "tabular"})
    assert seen is None or seen <= OBSERVABLE


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_page(name: str):
    page = sources_table.document_path().parent / f"{name}.md"
    assert page.is_file(), f"{page} is missing: what one needs, one config line, what it sees, limits, terms"
