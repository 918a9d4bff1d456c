"""How far dbt is: every node of a build counts once, whatever it is and becomes."""

import itertools

import pytest

from pulse.cli.progress import LINE_EVERY_S, Lines
from pulse.core.progress import watched
from support import contribution

pytestmark = pytest.mark.integration

MODELS = ("+dim_platforms", "+fct_observations", "exposure:analysts_sql")


def test_build__counts_models_tests_and_exposures(lab):
    lab.bring(lab.archive(0, [contribution()]))
    said: list[str] = []
    clock = itertools.count(0.0, LINE_EVERY_S)
    with watched(Lines(said.append, clock.__next__)):
        report = lab.build()
    kinds = {node.resource_type for node in report.nodes}
    assert {"model", "test", "exposure"} <= kinds
    built = [line for line in said if line.startswith("building marts: ")]
    assert [int(line.split()[2]) for line in built] == list(range(1, len(report.nodes) + 1))
    assert built[-1].startswith(f"building marts: {len(report.nodes)} of {len(report.nodes)} nodes, ")
