"""What the site of the documents needs beyond them: README and changelog as pages, and links that leave the documents.

Pictures under ``docs`` are shown. Links to files of the repository outside ``docs`` become plain text with their path:
the site has no copy of them.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
_PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
_SHOWN = {".md", ".png", ".svg"}
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
_DIAGRAM = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def on_config(config: Any) -> Any:
    """Fill in folders of the navigation: ``sources/*`` stands for all documents of that folder, its README first."""
    config["nav"] = _filled(config["nav"])
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add README and changelog as pages."""
    for source, page in _PAGES.items():
        text = (REPOSITORY / source).read_text(encoding="utf-8")
        # The way of a post is drawn by a program from another host: here the words beside it have to do.
        files.append(File.generated(config, page, content=_links(_DIAGRAM.sub("", text), REPOSITORY, page)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the documents themselves."""
    if page.file.generated_by:
        return markdown
    return _links(markdown, Path(page.file.abs_src_path).parent, page.file.src_uri)


def _filled(nav: Any) -> Any:
    if isinstance(nav, dict):
        return {
            title: _folder(of) if isinstance(of, str) and of.endswith("/*") else _filled(of)
            for title, of in nav.items()
        }
    return [_filled(one) for one in nav] if isinstance(nav, list) else nav


def _folder(pattern: str) -> list[str]:
    found = sorted(DOCS.glob(pattern), key=lambda file: (file.name != "README.md", file.name))
    return [str(file.relative_to(DOCS)) for file in found if file.suffix == ".md"]


def _links(markdown: str, folder: Path, page: str) -> str:
    depth = page.count("/")

    def mended(found: "re.Match[str]") -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        file = (folder / target).resolve()
        in_repository = file.relative_to(REPOSITORY).as_posix() if file.is_relative_to(REPOSITORY) else None
        if in_repository is None or not file.exists():
            return found[0]
        if in_repository in _PAGES:
            return f"[{text}]({'../' * depth}{_PAGES[in_repository]}{anchor})"
        if file.is_dir() and (file / "README.md").exists():
            file /= "README.md"
        if file.suffix in _SHOWN and file.is_relative_to(DOCS):
            return f"[{text}]({'../' * depth}{file.relative_to(DOCS).as_posix()}{anchor})"
        return text if in_repository in text else f"{text} (`{in_repository}`)"

    return _LINK.sub(mended, markdown)
