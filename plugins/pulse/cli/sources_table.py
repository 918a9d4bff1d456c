"""The table of all sources in ``docs/sources/README.md``: what each is, needs and sees, as the code says."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from pulse.core.contract import COLUMN_NAMES, OBSERVABLE
from pulse.core.home import REPOSITORY
from pulse.platforms.platform import Platform
from pulse.platforms.registry import PLATFORMS
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES
from pulse.sources.tabular.entry import MAPPINGS, Table, TabularEntry

_HEAD = """\
# Sources

Written by `pulse dev sources` from the code; edit there, not here. What each needs, costs and may is on its own page.

A column of the contract that a source does not see is NULL in all its rows, and gate 1 holds it to that.

"""
_MAPPINGS_HEAD = """
## YouTube, reviews and other tables

No source of their own, and no code: [`tabular`](tabular.md) reads them by a ready mapping, `table: {mapping: NAME}`.

"""
_TERMS_HEAD = """
## Terms, as far as they concern a listener

A summary for engineers, not advice of a lawyer. A platform without a line has the careful defaults: nobody is ranked.

"""
_ANY = "by the config"


def document_path() -> Path:
    """Where the document lies in the repository."""
    return REPOSITORY / "docs" / "sources" / "README.md"


def is_current() -> bool:
    """Whether the document is there and says what the code says."""
    path = document_path()
    return path.is_file() and path.read_text(encoding="utf-8") == render()


def render() -> str:
    """The whole document: one table of facts, and one of columns."""
    sources = list(SOURCES.values())
    facts = [
        [
            _page_of(source),
            ", ".join(_platforms_of(source)),
            "live" if source.is_live else "files",
            f"`PULSE_{source.credentials.section}_*`" if source.credentials else "nothing",
        ]
        for source in sources
    ]
    columns = [column for column in COLUMN_NAMES if column in OBSERVABLE]
    observed = {source.name: observes(source) for source in sources}
    rows = [
        [f"`{name}`", *("?" if seen is None else "x" if column in seen else "" for column in columns)]
        for name, seen in observed.items()
    ]
    mappings = sorted(MAPPINGS.glob("*.yml"))
    rows += [
        [f"`tabular`: `{file.stem}`", *("x" if column in mapped_by(file) else "" for column in columns)]
        for file in mappings
    ]
    return (
        _HEAD
        + _table(["source", "platform", "is read from", "credentials"], facts)
        + _MAPPINGS_HEAD
        + _table(["mapping", "of what"], [[f"`{file.stem}`", _first_sentence(file)] for file in mappings])
        + "\n## What each can see\n\n"
        + _table(["source", *(f"`{column}`" for column in columns)], rows)
        + f"\n`x`: seen; `?`: {_ANY}.\n"
        + _TERMS_HEAD
        + _table(
            [
                "platform",
                "persons may be ranked",
                "deletions within",
                "text may be kept",
                "beside texts",
                "training",
                "remark",
            ],
            [_terms_of(platform) for platform in PLATFORMS.values()],
        )
    )


def observes(source: Source) -> frozenset[str] | None:
    """Columns that its rows may have a value in; None where the entry's mapping decides."""
    try:
        seen: frozenset[str] = source.entry.model_construct(name="x", source=source.name, path=()).observes
    except AttributeError:
        return None
    return seen


def mapped_by(file: Path) -> frozenset[str]:
    """Columns that a ready mapping fills."""
    columns = yaml.safe_load(file.read_text(encoding="utf-8"))["columns"]
    return TabularEntry.model_construct(name="x", table=Table.model_construct(columns=columns)).observes


def _first_sentence(file: Path) -> str:
    """What a ready mapping says of itself at its head."""
    comments = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comments.append(line.removeprefix("#").strip())
    return " ".join(comments).partition(". ")[0].removesuffix(".")


def _platforms_of(source: Source) -> Sequence[str]:
    annotation = source.entry.model_fields["platform"].annotation
    return getattr(annotation, "__args__", None) or (_ANY,)


def _page_of(source: Source) -> str:
    page = document_path().parent / f"{source.name}.md"
    return f"[`{source.name}`]({page.name})" if page.is_file() else f"`{source.name}`"


def _terms_of(platform: Platform) -> list[str]:
    terms = platform.terms
    training = {True: "allowed", False: "forbidden", None: "not stated"}[terms.may_train]
    addresses = ", ".join(f"[{number}]({address})" for number, address in enumerate(terms.addresses, start=1))
    read = f" ({addresses}, {terms.looked_up_on})" if terms.looked_up_on else " (not read)"
    return [
        f"`{platform.name}`",
        "yes" if terms.may_rank_persons else "no",
        "not stated" if terms.delete_within_h is None else f"{terms.delete_within_h} h",
        "not stated" if terms.keep_text_days is None else f"{terms.keep_text_days} days",
        terms.attribution or "nothing",
        training,
        f"{terms.remark}{read}".strip(),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
