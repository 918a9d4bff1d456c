"""The compiled loop: bytes of a text in, three probabilities or a reason out. Needs nothing but NumPy and Numba.

One text at a time, straight from Arrow's buffers; no Python object is made and the GIL is free meanwhile. All sums are
of integers and each text is judged by itself, so neither batch, nor order, nor number of threads can change a result.
The exponential is our own: no library function stands between the same text and the same bytes.

All functions are in this one file on purpose: Numba's cache on disk notices a change of the file of the function that
is called, not of the files of the functions that it calls. `make install` fills that cache.

The steps, each a function below: bytes to tokens; phrases to single tokens of known mood; technical senses to neutral
tokens; the scope of negation; features (hashed words, pairs and character n-grams, and a few dense numbers); a linear
model with two outputs, negative and positive, against neutral as the origin.
"""

import numpy as np
from numba import njit

# Raise this by one whenever the same text may give other features: a model file names the version it was trained with.
FEATURES_VERSION = 2

BUCKET_BITS = 19
DENSE_N = 24
MAX_TOKENS = 1024
WORD_IDS_PER_TOKEN = 6  # at most: the word, its pair, negated, its mood, that after a word, a word after a mood
MAX_WORD_BYTES = 40  # for character n-grams; longer words count as words only
DENSE_WEIGHT = 0.5
CHARS_WEIGHT = 0.5
NO_MOOD_WORD = 5  # the dense feature that is 1 where no word, phrase or emoji of the lexicon stands

# What became of a text.
SCORED, GONE, EMPTY, NO_WORDS, LANGUAGE, UNDECIDED = 0, 1, 2, 3, 4, 5

# Roles of a word, in the upper half of its value in the word table; the lower half is its valence + 32768, hundredths.
NEGATOR, TOGGLER, BOOSTER, DAMPENER, CONTRAST = 1, 2, 4, 8, 16
STARTS_PHRASE, TECH_ACT, TECH_THING, FUNCTION_WORD, HAS_VALENCE, ENGLISH_WORD = 32, 64, 128, 256, 512, 1024
# A word that is the second of some phrase; a first word after which any word may stand: they save most looks.
SECOND_IN_PHRASE, STARTS_WITH_ANY = 2048, 4096
# What else is known of a token at its place.
CAPS, AFTER_BREAK, WORD, EMOJI, PSEUDO, NEGATED = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21
LINE_START, REFERRAL, OUTLET = 1 << 22, 1 << 23, 1 << 24  # for the kinds of need alone

VALENCE_ZERO = 32_768
WILDCARD = 0x9E3779B97F4A7C15
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_MIX, _SHIFT = np.uint64(0xD6E8FEB86659FD93), np.uint64(64 - BUCKET_BITS)
_NEGATED_SALT, _PAIR_SALT, _CLASS_SALT = (
    np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB), np.uint64(0x8EBC6AF09C88C6E3)
)  # fmt: skip
_URL_TOKEN, _PERSON_TOKEN, _PHRASE_TOKEN = np.uint64(0x51ED270B), np.uint64(0x2C1B3C6D), np.uint64(0x297A2D39)
_ZERO64, _ONE64 = np.uint64(0), np.uint64(1)
# Masks of so many bytes of a word, and what tells grams of different lengths apart.
_THREE_BYTES, _FOUR_BYTES, _FIVE_BYTES = np.uint64((1 << 24) - 1), np.uint64((1 << 32) - 1), np.uint64((1 << 40) - 1)
_THREE, _FOUR, _FIVE = np.uint64(3 << 48), np.uint64(4 << 48), np.uint64(5 << 48)

# Counters of one text.
C_CAPS, C_CASED, C_BANGS, C_QUESTIONS, C_WORDS, C_ENGLISH, C_LATIN, C_OTHER, C_LAST_QUESTION, C_SARCASM = range(10)
C_WORD_IDS, C_CHAR_IDS, C_LONG_WORDS, C_KNOWN = 10, 11, 12, 13

_SEPARATOR, _LINE, _LETTER, _DIGIT, _PUNCTUATION, _HIGH = 0, 1, 2, 3, 4, 5


def _byte_kinds() -> np.ndarray:
    kinds = np.zeros(256, np.uint8)
    kinds[ord("\n")] = kinds[ord("\r")] = _LINE
    for byte in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        kinds[byte] = _LETTER
    kinds[ord("0") : ord("9") + 1] = _DIGIT
    for byte in b"!$%()+,./:;<=>?[]^{|}\\":
        kinds[byte] = _PUNCTUATION
    kinds[128:] = _HIGH
    return kinds


_KIND = _byte_kinds()
_compiled = njit(nogil=True)
# Kept on disk with all that they call.
_entry = njit(cache=True, nogil=True)


WORD_SLOTS, EDGE_SLOTS, STATES = 1 << 15, 1 << 14, 1 << 10

# What the tokeniser and the model know, as one record: a record travels between compiled functions as one pointer.
#   words, edges                open-addressed: roles and valence by hash of a word; the graph of phrases, next state by
#                               state and hash of the next word
#   state_class                 valence of the phrase that ends in a state, hundredths + 32768; 0 where none ends
#   state_takes_any             1 where the next word may be any
#   bias, dense, scales         of the two logits, negative and positive: added; by dense feature; of the columns below
#   weights                     by bucket
MODEL = np.dtype(
    [
        ("words", np.uint64, WORD_SLOTS), ("edges", np.uint64, EDGE_SLOTS),
        ("state_class", np.int32, STATES), ("state_takes_any", np.uint8, STATES),
        ("bias", np.float64, 2), ("dense", np.float64, (DENSE_N, 2)), ("scales", np.float64, 2),
        ("weights", np.int8, (1 << BUCKET_BITS, 2)),
    ]
)  # fmt: skip

_TOKEN_SLOTS = MAX_TOKENS + 8
# Working memory for one text at a time, one megabyte: tokens, their letters, counters, features.
SCRATCH = np.dtype(
    [
        ("hashes", np.uint64, _TOKEN_SLOTS), ("starts", np.int32, _TOKEN_SLOTS), ("ends", np.int32, _TOKEN_SLOTS),
        ("valences", np.int32, _TOKEN_SLOTS), ("flags", np.int32, _TOKEN_SLOTS),
        ("letters", np.uint8, _TOKEN_SLOTS * MAX_WORD_BYTES), ("counts", np.int64, 16), ("stack", np.int64, 128),
        ("word_ids", np.uint32, _TOKEN_SLOTS * WORD_IDS_PER_TOKEN),
        ("char_ids", np.uint32, _TOKEN_SLOTS * MAX_WORD_BYTES * 3), ("dense", np.float64, DENSE_N),
    ]
)  # fmt: skip


# ---- bytes -----------------------------------------------------------------


@_compiled
def _find(slots, key):
    """Value of a key in an open-addressed table, 0 when absent; see ``fill``."""
    mask = np.uint64(slots.size - 1)
    tag = key >> np.uint64(32)
    place = (key ^ (key >> np.uint64(29))) & mask
    while True:
        slot = slots[place]
        if slot == _ZERO64 or slot >> np.uint64(32) == tag:
            return np.int64(slot & np.uint64(0xFFFFFFFF))
        place = (place + _ONE64) & mask


def fill(slots: np.ndarray, values: dict[int, int]) -> None:
    """Fill an open-addressed table, at most half of it: the upper half of each key and its value, 32 bits each.

    Raises:
        ValueError: there are too many, or two that look the same; make the table larger, or change a word.
    """
    if 2 * len(values) > slots.size:
        raise ValueError(f"{len(values)} entries, but a table of {slots.size} takes half as many")
    if len({key >> 32 for key in values}) < len(values):
        raise ValueError("two entries have the same upper half of their hash")
    for key in sorted(values):
        place = (key ^ key >> 29) & (slots.size - 1)
        while slots[place]:
            place = (place + 1) & (slots.size - 1)
        slots[place] = key >> 32 << 32 | values[key]


@_compiled
def _starts_with(data, i, hi, prefix):
    """Whether the ASCII ``prefix``, lower case, stands at ``i``, in any case."""
    if i + len(prefix) > hi:
        return False
    for k in range(len(prefix)):
        byte = data[i + k]
        if 65 <= byte <= 90:
            byte += 32
        if byte != prefix[k]:
            return False
    return True


@_compiled
def _decode(data, i, hi):
    """Code point at ``i`` and its length in bytes; (-1, 1) where the bytes are not UTF-8, surrogates included."""
    lead = np.int64(data[i])
    length = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 0
    if length == 0 or i + length > hi:
        return np.int64(-1), 1
    point = lead & (0x7F >> length)
    for k in range(1, length):
        byte = np.int64(data[i + k])
        if byte & 0xC0 != 0x80:
            return np.int64(-1), 1
        point = point << 6 | byte & 0x3F
    if length == 3 and (point < 0x800 or 0xD800 <= point < 0xE000) or length == 4 and not 0x10000 <= point < 0x110000:
        return np.int64(-1), 1
    return point, length


_DROP, _APOSTROPHE, _GAP, _PICTURE, _LATIN, _OTHER = 0, 1, 2, 3, 4, 5


@_compiled
def _class_of(point):
    """What a code point from U+0080 on is to us: dropped (marks, joiners), apostrophe, gap, emoji, or a letter."""
    if point < 0:
        return _GAP
    if 0x300 <= point < 0x370 or 0x200B <= point < 0x2010 or 0x202A <= point < 0x202F or 0x2060 <= point < 0x2070:
        return _DROP
    if 0x483 <= point < 0x48A or 0x1AB0 <= point < 0x1B00 or 0x1DC0 <= point < 0x1E00:
        return _DROP
    if point in (0xFEFF, 0xAD) or 0xFE00 <= point < 0xFE10 or 0x1F3FB <= point < 0x1F400 or 0x20D0 <= point < 0x2100:
        return _DROP
    if point in (0x2018, 0x2019, 0x2BC, 0x2B9, 0xB4):
        return _APOSTROPHE
    if 0x2600 <= point < 0x27C0 or 0x1F000 <= point < 0x1FB00 or point in (0x2B50, 0x2B55):
        return _PICTURE
    if point < 0xC0 and point not in (0xAA, 0xB5, 0xBA) or point in (0xD7, 0xF7):
        return _GAP
    if 0x2000 <= point < 0x2070 or 0x20A0 <= point < 0x2C00 or 0x3000 <= point < 0x3040 or 0xE000 <= point < 0xF900:
        return _GAP
    if point < 0x250 or 0x1E00 <= point < 0x1F00:
        return _LATIN
    return _OTHER


@_compiled
def _entity(data, i, hi):
    """Character that an HTML entity at ``i`` stands for (32 for those that do not matter) and its length; 0 if none."""
    end = i + 1
    while end < hi and end < i + 10 and (_KIND[data[end]] == _LETTER or _KIND[data[end]] == _DIGIT or data[end] == 35):
        end += 1
    if end >= hi or data[end] != 59 or end == i + 1:
        return 0, 0
    length = end + 1 - i
    if _starts_with(data, i, hi, b"&lt;"):
        return 60, length
    if _starts_with(data, i, hi, b"&gt;"):
        return 62, length
    if (
        _starts_with(data, i, hi, b"&#39;")
        or _starts_with(data, i, hi, b"&apos;")
        or _starts_with(data, i, hi, b"&#x27;")
    ):
        return 39, length
    return 32, length


@_compiled
def _line_end(data, i, hi):
    while i < hi and data[i] != 10:
        i += 1
    return i


@_compiled
def _skip_line(data, i, hi):
    """Where reading goes on when a line of Markdown begins at ``i``: past a quoted line and past code."""
    first = i
    if _KIND[data[i]] == _LETTER:
        return i
    while i < hi and (data[i] == 32 or data[i] == 9):
        i += 1
    if i >= hi:
        return i
    if i - first >= 4 or data[first] == 9:
        return _line_end(data, i, hi)
    if data[i] == 62 and not (i + 1 < hi and data[i + 1] == 58) or _starts_with(data, i, hi, b"&gt;"):
        return _line_end(data, i, hi)
    if _starts_with(data, i, hi, b"```") or _starts_with(data, i, hi, b"~~~"):
        fence = data[i]
        i = _line_end(data, i, hi)
        while i < hi:
            i += 1
            if i + 2 < hi and data[i] == fence and data[i + 1] == fence and data[i + 2] == fence:
                return _line_end(data, i, hi)
            i = _line_end(data, i, hi)
        return i
    return first


@_compiled
def _url_end(data, i, hi):
    """End of a web address that begins at ``i``; ``i`` when none does."""
    if not (
        _starts_with(data, i, hi, b"http://")
        or _starts_with(data, i, hi, b"https://")
        or _starts_with(data, i, hi, b"www.")
    ):
        return i
    while i < hi and data[i] > 32 and data[i] != 41 and data[i] != 93 and data[i] != 62:
        i += 1
    return i


@_compiled
def _name_end(data, i, hi):
    """End of a mention at ``i`` (@name, u/name, /u/name, r/name, /r/name); ``i`` when there is none."""
    start = i
    if data[i] == 64:
        i += 1
    else:
        if data[i] == 47:
            i += 1
        if not (_starts_with(data, i, hi, b"u/") or _starts_with(data, i, hi, b"r/")):
            return start
        i += 2
    first = i
    while i < hi and (_KIND[data[i]] == _LETTER or _KIND[data[i]] == _DIGIT or data[i] == 95 or data[i] == 45):
        i += 1
    return i if i > first else start


# ---- tokens ----------------------------------------------------------------


@_compiled
def _put(tables, s, n, key, alternative, flags):
    """Make token ``n``; a stretched word ("goooal") counts as its plain spelling if the table knows only that."""
    value = _find(tables.words, key)
    if value == 0 and alternative != key:
        value = _find(tables.words, alternative)
        if value != 0:
            key = alternative
    s.hashes[n] = key
    s.valences[n] = 0
    s.flags[n] = flags
    if value != 0:
        s.valences[n] = (value & 0xFFFF) - VALENCE_ZERO
        s.flags[n] = flags | (value >> 16)


@_compiled
def _is_letter_at(data, i, hi):
    return i < hi and (_KIND[data[i]] == _LETTER or _KIND[data[i]] == _HIGH)


_END, _SKIPPED, _LOWER, _NON_LATIN, _SIGN = 0, 1, 2, 3, 4


@_compiled
def _high_piece(data, i, hi, has_letters):
    """The same as ``_piece`` for what is not ASCII."""
    point, length = _decode(data, i, hi)
    what = _class_of(point)
    if what == _LATIN:
        return _LOWER, length
    if what == _OTHER:
        return _NON_LATIN, length
    is_within = what == _APOSTROPHE and has_letters and _is_letter_at(data, i + length, hi)
    return (_SKIPPED if what == _DROP or is_within else _END), length


@_compiled
def _piece(data, i, hi, has_letters):
    """What stands at ``i`` inside a word, no ASCII letter, and its length in bytes; ``_END`` where the word is over."""
    byte = data[i]
    kind = _KIND[byte]
    if kind == _DIGIT:
        return _SIGN, 1
    if kind == _HIGH:
        return _high_piece(data, i, hi, has_letters)
    if byte == 38:
        stands_for, length = _entity(data, i, hi)
        return (_SKIPPED if stands_for == 39 and _is_letter_at(data, i + length, hi) else _END), length
    if _is_letter_at(data, i + 1, hi):
        if byte == 39:
            return _SKIPPED, 1
        if byte == 42 and has_letters:
            return _SIGN, 1
    return _END, 1


@_compiled
def _read_word(data, i, hi, tables, s, n, flags):
    """Read a word into token ``n``; returns where it ends.

    ASCII is lower-cased, letters that stand more than twice in a row are written twice, apostrophes and combining marks
    are left out, an asterisk inside a word stays.
    """
    written = s.starts[n]
    limit = written + MAX_WORD_BYTES
    key, alternative = _FNV_START, _FNV_START
    last, run, uppers, lowers, others = 0, 0, 0, 0, 0
    while i < hi:
        byte = np.int64(data[i])
        if _KIND[byte] == _LETTER:  # by far the most, so it is done here
            uppers += byte <= 90
            lowers += byte > 90
            byte |= 32
            run = run + 1 if byte == last else 1
            last = byte
            if run <= 2:
                key = (key ^ np.uint64(byte)) * _FNV_PRIME
                if written < limit:
                    s.letters[written] = np.uint8(byte)
                    written += 1
                if run == 1:
                    alternative = (alternative ^ np.uint64(byte)) * _FNV_PRIME
            i += 1
            continue
        kind, length = _piece(data, i, hi, uppers + lowers > 0)
        if kind == _END:
            break
        if kind != _SKIPPED:
            lowers += kind == _LOWER
            others += kind == _NON_LATIN
            last = 0
            for k in range(length):
                piece = np.uint64(data[i + k])
                key = (key ^ piece) * _FNV_PRIME
                alternative = (alternative ^ piece) * _FNV_PRIME
                if written < limit:
                    s.letters[written] = np.uint8(piece)
                    written += 1
        i += length
    s.ends[n] = written
    _put(tables, s, n, key, alternative, flags | WORD | (CAPS if uppers >= 2 and lowers == 0 else 0))
    _count_word(s, n, uppers, lowers, others)
    return i


@_compiled
def _count_word(s, n, uppers, lowers, others):
    flags = s.flags[n]
    s.counts[C_LATIN] += uppers + lowers
    s.counts[C_OTHER] += others
    s.counts[C_WORDS] += 1
    s.counts[C_LONG_WORDS] += uppers + lowers + others >= 2
    s.counts[C_CASED] += lowers > 0
    s.counts[C_CAPS] += flags & CAPS != 0
    s.counts[C_ENGLISH] += flags & ENGLISH_WORD != 0
    s.counts[C_KNOWN] += flags & (0xFFFF ^ SECOND_IN_PHRASE) != 0


@_compiled
def _emoticon_end(data, i, hi):
    """End of an emoticon that begins at ``i``; ``i`` when there is none. Eyes, maybe a nose, a mouth; or a heart."""
    byte = data[i]
    if byte == 60:
        if i + 1 < hi and data[i + 1] == 51:
            return i + 2
        return i + 3 if i + 2 < hi and data[i + 1] == 47 and data[i + 2] == 51 else i
    if byte not in (58, 59, 61):
        return i
    j = i + 1
    if j < hi and data[j] in (45, 39, 94):
        j += 1
    if j >= hi:
        return i
    mouth = data[j]
    if mouth in (40, 41, 47, 92, 124, 91, 93, 123, 125):
        return j + 1
    # Letters as mouths: D O P S o p; a 3 as well.
    if mouth in (68, 79, 80, 83, 111, 112, 51):
        is_last = j + 1 >= hi or not (_KIND[data[j + 1]] == _LETTER or _KIND[data[j + 1]] == _DIGIT)
        return j + 1 if is_last else i
    return i


@_compiled
def _read_punctuation(data, i, hi, tables, s, n, flags):
    """Read an emoticon, or a run of one sign; returns where it ends."""
    end = _emoticon_end(data, i, hi)
    key = _FNV_START
    if end == i:
        sign = data[i]
        while end < hi and data[end] == sign:
            if end - i < 3:
                key = (key ^ np.uint64(sign)) * _FNV_PRIME
            end += 1
        if sign == 33:
            s.counts[C_BANGS] += end - i
        elif sign == 63:
            s.counts[C_QUESTIONS] += end - i
    else:
        for k in range(i, end):
            key = (key ^ np.uint64(data[k])) * _FNV_PRIME
    s.ends[n] = s.starts[n]
    _put(tables, s, n, key, key, flags)
    return end


@_compiled
def _read_picture(point, tables, s, n, flags):
    """Make an emoji token; the third and further of the same kind in a row are left out. Returns tokens made."""
    key = _FNV_START
    for shift in (0, 8, 16):
        key = (key ^ np.uint64((point >> shift) & 0xFF)) * _FNV_PRIME
    if n >= 2 and s.hashes[n - 1] == key and s.hashes[n - 2] == key:
        return 0
    s.ends[n] = s.starts[n]
    _put(tables, s, n, key, key, flags | EMOJI)
    return 1


@_compiled
def _placeholder_end(data, i, hi):
    """End of [NAME] and the like at ``i``, which stand for words that were taken out; ``i`` when there is none."""
    j = i + 1
    while j < hi and j < i + 14 and 65 <= data[j] <= 90:
        j += 1
    return j + 1 if j < hi and data[j] == 93 and j > i + 2 else i


@_compiled
def _code_span_end(data, i, hi):
    """End of `code` on one line at ``i``; one byte on when it is never closed."""
    j = i + 1
    while j < hi and j < i + 200 and data[j] != 10:
        if data[j] == 96:
            return j + 1
        j += 1
    return i + 1


@_compiled
def _plain_token(s, n, key, flags):
    s.hashes[n] = key
    s.valences[n] = 0
    s.flags[n] = flags
    s.ends[n] = s.starts[n]


@_compiled
def _read_token(data, i, hi, tables, s, n, flags):
    """Read what stands at ``i``, no gap and no line's end; returns where it ends and how many tokens it made (0, 1)."""
    byte = data[i]
    kind = _KIND[byte]
    if byte | 32 == 104 or byte | 32 == 119:  # h, w
        end = _url_end(data, i, hi)
        if end > i:
            _plain_token(s, n, _URL_TOKEN, flags | _address_flags(data, i, end))
            return end, 1
    if byte in (47, 64) or (i + 1 < hi and data[i + 1] == 47):
        end = _name_end(data, i, hi)
        if end > i:
            _plain_token(s, n, _PERSON_TOKEN, flags)
            return end, 1
    if kind in (_LETTER, _DIGIT):
        return _read_word(data, i, hi, tables, s, n, flags), 1
    if kind == _HIGH:
        point, length = _decode(data, i, hi)
        what = _class_of(point)
        if what == _PICTURE:
            return i + length, _read_picture(point, tables, s, n, flags)
        if what in (_LATIN, _OTHER):
            return _read_word(data, i, hi, tables, s, n, flags), 1
        return i + length, 0
    if byte == 38:
        stands_for, length = _entity(data, i, hi)
        if stands_for == 60 and i + length < hi and data[i + length] == 51:
            key = ((_FNV_START ^ np.uint64(60)) * _FNV_PRIME ^ np.uint64(51)) * _FNV_PRIME
            s.ends[n] = s.starts[n]
            _put(tables, s, n, key, key, flags)
            return i + length + 1, 1
        return i + max(length, 1), 0
    if byte == 96:
        return _code_span_end(data, i, hi), 0
    if byte == 91:
        end = _placeholder_end(data, i, hi)
        if end > i:
            return end, 0
    if kind == _PUNCTUATION:
        return _read_punctuation(data, i, hi, tables, s, n, flags), 1
    return i + 1, 0


@_compiled
def _without_sarcasm_mark(data, lo, hi, counts):
    """End of the text before a closing "/s" or "/sarcasm"; notes whether there was one."""
    end = hi
    while end > lo and data[end - 1] <= 32:
        end -= 1
    for mark in (b"/s", b"/sarcasm"):
        at = end - len(mark)
        if at > lo and _starts_with(data, at, end, mark):
            before = data[at - 1]
            if _KIND[before] != _LETTER and _KIND[before] != _DIGIT:
                counts[C_SARCASM] = 1
                return at
    return hi


@_compiled
def tokenise(data, lo, hi, tables, s):
    """Turn a text into at most ``MAX_TOKENS`` tokens in ``s``; returns how many. Reads no further than they reach."""
    s.counts[:] = 0
    hi = _without_sarcasm_mark(data, lo, hi, s.counts)
    n, i = 0, lo
    is_line_start, flags = True, AFTER_BREAK | LINE_START
    s.starts[0] = 0
    while i < hi and n < MAX_TOKENS:
        if is_line_start:
            is_line_start = False
            i = _skip_line(data, i, hi)
            if i >= hi:
                break
        byte = data[i]
        kind = _KIND[byte]
        if kind == _LINE:
            is_line_start, flags = True, AFTER_BREAK | LINE_START
            i += 1
            continue
        if byte == 32:
            i += 1
            continue
        i, made = _read_token(data, i, hi, tables, s, n, flags)
        if made:
            s.counts[C_LAST_QUESTION] = byte == 63
            s.starts[n + 1] = s.ends[n]
            n += 1
            flags = 0
        # A clause ends at . , ; : ! ? and at brackets.
        if byte in (33, 40, 41, 44, 46, 58, 59, 63):
            flags = AFTER_BREAK
    return n


# ---- phrases, technical senses, negation -----------------------------------


def edge_key(state: int, key: int) -> int:
    """Key of the step that leads from a state over a word, for whoever builds the tables; see ``_step``."""
    return ((key ^ (state + 1)) * int(_MIX)) % (1 << 64)


@_compiled
def _step(tables, state, key):
    """State after a word, 0 when no phrase goes on so."""
    return _find(tables.edges, (key ^ np.uint64(state + 1)) * _MIX)


@_compiled
def _phrase_at(tables, s, first, n):
    """The longest known phrase that begins at token ``first``: tokens it takes and its class; (0, 0) when none does."""
    best_n, best_class = 0, 0
    s.stack[0], s.stack[1] = 0, first
    top = 2
    while top > 0:
        top -= 2
        state, at = s.stack[top], s.stack[top + 1]
        if at >= n or (at > first and s.flags[at] & AFTER_BREAK):
            continue
        for is_any in range(2):
            if is_any and not (tables.state_takes_any[state] and s.flags[at] & WORD):
                continue
            following = _step(tables, state, np.uint64(WILDCARD) if is_any else s.hashes[at])
            if following == 0:
                continue
            if tables.state_class[following] and at + 1 - first > best_n:
                best_n, best_class = at + 1 - first, np.int64(tables.state_class[following])
            if top + 4 <= s.stack.size:
                s.stack[top], s.stack[top + 1] = following, at + 1
                top += 2
    return best_n, best_class


@_compiled
def _make_pseudo(s, at, valence):
    """Turn a token into one that stands for a phrase: known by its valence alone."""
    s.hashes[at] = (_PHRASE_TOKEN + np.uint64(valence + VALENCE_ZERO)) * _MIX
    s.valences[at] = valence
    kept = s.flags[at] & (AFTER_BREAK | CAPS)
    s.flags[at] = kept | WORD | PSEUDO | (HAS_VALENCE if valence else 0)
    s.ends[at] = s.starts[at]


@_compiled
def _merge_phrases(tables, s, n):
    """Replace each phrase by one pseudo token; returns how many tokens there are then."""
    to, at = 0, 0
    s.flags[n] = 0
    while at < n:
        taken, phrase_class = 0, 0
        flags = s.flags[at]
        # One place behind the last token is kept free of flags.
        if flags & STARTS_PHRASE and (flags & STARTS_WITH_ANY or s.flags[at + 1] & SECOND_IN_PHRASE):
            taken, phrase_class = _phrase_at(tables, s, at, n)
        if to != at:
            s.hashes[to], s.starts[to], s.ends[to] = s.hashes[at], s.starts[at], s.ends[at]
            s.valences[to], s.flags[to] = s.valences[at], flags
        if taken:
            _make_pseudo(s, to, phrase_class - VALENCE_ZERO)
        at += max(taken, 1)
        to += 1
    return to


@_compiled
def _neutralise_technical(s, n):
    """A word such as "kill" with a thing such as "process" within four tokens of the sentence speaks of machines."""
    for at in range(n):
        if not s.flags[at] & TECH_ACT:
            continue
        for other in range(max(0, at - 4), min(n, at + 5)):
            if other != at and s.flags[other] & TECH_THING:
                _make_pseudo(s, at, 0)
                break


@_compiled
def _mark_negated(s, n):
    """Negation reaches over three content words, eight words at most, to the clause's end; a second one ends it."""
    content_left, words_left = 0, 0
    for at in range(n):
        flags = s.flags[at]
        if flags & AFTER_BREAK:
            words_left = 0
        if flags & NEGATOR:
            is_undone = words_left > 0 and flags & TOGGLER
            content_left, words_left = (0, 0) if is_undone else (3, 8)
        elif words_left > 0 and flags & WORD:
            s.flags[at] = flags | NEGATED
            words_left -= 1
            if not flags & FUNCTION_WORD:
                content_left -= 1
                if content_left == 0:
                    words_left = 0


# ---- features --------------------------------------------------------------


@_compiled
def _bucket(key):
    return np.uint32((key * _MIX) >> _SHIFT)


@_compiled
def _word_features(s, first, n):
    """Buckets of words, pairs, negated words, valence classes and their pairs into ``s.word_ids``; returns how many."""
    found = 0
    before, mood_before = _PAIR_SALT, _ZERO64
    for at in range(first, n):
        key = s.hashes[at]
        s.word_ids[found] = _bucket(key)
        s.word_ids[found + 1] = _bucket((before ^ (key >> np.uint64(7))) * _FNV_PRIME + key)
        found += 2
        if mood_before:
            s.word_ids[found] = _bucket((mood_before ^ (key >> np.uint64(7))) * _FNV_PRIME + key)
            found += 1
            mood_before = _ZERO64
        flags = s.flags[at]
        if flags & NEGATED:
            s.word_ids[found] = _bucket(key ^ _NEGATED_SALT)
            found += 1
        if flags & HAS_VALENCE and not flags & NEGATOR:
            step = np.uint64((s.valences[at] + 450) // 100 + (16 if flags & NEGATED else 0))
            mood = (_CLASS_SALT + step) * _FNV_PRIME
            s.word_ids[found] = _bucket(mood)
            s.word_ids[found + 1] = _bucket((before ^ (mood >> np.uint64(7))) * _FNV_PRIME + mood)
            found += 2
            mood_before = mood
        before = key
    return found


@_compiled
def _char_features(s, first, n):
    """Buckets of 3-, 4- and 5-grams of bytes within words, edges included, into ``s.char_ids``; returns how many."""
    found = 0
    for at in range(first, n):
        begin, end = s.starts[at], s.ends[at]
        if end - begin < 3:
            continue
        window = np.uint64(1)  # the word's edge
        for k in range(begin, end + 1):
            byte = np.uint64(s.letters[k]) if k < end else np.uint64(2)
            window = window << np.uint64(8) | byte
            seen = k - begin + 2
            if seen >= 3:
                s.char_ids[found] = _bucket(window & _THREE_BYTES | _THREE)
                found += 1
            if seen >= 4:
                s.char_ids[found] = _bucket(window & _FOUR_BYTES | _FOUR)
                found += 1
            if seen >= 5:
                s.char_ids[found] = _bucket(window & _FIVE_BYTES | _FIVE)
                found += 1
    return found


@_compiled
def _felt(s, at, is_mixed_case):
    """Valence of a token where it stands, hundredths: VADER's boosters, capitals and negation, in integers."""
    valence = np.int64(s.valences[at])
    sign = 1 if valence > 0 else -1
    size = abs(valence)
    if is_mixed_case and s.flags[at] & CAPS:
        size += 73
    for back in range(1, 4):
        if at < back or s.flags[at - back + 1] & AFTER_BREAK:
            break
        flags = s.flags[at - back]
        change = 30 - back
        if flags & BOOSTER:
            size += change
        elif flags & DAMPENER:
            size = max(size - change, 0)
    if s.flags[at] & NEGATED:
        return -sign * (size * 74 // 100)
    return sign * size


@_compiled
def _squashed(hundredths):
    """VADER's squashing of a sum of valences into (-1, 1)."""
    total = hundredths / 100.0
    return total / np.sqrt(total * total + 15.0)


@_compiled
def last_contrast(s, n):
    """Token from which on a text says what it means after all ("but"); -1 without one, or without words beside it."""
    for at in range(n - 2, 0, -1):
        if s.flags[at] & CONTRAST:
            return at
    return -1


@_compiled
def _dense_features(s, first, n):
    """The dense numbers of one text into ``s.dense``."""
    positive, negative, before_contrast, after_contrast, pictures, phrases = 0, 0, 0, 0, 0, 0
    last, highest, lowest, hits = 0, 0, 0, 0
    is_mixed_case = s.counts[C_CASED] > 0
    turn = last_contrast(s, n)
    has_contrast = turn > first
    for at in range(first, n):
        flags = s.flags[at]
        if at == turn:
            before_contrast, after_contrast = after_contrast, 0
        if not flags & HAS_VALENCE or flags & NEGATOR:
            continue
        felt = _felt(s, at, is_mixed_case)
        hits += 1
        last = felt
        highest, lowest = max(highest, felt), min(lowest, felt)
        after_contrast += felt
        positive += max(felt, 0)
        negative += max(-felt, 0)
        if flags & EMOJI:
            pictures += felt
        if flags & PSEUDO:
            phrases += felt
    net = positive - negative
    tokens = max(n - first, 1)
    d = s.dense
    d[0], d[1], d[2] = _squashed(net), _squashed(positive), _squashed(negative)
    d[3], d[4] = positive / (100.0 * tokens), negative / (100.0 * tokens)
    d[5], d[6], d[7], d[8] = hits == 0, positive > 0 and negative > 0, net > 0, net < 0
    d[9] = min(s.counts[C_BANGS], 3) / 3.0
    d[10] = min(s.counts[C_QUESTIONS], 3) / 3.0
    d[11] = min(s.counts[C_CAPS], 3) / 3.0 if is_mixed_case else 0.0
    d[12] = min(n - first, 60) / 60.0
    d[13] = _squashed(before_contrast) if has_contrast else 0.0
    d[14] = _squashed(after_contrast) if has_contrast else 0.0
    d[15], d[16], d[17] = _squashed(last), _squashed(pictures), _squashed(phrases)
    d[18], d[19] = _squashed(highest), _squashed(lowest)
    d[20] = s.counts[C_LAST_QUESTION]
    d[21] = net / (100.0 * max(hits, 1)) / 4.0
    d[22] = d[0] * d[9]
    d[23] = d[0] * d[20]


# An entry, for training: without this on disk, it would compile all of it for itself.
@_entry
def featurise(data, lo, hi, tables, s):
    """Tokens of the text at ``data[lo:hi]`` and their features into ``s``; returns how many tokens."""
    return featurise_tokens(tables, s, tokenise(data, lo, hi, tables, s))


@_compiled
def featurise_tokens(tables, s, n):
    """The same of ``n`` tokens that are in ``s`` already."""
    n = _merge_phrases(tables, s, n)
    _neutralise_technical(s, n)
    _mark_negated(s, n)
    describe(s, 0, n)
    return n


@_compiled
def describe(s, first, n):
    """Features of the tokens from ``first`` to ``n`` into ``s``: counts of ids in ``s.counts``, ids, dense numbers."""
    s.counts[C_WORD_IDS] = _word_features(s, first, n)
    s.counts[C_CHAR_IDS] = _char_features(s, first, n)
    _dense_features(s, first, n)


# ---- judging ---------------------------------------------------------------


@_compiled
def exponential(x):
    """e^x for |x| <= 40 by multiplications and additions alone: the same bits on each machine that has IEEE doubles."""
    r = min(max(x, -40.0), 40.0) / 1024.0
    y = 1.0 + r * (1.0 + r / 2.0 * (1.0 + r / 3.0 * (1.0 + r / 4.0 * (1.0 + r / 5.0))))
    for _ in range(10):
        y *= y
    return y


@_compiled
def _state_of(data, lo, hi, s, n):
    """Whether a tokenised text can be judged, and why not."""
    first, last = lo, hi
    while first < last and data[first] <= 32:
        first += 1
    while last > first and data[last - 1] <= 32:
        last -= 1
    if first == last:
        return EMPTY
    if last - first == 9 and (
        _starts_with(data, first, last, b"[deleted]") or _starts_with(data, first, last, b"[removed]")
    ):
        return GONE
    has_mood = False
    for at in range(n):
        has_mood = has_mood or s.flags[at] & (HAS_VALENCE | EMOJI) != 0
    if s.counts[C_LONG_WORDS] == 0 and not has_mood:
        return NO_WORDS
    if s.counts[C_OTHER] > s.counts[C_LATIN]:
        return LANGUAGE
    words = s.counts[C_WORDS]
    is_plainly_english = s.counts[C_ENGLISH] * 8 >= words or s.counts[C_KNOWN] * 5 > words * 2
    return SCORED if is_plainly_english or words < 4 else UNDECIDED


@_compiled
def _logits(tables, s):
    """Of negative and positive, against neutral, from the features in ``s``."""
    word_n, char_n = s.counts[C_WORD_IDS], s.counts[C_CHAR_IDS]
    negative_words, positive_words, negative_chars, positive_chars = 0, 0, 0, 0
    for k in range(word_n):
        negative_words += tables.weights[s.word_ids[k], 0]
        positive_words += tables.weights[s.word_ids[k], 1]
    for k in range(char_n):
        negative_chars += tables.weights[s.char_ids[k], 0]
        positive_chars += tables.weights[s.char_ids[k], 1]
    word_part = 1.0 / np.sqrt(np.float64(max(word_n, 1)))
    char_part = CHARS_WEIGHT / np.sqrt(np.float64(max(char_n, 1)))
    negative = tables.bias[0] + tables.scales[0] * (negative_words * word_part + negative_chars * char_part)
    positive = tables.bias[1] + tables.scales[1] * (positive_words * word_part + positive_chars * char_part)
    for k in range(DENSE_N):
        negative += DENSE_WEIGHT * s.dense[k] * tables.dense[k, 0]
        positive += DENSE_WEIGHT * s.dense[k] * tables.dense[k, 1]
    return negative, positive


@_compiled
def _judge(tables, s, n, out):
    """Probabilities of negative, neutral, positive of a tokenised text whose features are in ``s``.

    What follows the last "but" is judged once more by itself if it holds a word of mood, and the logits are averaged. A
    closing "/s" turns praise into blame.
    """
    negative, positive = _logits(tables, s)
    turn = last_contrast(s, n)
    if turn > 0:
        describe(s, turn + 1, n)
        if s.dense[NO_MOOD_WORD] == 0.0:
            negative_after, positive_after = _logits(tables, s)
            negative = (negative + negative_after) / 2.0
            positive = (positive + positive_after) / 2.0
    if s.counts[C_SARCASM] and positive > negative:
        negative, positive = positive, negative
    e_negative, e_positive = exponential(negative), exponential(positive)
    total = e_negative + 1.0 + e_positive
    out[0], out[1], out[2] = e_negative / total, 1.0 / total, e_positive / total


@_entry
def judge_batch(data, offsets, is_there, models, scratches, probabilities, states):
    """Judge each text ``data[offsets[k]:offsets[k + 1]]`` into row ``k`` of ``probabilities`` and ``states``.

    ``models`` and ``scratches`` hold one record each.
    """
    tables, s = models[0], scratches[0]
    for row in range(states.size):
        if not is_there[row]:
            states[row] = GONE
            continue
        lo, hi = offsets[row], offsets[row + 1]
        n = featurise(data, lo, hi, tables, s)
        states[row] = _state_of(data, lo, hi, s, n)
        if states[row] in (SCORED, UNDECIDED):
            _judge(tables, s, n, probabilities[row])


@_entry
def word_hashes(data, models, scratches):
    """Hashes of the tokens of one text, before phrases are looked for."""
    n = tokenise(data, 0, data.size, models[0], scratches[0])
    return scratches[0].hashes[:n].copy()


# ---- kinds of need ---------------------------------------------------------
#
# Rules are patterns over the words of a sentence, all matched at once by one automaton whose states are bits: each step
# is a shift, a mask and one subtraction a machine word, whatever the text, so time is linear and nothing is tried twice
# (Shift-And with optional places: Navarro and Raffinot, "Flexible Pattern Matching in Strings", 2002, chapter 4). A
# sentence's logit of a kind is a bias, the weights of the rules that fired in it, and a small linear model over its
# hashed words and pairs, and the rules that fired; the text takes the strongest sentence, less what speaks for another
# kind: whoever asks for a recommendation names prices and shops, and advertises nothing. Its feeling and its length
# count as well: a complaint is rarely glad, and a long post that names a shop rarely advertises.

NEEDS_VERSION = 2
NEEDS_N = 8
RULES_MAX = 1024
RULE_WORDS = 96  # machine words of the automaton: no pattern crosses from one into the next
VOCABULARY_ROWS, VOCABULARY_SLOTS = 4096, 1 << 13
NEED_BUCKET_BITS = 16
_NEED_SHIFT = np.uint64(64 - NEED_BUCKET_BITS)
FIRED_WORDS = RULES_MAX // 64

# Classes of tokens that patterns name besides words.
T_URL, T_REFERRAL, T_OUTLET, T_NAME, T_NUMBER, T_CODE, T_ED, T_ING, T_MONEY, T_PERCENT, T_SITE, T_CAPS = range(12)
TOKEN_CLASSES = 12
ROW_IS_TLD = 1

# What the rules and the linear models know, as one record.
#   vocabulary          row by hash of a word
#   reads               by row: places of the automaton at which the word may stand; row 0 is any other word
#   of_class            the same by class of token
#   row_flags           what else is known of a word
#   starts              places where a pattern may begin: within a clause, at the start of one, at that of a sentence
#   optional, before_optional, last_optional
#                       places that may be left out; the place before each run of them; the last of each run
#   accepts, accepts_at_end
#                       places where a pattern is complete; the same if the sentence ends there
#   needs_question, forbids_question
#                       such places that count only in a question, or only outside one
#   rule_of, kind_of, rule_weights
#                       rule by place; kind and weight by rule
#   beginning, beginning_class
#                       by row, or class, and place as in starts: machine words in which a pattern may begin, a bit each
#   weights, scales, bias
#                       the linear models, by bucket and kind; the unit of a weight; added to each sentence's logit
#   crossing            by kind and other kind: what each point of the other's strongest sentence takes from this one's
#   by_feeling          by kind: added to the text's logit for each point of P(negative), and of P(positive)
#   by_length           by kind: taken from a text of LONG_WORDS or more; of a shorter one a part of it
#   slopes, offsets     from what is left then to the logit of the probability
NEEDS = np.dtype(
    [
        ("vocabulary", np.uint64, VOCABULARY_SLOTS), ("reads", np.uint64, (VOCABULARY_ROWS, RULE_WORDS)),
        ("of_class", np.uint64, (TOKEN_CLASSES, RULE_WORDS)), ("row_flags", np.uint8, VOCABULARY_ROWS),
        ("starts", np.uint64, (3, RULE_WORDS)), ("optional", np.uint64, RULE_WORDS),
        ("before_optional", np.uint64, RULE_WORDS), ("last_optional", np.uint64, RULE_WORDS),
        ("accepts", np.uint64, RULE_WORDS), ("accepts_at_end", np.uint64, RULE_WORDS),
        ("needs_question", np.uint64, RULE_WORDS), ("forbids_question", np.uint64, RULE_WORDS),
        ("rule_of", np.int16, RULE_WORDS * 64), ("kind_of", np.int8, RULES_MAX),
        ("rule_weights", np.float64, RULES_MAX),
        ("beginning", np.uint64, (VOCABULARY_ROWS, 3, 2)), ("beginning_class", np.uint64, (TOKEN_CLASSES, 3, 2)),
        ("weights", np.int8, (1 << NEED_BUCKET_BITS, NEEDS_N)),
        ("scales", np.float64, NEEDS_N), ("bias", np.float64, NEEDS_N), ("slopes", np.float64, NEEDS_N),
        ("crossing", np.float64, (NEEDS_N, NEEDS_N)),
        ("by_feeling", np.float64, (NEEDS_N, 2)), ("by_length", np.float64, NEEDS_N),
        ("offsets", np.float64, NEEDS_N),
    ]
)  # fmt: skip

# Working memory for one text: the automaton, what fired in the sentence and the text, the sentence's features, logits.
#   active_words, touched_words
#                       machine words in which a pattern goes on; in which one did in this sentence; a bit each. Between
#                       texts all of them are empty
#   seen_in, sentence_number
#                       the sentence in which a rule last fired; how many there were so far, in all texts
#   ids                 buckets of all sentences, one after another; those of sentence k end at id_ends[k]
#   from_rules          by sentence and kind: weights of the rules that fired
#   words_n             words of the whole text
NEEDS_SCRATCH = np.dtype(
    [
        ("active", np.uint64, RULE_WORDS), ("hits", np.uint64, RULE_WORDS), ("active_words", np.uint64, 2),
        ("touched_words", np.uint64, 2),
        ("fired", np.uint64, FIRED_WORDS), ("seen_in", np.int64, RULES_MAX), ("sentence_number", np.int64),
        ("ids", np.uint32, _TOKEN_SLOTS * 4),
        ("id_ends", np.int32, _TOKEN_SLOTS), ("from_rules", np.float64, (_TOKEN_SLOTS, NEEDS_N)),
        ("logits", np.float64, NEEDS_N), ("sentences_n", np.int64),
        ("is_question", np.bool_), ("ids_n", np.int64), ("words_n", np.int64),
    ]
)  # fmt: skip


def _sign_keys(sign: str) -> tuple[np.uint64, ...]:
    """Hashes of one, two and three or more of a sign in a row, as ``_read_punctuation`` makes them."""
    keys = []
    for length in (1, 2, 3):
        key = int(_FNV_START)
        for _ in range(length):
            key = (key ^ ord(sign)) * int(_FNV_PRIME) % (1 << 64)
        keys.append(np.uint64(key))
    return tuple(keys)


_STOPS, _BANGS, _QUESTIONS = _sign_keys("."), _sign_keys("!"), _sign_keys("?")
_DOLLARS, _PERCENTS = _sign_keys("$"), _sign_keys("%")
_NUMBER_KEY, _QUESTION_KEY = np.uint64(0x6A09E667F3BCC909), np.uint64(0xBB67AE8584CAA73B)
_RULE_SALT = np.uint64(0x3C6EF372FE94F82B)
_LETTER_I = 105

_REFERRAL_MARKS = (
    b"ref=", b"?ref", b"/ref/", b"/r/ref", b"referral", b"referrer", b"refer-a", b"invite", b"aff=", b"affiliate",
    b"affid", b"tag=", b"utm_", b"promo", b"coupon", b"bit.ly/", b"goo.gl/", b"tinyurl.", b"ow.ly/", b"amzn.to/",
    b"adf.ly/", b"linktr.ee/", b"db.tt/",
)  # fmt: skip
_OUTLET_MARKS = (
    b"youtube.com/", b"youtu.be/", b"twitch.tv/", b"soundcloud.", b"bandcamp.", b"spotify.com/", b"etsy.com/",
    b"ebay.", b"kickstarter.", b"indiegogo.", b"gofundme.", b"patreon.", b"ko-fi.", b"itunes.", b"apps.apple.",
    b"play.google.", b"steampowered.", b"amazon.", b"instagram.", b"facebook.com/", b"blogspot.", b"wordpress.",
    b"tumblr.", b"gumroad.", b"itch.io", b"teespring.", b"redbubble.", b"discord.gg/", b"discord.com/invite", b"t.me/",
)  # fmt: skip
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_DE_BRUIJN_PLACES = np.zeros(64, np.uint64)
for _place in range(64):
    _DE_BRUIJN_PLACES[((1 << _place) * int(_DE_BRUIJN)) % (1 << 64) >> 58] = _place
_MOST_CROSSING = 6.0
SHORT_WORDS, LONG_WORDS = 15, 75
_ADDRESS_BYTES = 200  # of an address are looked at


@_compiled
def _holds_any(data, i, hi, marks):
    for at in range(i, hi):
        for mark in marks:
            if data[at] | 32 == mark[0] | 32 and _starts_with(data, at, hi, mark):
                return True
    return False


@_compiled
def _address_flags(data, i, end):
    """What an address tells of its purpose: that whoever follows it is counted, or that it is a shop or a channel."""
    hi = min(end, i + _ADDRESS_BYTES)
    flags = REFERRAL if _holds_any(data, i, hi, _REFERRAL_MARKS) else 0
    return flags | (OUTLET if _holds_any(data, i, hi, _OUTLET_MARKS) else 0)


@_compiled
def _need_word(needs, s, at):
    """Hash of a word by its letters, and its row; a stretched one is its plain spelling if only that is known."""
    key, last, doubled_n = _FNV_START, np.uint8(0), 0
    for k in range(s.starts[at], s.ends[at]):
        byte = s.letters[k]
        key = (key ^ np.uint64(byte)) * _FNV_PRIME
        doubled_n += byte == last
        last = byte
    row = _find(needs.vocabulary, key)
    if row == 0 and doubled_n:
        plain, last = _FNV_START, np.uint8(0)
        for k in range(s.starts[at], s.ends[at]):
            byte = s.letters[k]
            if byte != last:
                plain = (plain ^ np.uint64(byte)) * _FNV_PRIME
            last = byte
        row = _find(needs.vocabulary, plain)
        if row != 0:
            key = plain
    return key, row


@_compiled
def _word_classes(s, at, row):
    """Bits of the classes of a word: number, code, capitals; for words without a row their ending."""
    begin, end = s.starts[at], s.ends[at]
    classes = 0
    first = s.letters[begin]
    if 48 <= first <= 57:
        classes |= 1 << T_NUMBER
    if s.flags[at] & CAPS:
        classes |= 1 << T_CAPS
        if 4 <= end - begin <= 14:
            for k in range(begin, end):
                if 48 <= s.letters[k] <= 57:
                    classes |= 1 << T_CODE
    if row == 0 and end - begin >= 5:
        if s.letters[end - 2] == 101 and s.letters[end - 1] == 100:  # ed
            classes |= 1 << T_ED
        elif s.letters[end - 3] == 105 and s.letters[end - 2] == 110 and s.letters[end - 1] == 103:  # ing
            classes |= 1 << T_ING
    return classes


@_compiled
def _lowest(bits):
    """Number of the lowest bit that is set, of at least one (Leiserson, Prokop and Randall 1998)."""
    return _DE_BRUIJN_PLACES[((bits & (~bits + _ONE64)) * _DE_BRUIJN) >> np.uint64(58)]


@_compiled
def _advance(needs, t, row, classes, place):
    """Read one token; ``place``: 0 within a clause, 1 at the start of one, 2 at the start of a sentence.

    Only the machine words in which a pattern goes on, or may begin with this token, are looked at.
    """
    for half in range(2):
        words = t.active_words[half] | needs.beginning[row, place, half]
        if classes:
            for c in range(TOKEN_CLASSES):
                if classes >> c & 1:
                    words |= needs.beginning_class[c, place, half]
        going_on = _ZERO64
        while words:
            low = _lowest(words)
            words &= words - _ONE64
            w = np.uint64(half * 64) + low
            reading = needs.reads[np.uint64(row), w]
            if classes:
                for c in range(TOKEN_CLASSES):
                    if classes >> c & 1:
                        reading |= needs.of_class[c, w]
            reached = ((t.active[w] << _ONE64) | needs.starts[place, w]) & reading
            t.active[w] = reached
            if reached:
                filled = reached | needs.last_optional[w]
                reached |= needs.optional[w] & (~(filled - needs.before_optional[w]) ^ filled)
                t.active[w] = reached
                t.hits[w] |= reached & needs.accepts[w]
                going_on |= _ONE64 << low
        t.active_words[half] = going_on
        t.touched_words[half] |= going_on


@_compiled
def _add_id(t, key):
    t.ids[t.ids_n] = np.uint32((key * _MIX) >> _NEED_SHIFT)
    t.ids_n += 1


@_compiled
def _fire(needs, t, rule, sentence, most_ids):
    if t.seen_in[rule] != t.sentence_number:
        t.seen_in[rule] = t.sentence_number
        t.fired[rule >> 6] |= _ONE64 << np.uint64(rule & 63)
        t.from_rules[sentence, needs.kind_of[rule]] += needs.rule_weights[rule]
        if t.ids_n < most_ids:
            _add_id(t, _RULE_SALT + np.uint64(rule) * _FNV_PRIME)


@_compiled
def _close_sentence(needs, t, symbols_n):
    """Sum up what fired in a sentence, and make ready for the next; no more rules than words become features."""
    sentence = t.sentences_n
    most_ids = t.ids_n + symbols_n
    t.sentence_number += 1
    for kind in range(NEEDS_N):
        t.from_rules[sentence, kind] = 0.0
    for half in range(2):
        words = t.touched_words[half]
        t.touched_words[half] = _ZERO64
        t.active_words[half] = _ZERO64
        while words:
            w = np.uint64(half * 64) + _lowest(words)
            words &= words - _ONE64
            hits = t.hits[w] | (t.active[w] & needs.accepts_at_end[w])
            hits &= ~(needs.forbids_question[w] if t.is_question else needs.needs_question[w])
            while hits:
                _fire(needs, t, needs.rule_of[w * np.uint64(64) + _lowest(hits)], sentence, most_ids)
                hits &= hits - _ONE64
            t.hits[w] = _ZERO64
            t.active[w] = _ZERO64
    if t.is_question:
        _add_id(t, _QUESTION_KEY)
    t.is_question = False
    t.id_ends[sentence] = t.ids_n
    t.sentences_n += 1


@_compiled
def _is_one_of(key, keys):
    return key == keys[0] or key == keys[1] or key == keys[2]


@_compiled
def _ends_sentence(needs, s, at, n):
    """Whether the full stop at ``at`` ends a sentence: none within a number, an address or an abbreviation does."""
    if at + 1 < n and s.ends[at + 1] > s.starts[at + 1] and not s.flags[at + 1] & LINE_START:
        if 48 <= s.letters[s.starts[at + 1]] <= 57:
            return False
        _, row = _need_word(needs, s, at + 1)
        if needs.row_flags[row] & ROW_IS_TLD:
            return False
    is_initial = at > 0 and s.ends[at - 1] - s.starts[at - 1] == 1
    return not (is_initial and s.letters[s.starts[at - 1]] != _LETTER_I and s.letters[s.starts[at - 1]] > 57)


@_compiled
def read_needs(needs, s, t, n):
    """What the ``n`` tokens in ``s``, fresh from the tokeniser, say of needs, into ``t``: rules, features by sentence.

    Returns how many sentences there are.
    """
    t.fired[:] = _ZERO64
    t.ids_n, t.sentences_n, t.is_question, t.words_n = 0, 0, False, 0
    symbols_n, is_over, is_new_line, before = 0, False, False, _PAIR_SALT
    for at in range(n):
        flags, key = s.flags[at], s.hashes[at]
        is_new_line = is_new_line or flags & LINE_START != 0
        row, classes = np.int64(0), 0
        if s.ends[at] > s.starts[at]:
            key, row = _need_word(needs, s, at)
            classes = _word_classes(s, at, row)
            if needs.row_flags[row] & ROW_IS_TLD and at > 0 and s.hashes[at - 1] == _STOPS[0]:
                classes |= 1 << T_SITE
            if classes & (1 << T_NUMBER):
                key = _NUMBER_KEY
        elif key == _URL_TOKEN:
            classes = 1 << T_URL
            classes |= (1 << T_REFERRAL) if flags & REFERRAL else 0
            classes |= (1 << T_OUTLET) if flags & OUTLET else 0
        elif key == _PERSON_TOKEN:
            classes = 1 << T_NAME
        elif _is_one_of(key, _DOLLARS):
            classes = 1 << T_MONEY
        elif _is_one_of(key, _PERCENTS):
            classes = 1 << T_PERCENT
        else:
            is_question = _is_one_of(key, _QUESTIONS)
            if symbols_n and not is_new_line:
                if is_question:
                    t.is_question = True
                    is_over = True
                elif _is_one_of(key, _BANGS) or (_is_one_of(key, _STOPS) and _ends_sentence(needs, s, at, n)):
                    is_over = True
            continue
        if symbols_n and (is_over or is_new_line):
            _close_sentence(needs, t, symbols_n)
            symbols_n, before = 0, _PAIR_SALT
        is_over, is_new_line = False, False
        _advance(needs, t, row, classes, 2 if symbols_n == 0 else 1 if flags & AFTER_BREAK else 0)
        _add_id(t, key)
        _add_id(t, (before ^ (key >> np.uint64(7))) * _FNV_PRIME + key)
        before = key
        symbols_n += 1
        t.words_n += 1
    if symbols_n:
        _close_sentence(needs, t, symbols_n)
    return t.sentences_n


@_compiled
def length_of(words_n):
    """How long a text is, from 0 for one of a sentence to 1."""
    return min(max((words_n - SHORT_WORDS) / (LONG_WORDS - SHORT_WORDS), 0.0), 1.0)


@_compiled
def _judge_needs(needs, t, feeling, out):
    """Probability of each kind, of what ``read_needs`` has read: that of the strongest sentence.

    ``feeling`` holds the text's probabilities of negative, neutral and positive.
    """
    t.logits[:] = -1e9
    begin = 0
    for sentence in range(t.sentences_n):
        end = t.id_ends[sentence]
        a, b, c, d, e, f, g, h = 0, 0, 0, 0, 0, 0, 0, 0
        for k in range(begin, end):  # written out: a sum for each kind, all in registers
            weights = needs.weights[t.ids[k]]
            a += weights[0]
            b += weights[1]
            c += weights[2]
            d += weights[3]
            e += weights[4]
            f += weights[5]
            g += weights[6]
            h += weights[7]
        sums = (a, b, c, d, e, f, g, h)
        part = 1.0 / np.sqrt(np.float64(max(end - begin, 1)))
        for kind in range(NEEDS_N):
            logit = needs.bias[kind] + needs.scales[kind] * (sums[kind] * part) + t.from_rules[sentence, kind]
            t.logits[kind] = max(t.logits[kind], logit)
        begin = end
    length = length_of(t.words_n)
    for kind in range(NEEDS_N):
        out[kind] = t.logits[kind] + needs.by_feeling[kind, 0] * feeling[0] + needs.by_feeling[kind, 1] * feeling[2]
        out[kind] -= needs.by_length[kind] * length
    for other in range(NEEDS_N):
        if t.logits[other] > 0.0:
            for kind in range(NEEDS_N):
                out[kind] -= needs.crossing[kind, other] * min(t.logits[other], _MOST_CROSSING)
    for kind in range(NEEDS_N):
        out[kind] = 1.0 / (1.0 + exponential(-(needs.offsets[kind] + needs.slopes[kind] * out[kind])))


@_entry
def judge_all_batch(
    data, offsets, is_there, models, needs_models, scratches, needs_scratches, probabilities, states, kinds, fired
):
    """``judge_batch``, and of the same tokens the kinds of need.

    ``kinds`` takes the probabilities by row and kind, ``fired`` the rules that fired, a bit each.
    """
    tables, needs, s, t = models[0], needs_models[0], scratches[0], needs_scratches[0]
    for row in range(states.size):
        if not is_there[row]:
            states[row] = GONE
            continue
        lo, hi = offsets[row], offsets[row + 1]
        n = tokenise(data, lo, hi, tables, s)
        read_needs(needs, s, t, n)
        n = featurise_tokens(tables, s, n)
        states[row] = _state_of(data, lo, hi, s, n)
        if states[row] in (SCORED, UNDECIDED):
            _judge(tables, s, n, probabilities[row])
            _judge_needs(needs, t, probabilities[row], kinds[row])
            fired[row, :] = t.fired[:]


@_entry
def rules_of(fired, counts, numbers):
    """Numbers of the rules by row, in order, one row after another; ``counts`` takes how many each row has.

    With no room in ``numbers`` it only counts.
    """
    total = 0
    for row in range(fired.shape[0]):
        first = total
        for w in range(fired.shape[1]):
            bits, rule = fired[row, w], w * 64
            while bits:
                if bits & _ONE64:
                    if total < numbers.size:
                        numbers[total] = rule
                    total += 1
                bits >>= _ONE64
                rule += 1
        counts[row] = total - first
    return total


@_entry
def spelling_hash(data, models, scratches, needs_models):
    """Hash of the one word that a text is, as patterns know it; 0 where it is none, or several."""
    n = tokenise(data, 0, data.size, models[0], scratches[0])
    if n != 1 or scratches[0].ends[0] == scratches[0].starts[0]:
        return _ZERO64
    key, _ = _need_word(needs_models[0], scratches[0], 0)
    return key
