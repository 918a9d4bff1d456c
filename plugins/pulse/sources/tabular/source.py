"""Tables, whatever the platform."""

from pulse.sources.protocol import Source
from pulse.sources.tabular.entry import TabularEntry

TABULAR = Source("tabular", TabularEntry, "pulse.sources.tabular.table")
