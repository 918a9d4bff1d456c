"""What a text says that a platform gives as HTML: the one place where markup becomes plain text.

The parser is selectolax (Lexbor), which reads whatever people write as a browser would. What is left out is what its
author did not say: quotes of others (whose names head them), scripts and styles, what a browser does not show, and
images but for emoji and the like, which stand for their own ``alt``.
"""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pulse.core.text import words_in

# More than platforms let people write, markup included. Blocks in blocks take the square of their depth to read, as in
# browsers: some seconds for so much of nothing else.
MOST_HTML_CHARS = 250_000

_BLOCKS = words_in(
    "address article aside blockquote dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 "
    "h6 header hr li main nav ol p pre section summary table tbody tfoot thead tr ul"
)
_PARAGRAPHS = frozenset({"p", "pre", "blockquote", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = words_in("head script style template noscript iframe object svg math select textarea button title")
_QUOTE_CLASSES = frozenset({"quote", "quote-inline", "quoted", "lightbox-wrapper", "meta"})
_EMOJI_CLASSES = frozenset({"emoji", "custom-emoji", "emojione"})


def text_of(html: str) -> str:
    """The text as its readers see it: paragraphs parted by an empty line, other blocks and ``<br>`` by a line end.

    Whitespace is that of HTML: runs count as one blank, but for preformatted text. A longer document than
    ``MOST_HTML_CHARS`` is read so far.
    """
    if "<" not in html and "&" not in html:
        return _tidy(html)
    body = LexborHTMLParser(html[:MOST_HTML_CHARS]).body
    if body is None:
        return ""
    writer = _Writer()
    _walk(body, writer)
    return writer.text()


class _Writer:
    """Gathers text; breaks are written only between texts."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line_ends_n = 0
        self._is_blank_due = False

    def break_line(self, line_ends_n: int) -> None:
        """End the line, with an empty one behind it if there are two ends."""
        self._line_ends_n = max(self._line_ends_n, line_ends_n)

    def add_line_end(self) -> None:
        """A ``<br>``: each counts, but more than an empty line is none."""
        self._line_ends_n = min(self._line_ends_n + 1, 2)

    def add(self, text: str, *, is_preformatted: bool) -> None:
        """Text of one node."""
        if is_preformatted:
            self._write(text.strip("\n"))
            return
        words = text.split()
        if not words:
            self._is_blank_due = self._is_blank_due or bool(text)
            return
        self._is_blank_due = self._is_blank_due or text[0].isspace()
        self._write(" ".join(words))
        self._is_blank_due = text[-1].isspace()

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._parts:
            self._parts.append("\n" * self._line_ends_n if self._line_ends_n else " " if self._is_blank_due else "")
        self._parts.append(text)
        self._line_ends_n, self._is_blank_due = 0, False

    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)


def _walk(root: LexborNode, writer: _Writer) -> None:
    """Go through the tree without calling oneself: people nest markup as deep as they like."""
    node: LexborNode | None = root.child
    depth, preformatted_n = 0, 0
    while node is not None:
        tag = node.tag or ""
        is_left_out = tag != "-text" and _is_left_out(node, tag)
        if tag == "-text":
            writer.add(node.text_content or "", is_preformatted=preformatted_n > 0)
        else:
            _open(node, tag, writer, is_left_out=is_left_out)
        child = None if is_left_out else node.child
        if child is not None:
            preformatted_n += tag == "pre"
            node, depth = child, depth + 1
            continue
        _close(tag, writer)
        while node.next is None and depth > 0 and node.parent is not None:
            node, depth = node.parent, depth - 1
            preformatted_n -= node.tag == "pre"
            _close(node.tag or "", writer)
        node = node.next if depth >= 0 else None


def _open(node: LexborNode, tag: str, writer: _Writer, *, is_left_out: bool) -> None:
    if tag == "br":
        writer.add_line_end()
    elif tag == "img" and not is_left_out:
        writer.add(node.attributes.get("alt") or "", is_preformatted=False)
    elif tag in {"td", "th"}:
        writer.add(" ", is_preformatted=False)
    _close(tag, writer)  # a block begins on a line of its own, too


def _close(tag: str, writer: _Writer) -> None:
    if tag in _BLOCKS:
        writer.break_line(2 if tag in _PARAGRAPHS else 1)


def _is_left_out(node: LexborNode, tag: str) -> bool:
    if tag in _UNSEEN or tag.startswith(("-", "!")):
        return True
    attributes = node.attributes
    classes = set((attributes.get("class") or "").split())
    if tag == "img":
        return not classes & _EMOJI_CLASSES
    if "hidden" in attributes:
        return True
    return tag in {"aside", "blockquote", "div", "p", "span"} and bool(classes & _QUOTE_CLASSES)


def _tidy(text: str) -> str:
    return " ".join(text.split())
