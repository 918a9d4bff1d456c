"""The time zone of a report: marts keep hours in UTC, and the report tells them in the zone of the config."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from pulse.reports.contents import Report


def offset_at(report: Report) -> timedelta:
    """The zone's offset from UTC at noon of the month's last day."""
    noon = datetime.combine(report.month.last_day, time(12), tzinfo=ZoneInfo(report.time_zone))
    return noon.utcoffset() or timedelta()


def name(time_zone: str, offset: timedelta) -> str:
    """``Europe/Berlin, 2 h ahead of UTC``."""
    if not offset:
        return time_zone if time_zone == "UTC" else f"{time_zone}, the same as UTC"
    hours = abs(offset.total_seconds()) / 3600
    told = f"{hours:.0f} h" if hours == int(hours) else f"{int(hours)} h {round(60 * (hours % 1))} min"
    return f"{time_zone}, {told} {'ahead of' if offset > timedelta() else 'behind'} UTC"


def hours(report: Report, first_utc: int, last_utc: int) -> str:
    """Whole hours of UTC, the last one counted, in the report's zone: ``8:00 to 14:00, Europe/Berlin``."""
    shift = round(offset_at(report).total_seconds() / 60)
    ends = [(60 * hour + shift) % 1440 for hour in (first_utc, last_utc + 1)]
    start, end = (f"{minute // 60}:{minute % 60:02d}" for minute in ends)
    return f"{start} to {'24:00' if ends[1] == 0 else end}, {report.time_zone}"
