"""Gate 1 against seeded faults and clean loads: what it stops, what it lets pass, and that docs/quality.md says so.

The short form seeds some of them; the long form (``make test-faults``) all.
"""

import os

import pytest

from faults import mutations
from pulse.gates.rules import LOAD_RULES, ROW_RULES

pytestmark = pytest.mark.integration

IS_LONG_FORM = os.environ.get("PULSE_FAULTS") == "long"
EVERY_FAULT, EVERY_CLEAN = (1, 1) if IS_LONG_FORM else (8, 14)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> mutations.Workshop:
    return mutations.Workshop(tmp_path_factory.mktemp("mutations"))


def test_document__says_what_the_code_says():
    cells, alarms = mutations.recorded()
    assert mutations.document_path().read_text() == mutations.render(cells, alarms), mutations.__doc__


def test_document__reaches_what_is_asked_of_the_gate():
    cells, alarms = mutations.recorded()
    seeded = [fault for _, faults in mutations.FAULTS for fault in faults]
    stopped = [fault for fault in seeded if not cells[fault.name].startswith("**")]
    assert len(seeded) >= 40
    assert len(stopped) >= len(seeded) * 38 / 40
    assert sum(loads_n for loads_n, _ in alarms.values()) == 100
    assert sum(alarms_n for _, alarms_n in alarms.values()) <= 1


def test_document__says_why_each_fault_that_passes_does():
    cells, _ = mutations.recorded()
    for fault in mutations.all_faults():
        assert cells[fault.name].startswith("**not stopped**") == (fault.why_not is not None), fault.name
    assert all(fault.why_not for fault in mutations.TWINS)


def test_faults__are_told_apart_by_their_names_and_try_most_rules():
    faults = mutations.all_faults()
    assert len({fault.name for fault in faults}) == len(faults)
    cells, _ = mutations.recorded()
    critical = {rule.name for rule in (*ROW_RULES, *LOAD_RULES) if rule.severity == "critical"}
    tried = {rule for rule in critical if any(f"`{rule}`" in cell for cell in cells.values())}
    assert critical - tried == set()


def test_faults__come_out_as_the_document_says(workshop: mutations.Workshop):
    chosen = mutations.all_faults()[::EVERY_FAULT]
    outcomes = workshop.judge([workshop.faulty(fault) for fault in chosen], run_id="faults")
    cells = {fault.name: mutations.cell(fault, outcome) for fault, outcome in zip(chosen, outcomes, strict=True)}
    recorded, _ = mutations.recorded()
    assert cells == {name: recorded[name] for name in cells}, "run `python tests/faults/mutations.py`"


def test_clean_loads__pass(workshop: mutations.Workshop):
    cleans = mutations.clean_loads(workshop.world)
    assert len(cleans) == 100
    chosen = list(enumerate(cleans))[::EVERY_CLEAN]
    outcomes = workshop.judge([workshop.clean(number, clean) for number, clean in chosen], run_id="clean")
    alarms = mutations.alarms_of([clean for _, clean in chosen], outcomes)
    assert sum(alarms_n for _, alarms_n in alarms.values()) <= 1, outcomes
    if IS_LONG_FORM:
        assert alarms == mutations.recorded()[1]


def test_loads__are_good_before_they_are_spoiled(workshop: mutations.Workshop):
    bases = list(dict.fromkeys(fault.base for fault in mutations.all_faults()))
    cleans = [mutations.Clean("a base", base) for base in bases]
    loads = [workshop.clean(500 + number, clean) for number, clean in enumerate(cleans)]
    assert [outcome.rules for outcome in workshop.judge(loads, run_id="bases")] == [()] * len(bases)
