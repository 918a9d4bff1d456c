"""Pages of Data Docs without what a page of ours may not do: run scripts, or ask other hosts for anything.

Great Expectations writes them for the open web: styles, scripts and pictures come from five hosts. What is left reads
as plain tables, with a style sheet in the page's place.
"""

from functools import cache
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

_NOT_KEPT = (
    "script, noscript, iframe, object, embed, link, base, meta[http-equiv], img, nav.navbar, form, button, input, "
    "footer, #ge-cta-footer"
)


def harmless(html: str) -> str:
    """The page without scripts, handlers, forms and addresses of other hosts, styled by ours."""
    tree = LexborHTMLParser(html)
    for node in tree.css(_NOT_KEPT):
        node.decompose()
    for node in tree.css("*"):
        for name in list(node.attributes):
            if name.startswith("on") or (
                name in {"href", "src", "srcset", "action"} and _leaves(node.attributes[name])
            ):
                del node.attrs[name]
    head = tree.head
    if head is not None:
        style = LexborHTMLParser(f"<html><head><style>{_style()}</style></head></html>").css_first("style")
        if style is not None:
            head.insert_child(style)
    return tree.html or ""


def _leaves(address: str | None) -> bool:
    """Whether an address names a host or a scheme: links of the pages among each other are relative."""
    text = (address or "").strip()
    return ":" in text.split("#")[0] or text.startswith(("//", "\\"))


@cache
def _style() -> str:
    return (Path(__file__).parent / "data_docs.css").read_text(encoding="utf-8")
