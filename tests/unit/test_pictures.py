"""The pictures of README: there, small, harmless, and drawn from what the demo printed."""

import importlib.util
import re
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from pulse.core.home import REPOSITORY, Home

PICTURES = REPOSITORY / "docs" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"
NAMED = re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", (REPOSITORY / "README.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """The script, which lies in no package."""
    spec = importlib.util.spec_from_file_location("make_pictures", PICTURES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    return script


def parsed(svg: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter())  # noqa: S314  (our own drawing)


def texts_of(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in parsed(svg) if element.tag == f"{SVG}text"]


def harmful(svg: str) -> list[str]:
    """What an image from a repository must not hold: scripts, and ways to other hosts or files."""
    elements = parsed(svg)
    found = [
        element.tag for element in elements
        if element.tag.removeprefix(SVG) not in {"svg", "title", "style", "rect", "circle", "g", "text", "tspan"}
    ]  # fmt: skip
    found += [name for element in elements for name in element.attrib if name.startswith("on") or "href" in name]
    styles = [element.text or "" for element in elements if element.tag == f"{SVG}style"]
    values = [value for element in elements for value in element.attrib.values()]
    return found + re.findall(r"@import|url\(|//", " ".join(styles + values))


def test_readme__shows_the_pictures_that_are_there_and_says_what_is_seen():
    shown = {target for _, target in NAMED}
    there = {file.relative_to(REPOSITORY).as_posix() for file in PICTURES.glob("*.*") if file.suffix != ".py"}
    assert shown == there == {f"docs/pictures/{name}" for name in ("demo.svg", "page.png", "report.png")}
    assert all(len(words.split()) >= 10 for words, _ in NAMED)


@pytest.mark.parametrize("target", [target for _, target in NAMED])
def test_picture__is_small(target: str):
    assert 5_000 < (REPOSITORY / target).stat().st_size < 300_000


@pytest.mark.parametrize("target", [target for _, target in NAMED if target.endswith(".png")])
def test_screenshot__is_1280_px_wide(target: str):
    head = (REPOSITORY / target).read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(head[16:20]) == 1280


def test_recording__is_harmless_and_names_nothing_of_the_machine():
    svg = (PICTURES / "demo.svg").read_text(encoding="utf-8")
    assert harmful(svg) == []
    texts = texts_of(svg)
    assert texts[0] == "$ make demo"
    assert re.fullmatch(r"Done in \d+ s\.", texts[-1])
    own = re.compile(r"(?<![\w.])/(tmp|home|root|Users|var|work|private)/|\b\d{8}T\d{6}|__\d{4}-\d\d-\d\dT")
    assert [text for text in texts if own.search(text)] == []


@pytest.mark.parametrize(
    "harm",
    [
        "<script/>",
        '<image href="https://example.org/a.png"/>',
        '<rect onclick="x()"/>',
        "<style>rect {fill: url(#a)}</style>",
        '<rect fill="url(https://example.org/#a)"/>',
    ],
)
def test_harm__would_be_found(harm: str):
    assert harmful(f'<svg xmlns="http://www.w3.org/2000/svg">{harm}</svg>')


def test_recording__keeps_order_and_proportion_and_ends_in_time(make: ModuleType):
    lines = [make.Line(at_s, f"line {number}") for number, at_s in enumerate([0.0, 1.0, 1.0, 11.0, 31.0])]
    shown_s = make.shown_at_s(lines)
    pauses_s = [later - earlier for earlier, later in pairwise(shown_s)]
    shortest_s = pauses_s[1]
    assert shortest_s > 0
    assert [pause_s - shortest_s for pause_s in pauses_s] == pytest.approx(
        [(pauses_s[0] - shortest_s) * share for share in (1, 0, 10, 20)]
    )
    assert shown_s[0] == 0
    assert shown_s[-1] == pytest.approx(27.0)


def test_recording__takes_what_was_printed_for_text(make: ModuleType, tmp_path: Path):
    printed = (
        f"<script>alert(1)</script> & \x1b[2J {tmp_path}/x, manual__2026-08-01__2030-01-02T03:04:05.6+00:00",
        f"{tmp_path}/{'y' * 500}",
        "   2.8 s  published: 20300102T030405678901Z",
    )
    lines = [make.Line(float(at_s), make.anonymous(text, Home(tmp_path))) for at_s, text in enumerate(printed)]
    svg = make.animation(lines)
    assert harmful(svg) == []
    texts = texts_of(svg)
    assert texts[0] == r"<script>alert(1)</script> & \x1b[2J .pulse/x, manual__2026-08-01"
    assert texts[1].startswith(".pulse/yyy")
    assert texts[1].endswith("y…")
    assert len(texts[1]) < 200
    assert texts[2] == "   2.8 s  published: …"
    assert str(tmp_path) not in svg
