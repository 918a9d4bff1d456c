"""Text that people wrote, made safe to show.

Everything from a community, a config file or a command line is hostile until shown otherwise: control characters move
cursors, forge log lines and reverse reading order. These functions are for showing; stored text stays as it was.
"""

import unicodedata

_KEPT_CONTROLS = frozenset("\t")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, *, max_chars: int = 2_000) -> str:
    r"""Make one line that no terminal or log reader can misread.

    Control and format characters (C0, C1, bidirectional overrides, zero-width, line separators, lone surrogates) become
    ``\xNN`` or ``\u{NNNN}``, tabs and other kinds of space a plain space; text longer than ``max_chars`` characters is
    cut and says how long it was.
    """
    shown = text if len(text) <= max_chars else text[:max_chars]
    if not shown.isascii() or not shown.isprintable():
        shown = "".join(_visible(char) for char in shown)
    if len(text) > max_chars:
        shown += f"… ({len(text)} characters)"
    return shown


def _visible(char: str) -> str:
    if char in _KEPT_CONTROLS or unicodedata.category(char) == "Zs":
        return " "
    if unicodedata.category(char) not in _HIDDEN_CATEGORIES:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


def words_in(text: str) -> frozenset[str]:
    """The words of a constant, which reads better so than as a set of many texts."""
    return frozenset(text.split())
