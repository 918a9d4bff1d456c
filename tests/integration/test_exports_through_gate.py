"""What every source that reads files hands over passes gate 1, rule by rule."""

from datetime import UTC, datetime

import pytest

from fixtures.export_files import context_of, entry_of, written
from fixtures.file_forms import FORMS, RECORDS_N, WINDOW, records
from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.gates import check_loads
from pulse.lake import quality
from pulse.sources.routes import extract

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", FORMS)
def test_load__of_each_source_passes_gate_1(home: Home, name: str):
    form = FORMS[name]
    path = written(home.root / "files" / form.file, form.write(records()))
    one = entry_of(path, **form.facts)
    loads = extract(one, WINDOW, context_of(home, one))
    quality.ensure_tables(home)
    (verdict,) = check_loads(
        loads,
        home=home,
        settings=Settings(communities=(one,)),
        run_id="run",
        clock=lambda: datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert {finding.rule for finding in verdict.stopped_by} == set()
    assert (verdict.accepted_n, verdict.quarantined_n) == (RECORDS_N, 0)
