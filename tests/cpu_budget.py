"""CPU seconds of each test file, its children included: told at the end of a run, and written to a file if asked.

A plugin of pytest, registered by ``conftest.py``. What a test and its fixtures took is measured in the process that ran
it. ``PULSE_TEST_CPU=FILE`` writes all files as ``seconds<TAB>file``, largest first.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PROPERTY = "cpu_s"
TOLD_N = 12
# `make test` should end within 240 s on two cores, which it keeps busy nine tenths of the time. More is said, not
# failed: seconds differ from machine to machine by more than a careless test costs.
BUDGET_S = 430


def _spent_s() -> float:
    """User and system seconds of this process and of its children that ended."""
    return sum(os.times()[:4])


class CpuBudget:
    """Adds up what tests report; under xdist the sum is made in the process that hands them out."""

    def __init__(self) -> None:
        self.of_file: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._before_s = _spent_s()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]):
        report = yield
        now_s = _spent_s()
        report.user_properties = [(PROPERTY, now_s - self._before_s)]
        self._before_s = now_s
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY:
                self.of_file[report.nodeid.split("::")[0]] += value

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        if hasattr(config, "workerinput") or not self.of_file:
            return
        total_s = sum(self.of_file.values())
        largest = self.of_file.most_common(TOLD_N)
        told = ", ".join(f"{Path(file).stem} {spent_s:.0f}" for file, spent_s in largest if spent_s >= 1)
        terminalreporter.write_line(f"CPU: {total_s:.0f} s{': ' if told else ''}{told}")
        is_make_test = "not real_data" in (config.option.markexpr or "")
        if is_make_test and total_s > BUDGET_S:
            over_s = total_s - BUDGET_S
            line = f"CPU: {over_s:.0f} s over the budget of {BUDGET_S} s for `make test`, see tests/cpu_budget.py"
            terminalreporter.write_line(line, yellow=True)
        target = os.environ.get("PULSE_TEST_CPU")
        if target:
            lines = [f"{spent_s:.2f}\t{file}\n" for file, spent_s in self.of_file.most_common()]
            Path(target).write_text("".join(lines))
