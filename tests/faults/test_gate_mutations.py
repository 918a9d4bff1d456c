"""Gate 1 against seeded faults and clean loads: what it stops, what it lets pass, and that docs/quality.md says so.

The short form seeds some of them; the long form (``make test-faults``) all.
"""

import os
from dataclasses import dataclass

import pytest

from faults import mutations
from pulse.gates.rules import LOAD_RULES, ROW_RULES

pytestmark = pytest.mark.integration

IS_LONG_FORM = os.environ.get("PULSE_FAULTS") == "long"
EVERY_FAULT, EVERY_CLEAN = (1, 1) if IS_LONG_FORM else (10, 20)


@dataclass(frozen=True)
class Judged:
    """Loads that were made and gated, all in one run of the gate: what came of each."""

    cleans_n: int
    faults: tuple[tuple[mutations.Fault, mutations.Outcome], ...]
    bases: tuple[tuple[mutations.Base, mutations.Outcome], ...]
    cleans: tuple[tuple[mutations.Clean, mutations.Outcome], ...]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Some faults, the good loads that they were made of, and some other good loads; in the long form all."""
    workshop = mutations.Workshop(tmp_path_factory.mktemp("mutations"))
    faults = mutations.all_faults()[::EVERY_FAULT]
    bases = list(dict.fromkeys(fault.base for fault in faults))
    cleans = mutations.clean_loads(workshop.world)
    chosen = list(enumerate(cleans))[::EVERY_CLEAN]
    loads = [workshop.faulty(fault) for fault in faults]
    loads += [workshop.clean(500 + number, mutations.Clean("a base", base)) for number, base in enumerate(bases)]
    loads += [workshop.clean(number, clean) for number, clean in chosen]
    outcomes = iter(workshop.judge(loads, run_id="all"))
    return Judged(
        len(cleans),
        tuple(zip(faults, outcomes, strict=False)),
        tuple(zip(bases, outcomes, strict=False)),
        tuple(zip((clean for _, clean in chosen), outcomes, strict=True)),
    )


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


def test_faults__come_out_as_the_document_says(judged: Judged):
    cells = {fault.name: mutations.cell(fault, outcome) for fault, outcome in judged.faults}
    recorded, _ = mutations.recorded()
    assert cells == {name: recorded[name] for name in cells}, "run `python tests/faults/mutations.py`"


def test_clean_loads__pass(judged: Judged):
    assert judged.cleans_n == 100
    alarms = mutations.alarms_of(*zip(*judged.cleans, strict=True))
    assert sum(alarms_n for _, alarms_n in alarms.values()) <= 1, judged.cleans
    if IS_LONG_FORM:
        assert alarms == mutations.recorded()[1]


def test_loads__are_good_before_they_are_spoiled(judged: Judged):
    assert judged.bases
    assert {outcome.rules for _, outcome in judged.bases} == {()}
