"""One undisturbed run that all tests of faults are measured by."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from faults.harness import BEGINNINGS, IS_LONG_FORM, STAGES, Scene, run, scene
from pulse.warehouse import builds


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An undisturbed run, done stage by stage; the home is kept as it was before each. Long form: on a second day."""
    ends = {beginning: stage for stage, beginning in BEGINNINGS.items()}
    with scene(tmp_path_factory.mktemp("undisturbed"), has_day_before=IS_LONG_FORM) as made:
        for stage in STAGES:
            if stage not in BEGINNINGS:
                made.keep(stage)
                orders = replace(made.orders, begin_at=stage, end_with=ends.get(stage, stage))
                made.counts |= run(orders).require_well().counts
        shutil.copyfile(builds.published_file(made.home), made.after)
        yield made


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell how many kills there were, and what came of them."""
    outcomes: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            outcomes[outcome] += sum(name == "killed" for name, _ in report.user_properties)
    if outcomes.total():
        terminalreporter.write_line(
            f"{outcomes.total()} kills: {outcomes['passed']} times a rerun gave the marts of an undisturbed run, "
            f"{outcomes['failed']} times not"
        )
