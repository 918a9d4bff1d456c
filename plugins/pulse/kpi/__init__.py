"""The monthly KPIs: which month, freezing what is published of it, and what later closings changed.

    published marts ──close_month──▶ PULSE_HOME/kpi (append-only) ──▶ schema `kpi` of `pulse sql`, and the report

A month's figures are those of ``marts.fct_kpis_monthly``; this package keeps what was told and when.
"""

from pulse.core.month import Month
from pulse.kpi.closing import Closed, close_month

__all__ = ["Closed", "Month", "close_month"]
