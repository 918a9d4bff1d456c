"""Whether a text is in the one language that the model knows; asked only where the kernel could not tell.

Compact Language Detector 2 (Apache-2.0) keeps its tables inside its package. The kernel counts words that only English
has first, since the detector alone would take longer than judging does.
"""

import pycld2

_SUPPORTED = frozenset({"en", "un"})
# The detector takes no control characters.
_MAX_BYTES = 500
_NO_CONTROLS = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))


def is_supported(text: bytes) -> bool:
    """True for English, and where the detector does not know: too short, or a mixture."""
    head = text[:_MAX_BYTES].translate(_NO_CONTROLS)
    try:
        is_reliable, _, found = pycld2.detect(head, isPlainText=True)
    except pycld2.error:
        return _is_supported_mended(head)
    return not is_reliable or found[0][1] in _SUPPORTED


def _is_supported_mended(head: bytes) -> bool:
    """The same without what is not UTF-8 or not printable, such as a character that was cut in two."""
    mended = "".join(character for character in head.decode("utf-8", errors="ignore") if character.isprintable())
    try:
        is_reliable, _, found = pycld2.detect(mended, isPlainText=True)
    except pycld2.error:
        return True
    return not is_reliable or found[0][1] in _SUPPORTED
