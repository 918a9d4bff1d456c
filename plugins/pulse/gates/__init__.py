"""The gates: rules, the runner on Great Expectations, and the quarantine.

Great Expectations takes seconds to import; everything here imports it inside functions.
"""

from pulse.gates.load_gate import LoadVerdict, check_loads
from pulse.gates.marts_gate import MartsVerdict, check_marts
from pulse.gates.rules import Finding

__all__ = ["Finding", "LoadVerdict", "MartsVerdict", "check_loads", "check_marts"]
