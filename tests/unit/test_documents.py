"""Every link of the documents leads somewhere: to a file of the repository, and to a heading where it names one."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pulse.core.home import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"```.*?```", re.DOTALL)
IN_LINE = re.compile(r"`[^`\n]*`")


def links(document: Path) -> Iterator[str]:
    text = IN_LINE.sub("", FENCED.sub("", document.read_text(encoding="utf-8")))
    return (found[1] for found in LINK.finditer(text))


@cache
def anchors(document: Path) -> frozenset[str]:
    """What the headings of a document are called in addresses, as GitHub and the site make them."""
    headings = re.findall(r"^#+ +(.+?) *#*$", FENCED.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    slugs: Counter[str] = Counter()
    names = set()
    for heading in headings:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        names.add(slug if not slugs[slug] else f"{slug}-{slugs[slug]}")
        slugs[slug] += 1
    return frozenset(names)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPOSITORY)))
def test_links_of_a_document__lead_somewhere(document: Path):
    dead = []
    for link in links(document):
        if link.startswith("mailto:"):
            continue
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        is_there = target.exists() and target.is_relative_to(REPOSITORY)
        if not is_there or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_every_document__is_reached_from_the_readme():
    reached, open_ones = set(), {REPOSITORY / "README.md"}
    while open_ones:
        document = open_ones.pop()
        reached.add(document)
        for link in links(document):
            target = (document.parent / link.partition("#")[0]).resolve()
            target = target / "README.md" if target.is_dir() else target
            if target.suffix == ".md" and target.exists() and target not in reached:
                open_ones.add(target)
    assert not {document for document in DOCUMENTS if document not in reached and document.parts[-2] != "decisions"}
