"""How the packages stand on each other: imports run one way, from the command line down to the contract."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pulse.core.home import REPOSITORY

PULSE = REPOSITORY / "plugins" / "pulse"
# Each may import those before it, at the top of a file or within a function.
ORDER = (
    "core", "platforms", "lake", "sources", "config", "texts", "words", "listening", "gates", "imports", "warehouse",
    "reading", "kpi", "showing", "reports", "page", "steps", "orchestration", "sandbox", "cli",
)  # fmt: skip
LONGEST_CHAIN = 13


def imported_by(file: Path) -> Iterator[str]:
    """Packages of ours that a file names in its imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "pulse":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pulse."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("pulse."))


def packages() -> dict[str, set[str]]:
    """What each package imports of the others."""
    return {
        folder.name: {name for file in folder.rglob("*.py") for name in imported_by(file)} - {folder.name}
        for folder in PULSE.iterdir()
        if folder.is_dir() and folder.name != "__pycache__"
    }


def test_house__has_no_modules_beside_its_packages():
    assert [file.name for file in PULSE.glob("*.py")] == ["__init__.py"]
    assert {*packages()} == {*ORDER}
    assert len(ORDER) <= 20


def test_house__imports_run_one_way():
    place = {name: number for number, name in enumerate(ORDER)}
    against = {(name, other) for name, others in packages().items() for other in others if place[other] >= place[name]}
    assert against == set()
    assert packages()["core"] == set()


def test_sources__import_no_other_platforms_source():
    """What is shared lies in folders of its own: lines and live."""
    shared = {"lines", "live"}
    folders = [folder for folder in (PULSE / "sources").iterdir() if folder.is_dir() and folder.name != "__pycache__"]
    between = {
        (folder.name, other)
        for folder in folders
        for file in folder.rglob("*.py")
        for other in re.findall(r"pulse[.]sources[.](\w+)", file.read_text(encoding="utf-8"))
        if (PULSE / "sources" / other).is_dir() and other not in {folder.name, *shared}
    }
    assert between == set()


def test_house__is_not_too_high():
    found = packages()
    floors: dict[str, int] = {}
    for name in ORDER:
        floors[name] = 1 + max((floors[other] for other in found[name]), default=0)
    assert max(floors.values()) <= LONGEST_CHAIN, floors


def test_order__is_told_as_in_the_document():
    """The table in docs/architecture.md names the packages in this order."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8").split("## The house")[1]
    places = [text.find(f"| `{name}/` |") for name in ORDER]
    assert min(places) >= 0, [name for name, place in zip(ORDER, places, strict=True) if place < 0]
    assert all(earlier < later for earlier, later in pairwise(places)), dict(zip(ORDER, places, strict=True))


def test_documents__name_no_module_that_is_gone():
    named = re.compile(r"plugins/pulse/[\w/]+(?:\.\w+)?")
    files = [
        REPOSITORY / "README.md",
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "dbt_project").rglob("*.yml"),
    ]
    gone = {
        (file.name, place)
        for file in files
        for place in named.findall(file.read_text(encoding="utf-8"))
        if not (REPOSITORY / place).exists()
    }
    assert gone == set()
