"""The report as a message for Slack: blocks of Block Kit, ready to be posted as the body of ``chat.postMessage``.

Texts that hold a name are marked ``verbatim``, so that Slack makes no link or mention of them; ``&``, ``<`` and ``>``
are escaped as Slack asks for. Limits of Slack: 50 blocks, 150 characters a header, 3,000 a text, 2,000 a field.
"""

import json
from typing import Any

from pulse.reports.brief import Brief
from pulse.reports.five import Figure

_HEADER_CHARS, _TEXT_CHARS = 150, 2_000


def message(brief: Brief) -> bytes:
    """The message as JSON; the same brief gives the same bytes."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": brief.title[:_HEADER_CHARS], "emoji": False}},
        _context(brief.scope),
    ]
    if brief.actions:
        blocks.append(_section("*What to do*"))
        blocks += [_section(_action(line.title, line.why, line.links)) for line in brief.actions]
    if brief.figures:
        blocks.append({"type": "divider"})
        blocks.append({"type": "section", "fields": [_mrkdwn(_figure(figure)) for figure in brief.figures]})
    more = f"{brief.more_n} more to do are in the report. " if brief.more_n else ""
    compared = f"{brief.compared} " if brief.figures else ""
    if last := f"{compared}{more}{brief.notice}".strip():
        blocks.append(_context(last))
    if brief.page:
        blocks.append(_section(f"<{_address(brief.page)}|The whole report>"))
    content = {"text": _escaped(brief.title), "blocks": blocks}
    return (json.dumps(content, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _action(title: str, why: str, links: tuple[str, ...]) -> str:
    read = " ".join(f"<{_address(address)}|{at}>" for at, address in enumerate(links, start=1))
    return f"*{_escaped(title)}*\n{_escaped(why)}" + (f" Read {read}" if read else "")


def _figure(figure: Figure) -> str:
    change = f"\n{_escaped(figure.change)}" if figure.change else ""
    return f"{_escaped(figure.label)}\n*{_escaped(figure.value)}*{change}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_mrkdwn(_escaped(text.strip()))]}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text[:_TEXT_CHARS], "verbatim": True}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(address: str) -> str:
    """An address inside of a link, where a bar or a bracket would end it."""
    return _escaped(address).replace("|", "%7C")
