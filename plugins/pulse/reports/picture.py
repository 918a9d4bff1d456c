"""The report as one picture for a chat: drawn as SVG and turned into PNG by vl-convert, without browser or network.

Fonts are those that vl-convert brings along, so the same brief gives the same picture on every machine as far as its
letters are Latin, Greek or Cyrillic; others take what fonts the machine has.
"""

import vl_convert
from markupsafe import Markup

from pulse.reports.brief import Brief, Line
from pulse.reports.five import Figure
from pulse.showing import colours

WIDTH_PX = 1080
_MARGIN_PX = 56
_FONT = "Liberation Sans"
_CHAR_SHARE = 0.53  # of the font's size, about what a letter takes
_TONES = {"good": "good", "bad": "bad"}


def png(brief: Brief) -> bytes:
    """The picture, 1,080 pixels wide and as high as it needs."""
    content: bytes = vl_convert.svg_to_png(svg(brief), scale=1)
    return content


def svg(brief: Brief) -> str:
    """The drawing; all that it says is escaped."""
    canvas = _Canvas()
    canvas.say(brief.title, size=46, weight=700, gap=16)
    canvas.say(brief.scope, size=24, colour="muted", gap=34)
    if brief.figures:
        canvas.figures(brief.figures)
        canvas.say(brief.compared, size=21, colour="muted", gap=24)
    if brief.actions:
        canvas.say("What to do", size=32, weight=700, gap=16)
        for line in brief.actions:
            canvas.action(line)
    more = f"{brief.more_n} more are in the report. " if brief.more_n else ""
    canvas.say(more + brief.notice, size=21, colour="muted", gap=10)
    if brief.page:
        canvas.say(brief.page, size=21, colour="link", gap=10)
    return canvas.drawn()


class _Canvas:
    """A page that is filled from the top; lines are broken where they would leave it."""

    def __init__(self) -> None:
        self._y = _MARGIN_PX
        self._parts: list[Markup] = []

    def say(self, text: str, *, size: int, weight: int = 400, colour: str = "ink", gap: int, indent: int = 0) -> None:
        """Lines of one text; ``gap`` pixels follow it."""
        for line in _broken(text, size, WIDTH_PX - 2 * _MARGIN_PX - indent):
            self._y += round(1.3 * size)
            self._text(line, _MARGIN_PX + indent, self._y - round(0.3 * size), size, weight, colour)
        if text.strip():
            self._y += gap

    def figures(self, found: tuple[Figure, ...]) -> None:
        """Up to three figures a row, each in a box; a shorter last row takes the whole width, too."""
        gap, height = 18, 190
        for start in range(0, len(found), 3):
            row = found[start : start + 3]
            width = (WIDTH_PX - 2 * _MARGIN_PX - (len(row) - 1) * gap) // len(row)
            for at, figure in enumerate(row):
                self._figure(figure, _MARGIN_PX + at * (width + gap), width, height)
            self._y += height + gap
        self._y += 16

    def _figure(self, figure: Figure, left: int, width: int, height: int) -> None:
        self._parts.append(
            Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="14" fill="{}" stroke="{}"/>').format(
                left, self._y, width, height, colours.LIGHT["raised"], colours.LIGHT["line"]
            )
        )
        for row, line in enumerate(_broken(figure.label, 20, width - 40)[:2]):
            self._text(line, left + 20, self._y + 34 + 24 * row, 20, 600, "ink")
        self._text(figure.value, left + 20, self._y + 108, 44, 700, "ink")
        for row, line in enumerate(_broken(figure.change or "", 19, width - 40)[:2]):
            self._text(line, left + 20, self._y + 142 + 24 * row, 19, 400, _TONES.get(figure.tone, "muted"))

    def action(self, line: Line) -> None:
        """One thing to do, with a dot before it."""
        self._parts.append(
            Markup('<circle cx="{}" cy="{}" r="6" fill="{}"/>').format(
                _MARGIN_PX + 8, self._y + 20, colours.LIGHT["series-1"]
            )
        )
        self.say(line.title, size=26, weight=600, gap=2, indent=34)
        self.say(line.why, size=22, colour="muted", gap=18, indent=34)

    def drawn(self) -> str:
        """The whole drawing."""
        height = self._y + _MARGIN_PX
        return str(
            Markup(
                '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" '
                'font-family="{2}"><rect width="{0}" height="{1}" fill="{3}"/>{4}</svg>'
            ).format(WIDTH_PX, height, _FONT, colours.LIGHT["surface"], Markup("").join(self._parts))
        )

    def _text(self, text: str, x: int, y: int, size: int, weight: int, colour: str) -> None:
        self._parts.append(
            Markup('<text x="{}" y="{}" font-size="{}" font-weight="{}" fill="{}">{}</text>').format(
                x, y, size, weight, colours.LIGHT[colour], text
            )
        )


def _broken(text: str, size: int, width_px: int) -> list[str]:
    """A text in lines of at most so many pixels, about; words that are longer are cut."""
    most = max(8, int(width_px / (_CHAR_SHARE * size)))
    lines: list[str] = []
    for word in text.split(" "):
        shown = word if len(word) <= most else word[: most - 1] + "…"
        if lines and len(lines[-1]) + 1 + len(shown) <= most:
            lines[-1] += f" {shown}"
        elif shown:
            lines.append(shown)
    return lines
