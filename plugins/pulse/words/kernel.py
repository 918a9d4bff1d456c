"""The compiled loops of the words: bytes of texts in; normalised tokens, distinct words and signatures out.

They run over Arrow's buffers; no Python object is made for a text and the GIL is free meanwhile. Each text is worked by
itself and all arithmetic is of integers, so neither batch, nor order, nor machine can change a result.

A text is normalised to its tokens, lower case, one blank between two. A token is a run of letters and digits; an
apostrophe inside a word is dropped, and so is a possessive "'s". Web addresses, e-mail addresses, names of accounts
(@name, u/name, r/name), quoted lines, fenced code and HTML entities leave no token.

All functions are in this one file on purpose: Numba's cache on disk notices a change of the file of the function that
is called, not of the files of functions that it calls.
"""

import hashlib

import numpy as np
from numba import njit

# Raise this by one whenever the same text may give other words or another signature: what is stored is made again then.
VERSION = 1

MIN_WORD_CHARS, MAX_WORD_BYTES = 3, 40
# Shingles are three tokens in a row, in texts of fewer than 32 tokens two, of fewer than eight five bytes: one word
# that is another takes all shingles with it that it stands in, and of a short text that is most of them.
MIN_TRIPLED_TOKENS, MIN_PAIRED_TOKENS, SHINGLE_BYTES = 32, 8, 5
# Of 64 hashes one is left over.
BANDS_N, ROWS_N, HASHES_N = 21, 3, 64

_compiled = njit(nogil=True)
_entry = njit(cache=True, nogil=True)

_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_33, _ZERO, _LAST = np.uint64(33), np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


def _constants(letter: str) -> np.ndarray:
    """64 numbers that anyone can make again: the first 8 bytes of the MD5 of a name and a number."""
    digests = [hashlib.md5(f"{letter}{n}".encode(), usedforsecurity=False).digest()[:8] for n in range(HASHES_N)]
    return np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)


# The re-mixes: h -> a * h + b modulo 2**64, each a odd.
_A, _B = _constants("a") | np.uint64(1), _constants("b")


@_compiled
def _mixed(key):
    """The finalizer of MurmurHash3: each bit of the key moves half of the result's."""
    key ^= key >> _33
    key *= _MIX_1
    key ^= key >> _33
    key *= _MIX_2
    key ^= key >> _33
    return key


# ---- bytes to tokens -------------------------------------------------------


@_compiled
def _is_alnum(byte):
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@_compiled
def _letter_bytes(data, i, hi):
    """Length of the letter at ``i`` that is not ASCII, 0 where something else stands there."""
    lead = np.int64(data[i])
    length = 2 if 0xC3 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if 0xF0 <= lead < 0xF5 else 0
    if length == 0 or i + length > hi:
        return 0
    point = lead & (0x7F >> length)
    for k in range(1, length):
        byte = np.int64(data[i + k])
        if byte & 0xC0 != 0x80:
            return 0
        point = point << 6 | byte & 0x3F
    if point == 0xD7 or point == 0xF7 or 0x2000 <= point < 0x2C00 or 0x2E00 <= point < 0x3040:
        return 0
    if 0xD800 <= point < 0xF900 or 0xFE00 <= point < 0xFE70 or 0xFF00 <= point < 0xFF10 or point >= 0x1F000:
        return 0
    return length


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
def _apostrophe_bytes(data, i, hi):
    if data[i] == 39:
        return 1
    if i + 2 < hi and data[i] == 0xE2 and data[i + 1] == 0x80 and (data[i + 2] == 0x99 or data[i + 2] == 0x98):
        return 3
    return 0


@_compiled
def _is_letter_at(data, i, hi):
    return i < hi and (
        65 <= data[i] <= 90 or 97 <= data[i] <= 122 or data[i] >= 0x80 and _letter_bytes(data, i, hi) > 0
    )


@_compiled
def _line_end(data, i, hi):
    while i < hi and data[i] != 10:
        i += 1
    return i


@_compiled
def _blank_at(data, i, hi):
    while i < hi and data[i] > 32:
        i += 1
    return i


@_compiled
def _skipped(data, i, hi, is_line_start):
    """Where reading goes on when what begins at ``i`` leaves no token; ``i`` where a token may begin."""
    byte = data[i]
    if is_line_start:
        if byte == 62 or _starts_with(data, i, hi, b"&gt;"):
            return _line_end(data, i, hi)
        if _starts_with(data, i, hi, b"```"):
            i = _line_end(data, i, hi)
            while i < hi:
                i += 1
                if _starts_with(data, i, hi, b"```"):
                    return _line_end(data, i, hi)
                i = _line_end(data, i, hi)
            return i
    if (
        _starts_with(data, i, hi, b"http://")
        or _starts_with(data, i, hi, b"https://")
        or _starts_with(data, i, hi, b"www.")
    ):
        while i < hi and data[i] > 32 and data[i] != 41 and data[i] != 93 and data[i] != 62:
            i += 1
        return i
    first = i
    if byte == 64:
        i += 1
    elif byte == 47 and (_starts_with(data, i, hi, b"/u/") or _starts_with(data, i, hi, b"/r/")):
        i += 3
    elif _starts_with(data, i, hi, b"u/") or _starts_with(data, i, hi, b"r/"):
        i += 2
    if i > first:
        end = i
        while end < hi and (_is_alnum(data[end]) or data[end] == 95 or data[end] == 45 or data[end] == 46):
            end += 1
        return end if end > i else first
    if byte == 38:
        end = i + 1
        while end < hi and end < i + 10 and (_is_alnum(data[end]) or data[end] == 35):
            end += 1
        if end < hi and end > i + 1 and data[end] == 59:
            return end + 1
    return first


@_compiled
def _read_token(data, i, hi, out, o):
    """Write the token at ``i`` to ``out`` from ``o``; returns where it ends in both, and how many characters it has.

    No characters where it was the beginning of an e-mail address, which is skipped whole.
    """
    chars = 0
    while i < hi:
        byte = data[i]
        if _is_alnum(byte):
            out[o] = byte + 32 if 65 <= byte <= 90 else byte
            i += 1
            o += 1
            chars += 1
            continue
        if byte >= 0x80:
            length = _letter_bytes(data, i, hi)
            if length > 0:
                for k in range(length):
                    out[o + k] = data[i + k]
                if byte == 0xC3 and 0x80 <= data[i + 1] < 0x9F:
                    out[o + 1] += 0x20
                i += length
                o += length
                chars += 1
                continue
        length = _apostrophe_bytes(data, i, hi)
        if length > 0 and chars > 0 and _is_letter_at(data, i + length, hi):
            is_s = data[i + length] == 115 or data[i + length] == 83
            i += length
            if is_s and not _is_letter_at(data, i + 1, hi):
                return i + 1, o, chars
            continue
        if byte == 64 and i + 1 < hi and _is_alnum(data[i + 1]):
            return _blank_at(data, i, hi), o, 0
        break
    return i, o, chars


@_compiled
def _is_stop(stops, key):
    place = np.searchsorted(stops, key)
    return place < stops.size and stops[place] == key


@_entry
def tokenise(data, offsets, stops, out, text_ends, starts, ends, keys, is_word, token_ends):
    """Normalise texts one after another into ``out``, and note where each token lies there.

    Args:
        data, offsets: bytes of all texts, and where each begins; one more offset than texts.
        stops: sorted keys of words that say nothing.
        out: at least as many bytes as ``data`` plus one for each text.
        text_ends, token_ends: by text, where it ends in ``out`` and among the tokens.
        starts, ends, keys, is_word: by token, half as many as ``out``: where it lies, its hash, whether it is a word
            that may say something: a letter first, three characters or more, no stop word.

    Returns:
        How many tokens there are.
    """
    n, o = 0, 0
    for text in range(offsets.size - 1):
        i, hi = offsets[text], offsets[text + 1]
        first = n
        is_line_start = True
        while i < hi:
            after = _skipped(data, i, hi, is_line_start)
            if after > i:
                i = after
                is_line_start = False
                continue
            byte = data[i]
            if not (_is_alnum(byte) or byte >= 0x80 and _letter_bytes(data, i, hi) > 0):
                is_line_start = byte == 10 or is_line_start and byte <= 32
                i += 1
                continue
            is_line_start = False
            start = o + (1 if n > first else 0)
            i, end, chars = _read_token(data, i, hi, out, start)
            if chars == 0:
                continue
            if n > first:
                out[o] = 32
            key = _FNV_START
            for k in range(start, end):
                key = (key ^ np.uint64(out[k])) * _FNV_PRIME
            key = _mixed(key)
            starts[n], ends[n], keys[n] = start, end, key
            is_word[n] = (
                chars >= MIN_WORD_CHARS
                and end - start <= MAX_WORD_BYTES
                and not 48 <= out[start] <= 57
                and not _is_stop(stops, key)
            )
            n += 1
            o = end
        text_ends[text] = o
        token_ends[text] = n
    return n


@_entry
def distinct_words(keys, is_word, token_ends, words, word_ends):
    """The distinct words of each text, sorted, into ``words``; ``word_ends`` says where each text's end.

    Returns how many there are.
    """
    n, first = 0, 0
    for text in range(token_ends.size):
        begin = n
        for token in range(first, token_ends[text]):
            if is_word[token]:
                words[n] = keys[token]
                n += 1
        first = token_ends[text]
        of_text = np.sort(words[begin:n])
        n = begin
        for k in range(of_text.size):
            if k == 0 or of_text[k] != of_text[k - 1]:
                words[n] = of_text[k]
                n += 1
        word_ends[text] = n
    return n


@_entry
def normal_ids(keys, token_ends, ids):
    """One hash for the tokens of each text in their order."""
    first = 0
    for text in range(token_ends.size):
        key = _FNV_START
        for token in range(first, token_ends[text]):
            key = _mixed(key ^ keys[token]) * _FNV_PRIME
        first = token_ends[text]
        ids[text] = key


@_entry
def spelled(out, starts, ends, chosen, spelling, spelling_ends):
    """Copy the spellings of chosen tokens one after another. Returns the number of bytes."""
    o = 0
    for k in range(chosen.size):
        for i in range(starts[chosen[k]], ends[chosen[k]]):
            spelling[o] = out[i]
            o += 1
        spelling_ends[k] = o
    return o


# ---- MD5 (RFC 1321) --------------------------------------------------------

_SHIFTS = np.array(
    [7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4, np.uint32
)  # fmt: skip
_SINES = np.array([int(abs(np.sin(i + 1)) * 2**32) for i in range(64)], np.uint32)
_32 = np.uint32(32)


@_compiled
def _md5_block(state, block):
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(64):
        if i < 16:
            f, g = (b & c) | (~b & d), i
        elif i < 32:
            f, g = (d & b) | (~d & c), (5 * i + 1) & 15
        elif i < 48:
            f, g = b ^ c ^ d, (3 * i + 5) & 15
        else:
            f, g = c ^ (b | ~d), (7 * i) & 15
        f = np.uint32(f + a + _SINES[i] + block[g])
        a, d, c = d, c, b
        shift = _SHIFTS[i]
        b = np.uint32(b + np.uint32((f << shift) | (f >> np.uint32(_32 - shift))))
    state[0] = np.uint32(state[0] + a)
    state[1] = np.uint32(state[1] + b)
    state[2] = np.uint32(state[2] + c)
    state[3] = np.uint32(state[3] + d)


@_compiled
def _md5_half(data, lo, hi, state, block):
    """The first 8 bytes of the MD5 of some bytes, as a little-endian number."""
    state[0], state[1] = np.uint32(0x67452301), np.uint32(0xEFCDAB89)
    state[2], state[3] = np.uint32(0x98BADCFE), np.uint32(0x10325476)
    length = hi - lo
    blocks_n = (length + 8) // 64 + 1
    for at in range(blocks_n):
        for k in range(16):
            word = np.uint32(0)
            for j in range(4):
                place = at * 64 + k * 4 + j
                byte = np.uint32(data[lo + place]) if place < length else np.uint32(0x80 if place == length else 0)
                word |= np.uint32(byte << np.uint32(8 * j))
            block[k] = word
        if at == blocks_n - 1:
            block[14] = np.uint32((length << 3) & 0xFFFFFFFF)
            block[15] = np.uint32(length >> 29)
        _md5_block(state, block)
    return np.uint64(state[0]) | np.uint64(state[1]) << np.uint64(32)


@_entry
def md5_halves(data, lows, highs, halves):
    """:func:`_md5_half` of several stretches of ``data``; for tests against another MD5."""
    state, block = np.zeros(4, np.uint32), np.zeros(16, np.uint32)
    for k in range(lows.size):
        halves[k] = _md5_half(data, lows[k], highs[k], state, block)


# ---- near copies -----------------------------------------------------------


@_compiled
def _shingle_tokens(tokens_n):
    return 3 if tokens_n >= MIN_TRIPLED_TOKENS else 2


@_compiled
def _shingles_n(tokens_n, bytes_n):
    if tokens_n == 0:
        return 0
    if tokens_n >= MIN_PAIRED_TOKENS:
        return tokens_n - _shingle_tokens(tokens_n) + 1
    return max(1, bytes_n - SHINGLE_BYTES + 1)


@_entry
def signatures(out, text_ends, token_ends, starts, ends, has_signature, bands):
    """MinHash bands of each text's shingles into ``bands`` (texts x 21); ``has_signature`` is false where it has none.

    One MD5 a shingle, 64 linear re-mixes of its half, the least of each; three of these make a band. P(two texts share
    a band) at similarity s is 1 - (1 - s**3)**21: .985 at .57, what is left when one word in ten is another, and .16
    at .2. Broder (1997), Compression and Complexity of Sequences. (16 bands of four would find .84 of such edits.)
    """
    state, block = np.zeros(4, np.uint32), np.zeros(16, np.uint32)
    least = np.zeros(HASHES_N, np.uint64)
    first, begin = 0, 0
    for text in range(text_ends.size):
        tokens_n, bytes_n = token_ends[text] - first, text_ends[text] - begin
        shingles_n = _shingles_n(tokens_n, bytes_n)
        has_signature[text] = shingles_n > 0
        least[:] = _LAST
        for k in range(shingles_n):
            if tokens_n >= MIN_PAIRED_TOKENS:
                lo, hi = starts[first + k], ends[first + k + _shingle_tokens(tokens_n) - 1]
            else:
                lo = begin + k
                hi = min(lo + SHINGLE_BYTES, text_ends[text])
            half = _md5_half(out, lo, hi, state, block)
            for row in range(HASHES_N):
                remixed = _A[row] * half + _B[row]
                least[row] = min(least[row], remixed)
        for band in range(BANDS_N):
            key = np.uint64(band)
            for row in range(band * ROWS_N, (band + 1) * ROWS_N):
                key = _mixed(key ^ least[row])
            bands[text, band] = np.int32(np.int64(key >> np.uint64(33)))
        first, begin = token_ends[text], text_ends[text]


@_entry
def compared_sets(out, text_ends, token_ends, keys, items, item_ends):
    """What texts are held against each other by, distinct and sorted, into ``items``, as many as ``out`` has bytes.

    Their tokens, or five bytes in a row where there are fewer than eight tokens. Tokens and not three in a row: one
    word in ten that is another leaves 82 % of the tokens in common and only 57 % of the threes.
    """
    state, block = np.zeros(4, np.uint32), np.zeros(16, np.uint32)
    first, begin, n = 0, 0, 0
    for text in range(text_ends.size):
        tokens_n = token_ends[text] - first
        start = n
        if tokens_n >= MIN_PAIRED_TOKENS:
            for token in range(first, token_ends[text]):
                items[n] = keys[token]
                n += 1
        else:
            for k in range(_shingles_n(tokens_n, text_ends[text] - begin)):
                items[n] = _md5_half(out, begin + k, min(begin + k + SHINGLE_BYTES, text_ends[text]), state, block)
                n += 1
        of_text = np.sort(items[start:n])
        n = start
        for k in range(of_text.size):
            if k == 0 or of_text[k] != of_text[k - 1]:
                items[n] = of_text[k]
                n += 1
        item_ends[text] = n
        first, begin = token_ends[text], text_ends[text]
    return n


@_compiled
def _root(parents, k):
    while parents[k] != k:
        parents[k] = parents[parents[k]]
        k = parents[k]
    return k


@_compiled
def _shared_n(items, a_lo, a_hi, b_lo, b_hi):
    shared = 0
    while a_lo < a_hi and b_lo < b_hi:
        if items[a_lo] == items[b_lo]:
            shared += 1
            a_lo += 1
            b_lo += 1
        elif items[a_lo] < items[b_lo]:
            a_lo += 1
        else:
            b_lo += 1
    return shared


@_entry
def join_copies(order, buckets, bucket_cap, items, item_ends, min_jaccard, parents):
    """Join texts that share a bucket and whose exact Jaccard similarity is high enough; ``parents`` is the union-find.

    Args:
        order, buckets: texts sorted by the bucket that they are in, and that bucket; of a bucket only the first
            ``bucket_cap`` texts are compared, so that no common phrase makes millions of pairs.
        items, item_ends: as of :func:`compared_sets`, by text.

    Returns:
        How many pairs were compared.
    """
    compared = 0
    lo = 0
    while lo < order.size:
        hi = lo + 1
        while hi < order.size and buckets[hi] == buckets[lo]:
            hi += 1
        last = min(hi, lo + bucket_cap)
        for i in range(lo, last):
            a = order[i]
            a_lo, a_hi = (item_ends[a - 1] if a else 0), item_ends[a]
            for j in range(i + 1, last):
                b = order[j]
                root_a, root_b = _root(parents, a), _root(parents, b)
                if root_a == root_b:
                    continue
                b_lo, b_hi = (item_ends[b - 1] if b else 0), item_ends[b]
                compared += 1
                shared = _shared_n(items, a_lo, a_hi, b_lo, b_hi)
                if shared >= min_jaccard * (a_hi - a_lo + b_hi - b_lo - shared):
                    parents[max(root_a, root_b)] = min(root_a, root_b)
        lo = hi
    return compared
