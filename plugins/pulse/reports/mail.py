"""The report as the body of a mail: tables and inline styles, as mail clients want them; no script, no picture."""

from pulse.reports.brief import Brief
from pulse.reports.templates import environment
from pulse.showing import colours

_FONT = "Arial, Helvetica, sans-serif"


def body(brief: Brief) -> str:
    """The body as HTML of its own; everything in it is escaped."""
    light = colours.LIGHT
    return environment().get_template("mail.html.j2").render(
        brief=brief,
        font=_FONT,
        tones={"good": light["good"], "bad": light["bad"]},
        line_colour=light["line"],
        **{name: light[name] for name in ("surface", "raised", "ink", "muted", "link")},
    )  # fmt: skip
