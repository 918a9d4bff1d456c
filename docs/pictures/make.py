"""The pictures of README, by ``make pictures``: a recording of ``make demo``, the page, and the report.

Runs the demo in a folder of its own, which is gone afterwards, and shows nothing but its made-up communities. Folders
of this machine are left out, and times of the clock, which mean nothing beside made-up months.

Needs Chromium from the system (``make system-packages``), and some three minutes. Writes beside this file.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pulse.core.errors import BuildFailed, ConfigError, PulseError
from pulse.core.home import REPOSITORY, Home
from pulse.core.text import printable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = Path(__file__).resolve().parent
MAX_BYTES = 300_000
WIDTH_PX = 1280

RECORDING_S = 30.0
_END_S = 3.0  # the last screen stays, to be read
_LEAST_S = 0.06  # per line: an answer of thirty lines is printed at once, and nobody could follow it
_COLUMNS = 108
_ROWS = 30
_CHAR_PX = 8.4
_LINE_PX = 19
_MARGIN_PX = 18
_BAR_PX = 36

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What the command line takes from the environment of whoever runs this.
_HIDDEN = ("AIRFLOW", "PULSE", "FORCE_COLOR", "TTY_")

# Times of the clock: at the end of a run's id, and the name of a published state.
_STARTED = re.compile(r"__\d{4}-\d\d-\d\dT\d\d(?::|%3A)[\w%:.+]*")
_STATE = re.compile(r"\b\d{8}T\d{12}Z")
_ELAPSED = re.compile(r" *\d+\.\d s  ")

# The last element that is seen, and a script run first: signs explained, and no time at which a July was reported.
_PAGE = ("details.legend", "document.querySelector('details.legend').open = true")
_REPORT = (
    "#month figure.panel",
    "const scope = document.querySelector('p.scope'); scope.textContent = scope.textContent.split(' · reported')[0]",
)


@dataclass(frozen=True)
class Line:
    """A line of a terminal, and when it was there: seconds since the command was typed."""

    at_s: float
    text: str


def main() -> None:
    """Make all three.

    Raises:
        ConfigError: there is no Chromium, or a picture is too big.
        BuildFailed: the demo or the server failed.
    """
    chromium = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if chromium is None:
        raise ConfigError(
            "Chromium", value=f"none of {', '.join(_CHROMIUMS)} is there", next_step="make system-packages"
        )
    with tempfile.TemporaryDirectory(prefix="pulse-pictures-") as folder:
        home = Home(Path(folder).resolve() / "home")
        recorded = recording(home)
        _write("demo.svg", animation(recorded).encode())
        _photograph(home, chromium)


# ---- the recording ---------------------------------------------------------


def recording(home: Home) -> list[Line]:
    """Run the demo in this home, and note when it says what.

    Raises:
        BuildFailed: it failed.
    """
    started_s = time.monotonic()
    lines = [Line(0.0, "$ make demo")]
    with subprocess.Popen(
        [sys.executable, "-m", "pulse.cli", "demo"], cwd=REPOSITORY, env=_environment(home), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as demo:  # fmt: skip
        lines.extend(
            Line(time.monotonic() - started_s, anonymous(text.rstrip("\n"), home)) for text in demo.stdout or ()
        )
    if demo.returncode != 0:
        raise BuildFailed(
            "pulse demo",
            value=f"exit code {demo.returncode}: {lines[-1].text}",
            next_step="run `make demo`, and read on",
        )
    return lines


def anonymous(text: str, home: Home) -> str:
    """A line without this machine's folders and clock, on one line of the terminal; what is cut ends with "…"."""
    text = text.replace(str(home.root), ".pulse").replace(f"{REPOSITORY}/", "")
    text = printable(_STATE.sub("…", _STARTED.sub("", text))).rstrip()
    return text if len(text) <= _COLUMNS else text[: _COLUMNS - 1] + "…"


def shown_at_s(lines: Sequence[Line]) -> list[float]:
    """When the recording shows each line: pauses in proportion to the real ones, and a shortest one for all."""
    pauses_s = [later.at_s - earlier.at_s for earlier, later in pairwise(lines)]
    left_s = RECORDING_S - _END_S - _LEAST_S * len(pauses_s)
    if left_s <= 0:
        raise ConfigError(
            "the recording", value=f"{len(lines)} lines", limit=f"{RECORDING_S:.0f} s",
            next_step="show each line for a shorter time: _LEAST_S in docs/pictures/make.py",
        )  # fmt: skip
    share = left_s / sum(pauses_s)
    shown_s = [0.0]
    for pause_s in pauses_s:
        shown_s.append(shown_s[-1] + _LEAST_S + share * pause_s)
    return shown_s


def animation(lines: Sequence[Line]) -> str:
    """A terminal as SVG, moved by CSS alone, so that it plays as an image.

    All lines are there from the start. A cover hides those that have not come yet, and from the last row on all lines
    move up. Where nothing moves, the end is seen.
    """
    shown_s = shown_at_s(lines)
    width = round(_COLUMNS * _CHAR_PX) + 2 * _MARGIN_PX
    height = _ROWS * _LINE_PX
    cover = [(at_s, number * _LINE_PX) for number, at_s in enumerate(shown_s, start=1)]
    scroll = [(at_s, -max(0, covered - height)) for at_s, covered in cover]
    rows = "\n".join(_row(line.text, (number + 0.72) * _LINE_PX) for number, line in enumerate(lines) if line.text)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + _BAR_PX + _MARGIN_PX}" role="img">
<title>make demo, recorded</title>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #cdd6df; \
white-space: pre }}
.dim {{ fill: #7d8b99 }} .head {{ fill: #7cc7ff; font-weight: 600 }} .good {{ fill: #8fd694 }} .bad {{ fill: #ffb366 }}
#lines {{ transform: translateY({scroll[-1][1]}px); animation: scroll {RECORDING_S:.0f}s step-end infinite }}
#cover {{ transform: translateY({cover[-1][1]}px); animation: cover {RECORDING_S:.0f}s step-end infinite }}
@media (prefers-reduced-motion: reduce) {{ #lines, #cover {{ animation: none }} }}
{_keyframes("scroll", scroll)}
{_keyframes("cover", cover)}
</style>
<rect width="100%" height="100%" rx="10" fill="#12161c"/>
<circle cx="22" cy="18" r="6" fill="#ff5f57"/><circle cx="42" cy="18" r="6" fill="#febc2e"/>\
<circle cx="62" cy="18" r="6" fill="#28c840"/>
<svg x="{_MARGIN_PX}" y="{_BAR_PX}" width="{width - _MARGIN_PX}" height="{height}">
<g id="lines">
{rows}
<rect id="cover" width="100%" height="{len(lines) * _LINE_PX}" fill="#12161c"/>
</g>
</svg>
</svg>
"""


def _keyframes(name: str, steps: Sequence[tuple[float, int]]) -> str:
    """Steps of seconds and pixels; those that change nothing are left out."""
    kept = [steps[0], *(later for earlier, later in pairwise(steps) if later[1] != earlier[1])]
    frames = "".join(f"{at_s / RECORDING_S:.3%}{{transform:translateY({y}px)}}" for at_s, y in kept)
    return f"@keyframes {name} {{{frames}}}"


def _row(text: str, y: float) -> str:
    """One line; its length is said, so that any font fits and columns stay below each other."""
    elapsed = _ELAPSED.match(text)
    time_part = f'<tspan class="dim">{escape(elapsed[0])}</tspan>' if elapsed else ""
    rest = text[elapsed.end() :] if elapsed else text
    length = f'textLength="{len(text) * _CHAR_PX:.1f}"'
    return f'<text y="{y:.1f}" {length}{_class(rest)}>{time_part}{escape(rest)}</text>'


def _class(text: str) -> str:
    if re.match(r"\$ |\d\. |What to type next|[A-Z].*\?$", text):
        return ' class="head"'
    if re.match(r"alert (?!month_closed)|load \(", text):
        return ' class="bad"'
    return ' class="good"' if re.match(r"published|gate \d: .* passed|Open it|Done", text) else ""


# ---- page and report -------------------------------------------------------


def _photograph(home: Home, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    report = home.reports / "2026-07" / "report.html"
    with _served(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        try:
            _write("page.png", _picture(browser, address, *_PAGE))
            _write("report.png", _picture(browser, report.as_uri(), *_REPORT))
        finally:
            browser.close()


@contextmanager
def _served(home: Home) -> Iterator[str]:
    """``pulse serve`` over a home: yields its address, and ends it."""
    with subprocess.Popen(
        [sys.executable, "-m", "pulse.cli", "serve", "--port", "0"], cwd=REPOSITORY, env=_environment(home), text=True,
        stdout=subprocess.PIPE,
    ) as server:  # fmt: skip
        said = server.stdout.readline() if server.stdout else ""
        try:
            address = re.match(r"http://\S+", said)
            if address is None:
                raise BuildFailed("pulse serve", value=f"said {said!r}", next_step="run `pulse serve`, and read on")
            yield address[0]
        finally:
            server.terminate()


def _picture(browser: "Browser", address: str, last_seen: str, prepare: str) -> bytes:
    """The top of a page, down to an element."""
    page = browser.new_page(viewport={"width": WIDTH_PX, "height": 900}, color_scheme="light")
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(prepare)
    box = page.locator(last_seen).first.bounding_box()
    if box is None:
        raise BuildFailed(
            f"the picture of {address}", value=f"no {last_seen} is seen", next_step="name another element"
        )
    height = box["y"] + box["height"] + 8
    return page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": WIDTH_PX, "height": height})


# ---- both ------------------------------------------------------------------


def _environment(home: Home) -> dict[str, str]:
    hidden = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    return hidden | {"PULSE_HOME": str(home.root), "COLUMNS": str(_COLUMNS), "PYTHONUNBUFFERED": "1"}


def _write(name: str, content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"docs/pictures/{name}", value=f"{len(content)} bytes", limit=f"{MAX_BYTES} bytes",
            next_step="let it show less: docs/pictures/make.py says how far down",
        )  # fmt: skip
    (PICTURES / name).write_bytes(content)
    sys.stdout.write(f"docs/pictures/{name}: {len(content) / 1000:.0f} kB\n")


if __name__ == "__main__":
    try:
        main()
    except PulseError as error:
        sys.exit(error.for_terminal())
