"""The compiled loop that finds brands: bytes of texts and the communities they stand in go in, places of mentions come
out.

One text at a time, straight from Arrow's buffers; no Python object is made and the GIL is free meanwhile. Each text is
judged by itself, so neither batch, nor order, nor number of threads can change a result. Time is linear in the length
of a text: a window of words has a bound, and so have the mentions of one text.

Tokens are those of :mod:`pulse.core.words`; tests hold the two against each other. All functions are in this one file
on purpose: Numba's cache on disk notices a change of the file of the function that is called, not of the files of the
functions that it calls.
"""

import numpy as np
from numba import njit

from pulse.core import words

WINDOW_WORDS_N = 10
# What one text may name of one brand: more adds little to any figure, and a text may repeat a name endlessly.
MOST_MENTIONS_N = 20
SENTENCE_TOKENS_N = 60

ACCEPTED, UNSURE, REJECTED = 0, 1, 2
BY_ALIAS, BY_DOMAIN, BY_COMMUNITY, BY_CAPITAL, BY_NEEDED_WORD, BY_IGNORED_WORD, BY_CONTEXT = range(7)
# Columns of what comes out, a row a mention.
TEXT, BRAND, ALIAS, NUMBER, DECISION, REASON, SENTENCE_FROM, SENTENCE_TO = range(8)
# Of an alias.
NEEDS_CAPITAL, IS_DOMAIN = 1, 2
# Of a brand.
HAS_NEEDS, HAS_SENSES = 1, 2
# Of a token.
_CAPITAL, _IS_WORD, _AFTER_BREAK = np.uint8(1), np.uint8(2), np.uint8(4)
# Kinds of entries beside a brand in the tables.
NEED, IGNORE = 1, 2

_GAP, _WORD, _MARK, _UNSEEN, _SYMBOL, _UNSPACED = (
    words.GAP, words.WORD, words.MARK, words.UNSEEN, words.SYMBOL, words.UNSPACED,
)  # fmt: skip
_TABLED = words.TABLED_CODES_N
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_MIX, _ZERO, _ONE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0), np.uint64(1)
_MASK = 0xFFFFFFFFFFFFFFFF

_compiled = njit(nogil=True)
_entry = njit(cache=True, nogil=True)


# ---- hashes and tables -------------------------------------------------------


def word_key(text: str) -> int:
    """The hash of a token, as the loop makes it."""
    key = 0xCBF29CE484222325
    for char in text:
        key = ((key ^ ord(char)) * 0x100000001B3) & _MASK
    return key


def mixed(one: int, other: int) -> int:
    """The key of a pair in a table, as the loop makes it; never 0, which stands for an empty slot."""
    key = ((one ^ 0xD6E8FEB86659FD93) * 0x9E3779B97F4A7C15 + other) & _MASK
    key ^= key >> 31
    key = (key * 0xBF58476D1CE4E5B9) & _MASK
    return (key ^ (key >> 29)) or 1


@_compiled
def _mixed(one, other):
    key = (one ^ np.uint64(0xD6E8FEB86659FD93)) * _MIX + other
    key ^= key >> np.uint64(31)
    key *= np.uint64(0xBF58476D1CE4E5B9)
    key ^= key >> np.uint64(29)
    return key if key != _ZERO else _ONE


def table(values: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """An open-addressed table: keys, 0 where a slot is empty, and their values; at most half full."""
    size = 16
    while size < 2 * len(values):
        size *= 2
    keys, found = np.zeros(size, np.uint64), np.zeros(size, np.float64)
    for key in sorted(values):
        place = key & (size - 1)
        while keys[place]:
            place = (place + 1) & (size - 1)
        keys[place], found[place] = key, values[key]
    keys.flags.writeable = found.flags.writeable = False
    return keys, found


@_compiled
def _place(keys, key):
    """Where a key stands in a table; -1 where it does not."""
    mask = np.uint64(keys.size - 1)
    place = key & mask
    while keys[place] != _ZERO:
        if keys[place] == key:
            return np.int64(place)
        place = (place + _ONE) & mask
    return np.int64(-1)


# ---- tokens -------------------------------------------------------------------


@_compiled
def _decode(data, at, end):
    """Code point at a byte, and how many bytes it has; what is not UTF-8 is a gap of one byte."""
    first = np.int64(data[at])
    if first < 0x80:
        return first, 1
    size = 2 if first >> 5 == 0x6 else 3 if first >> 4 == 0xE else 4 if first >> 3 == 0x1E else 0
    if size == 0 or at + size > end:
        return np.int64(32), 1
    code = first & (0xFF >> (size + 1))
    for offset in range(1, size):
        byte = np.int64(data[at + offset])
        if byte >> 6 != 0x2:
            return np.int64(32), 1
        code = (code << 6) | (byte & 0x3F)
    return code, size


@_compiled
def _kind(kinds, code):
    if code < _TABLED:
        return np.int64(kinds[code])
    if code < 0x40000:
        return np.int64(_UNSPACED)
    return np.int64(_UNSEEN) if 0xE0000 <= code < 0xE1000 else np.int64(_SYMBOL)


@_compiled
def _is_stop(code):
    return code == 0x2E or code == 0x21 or code == 0x3F or code == 0x3002


@_compiled
def _ends_line(code):
    return code == 0x0A or code == 0x0D or code == 0x85 or code == 0x2028 or code == 0x2029


@_compiled
def tokenise(data, start, end, kinds, lowers, keys, starts, ends, flags):
    """Tokens of one text into the four arrays; returns how many."""
    count = 0
    in_word = False
    is_after_break = True
    is_after_stop = False
    key = _FNV_START
    at = start
    while at < end:
        code, size = _decode(data, at, end)
        kind = _kind(kinds, code)
        if kind == _UNSEEN:
            at += size
            continue
        if kind == _WORD or (kind == _MARK and in_word):
            lower = np.int64(lowers[code]) if code < _TABLED else code
            if not in_word:
                in_word = True
                key = _FNV_START
                starts[count] = at
                flags[count] = _IS_WORD | (_AFTER_BREAK if is_after_break else np.uint8(0))
                is_after_break = is_after_stop = False
            key = (key ^ np.uint64(lower)) * _FNV_PRIME
            if lower != code:
                flags[count] |= _CAPITAL
            ends[count] = at + size
            at += size
            continue
        if in_word:
            keys[count] = key
            count += 1
            in_word = False
        if kind == _SYMBOL or kind == _UNSPACED:
            keys[count] = (_FNV_START ^ np.uint64(code)) * _FNV_PRIME
            starts[count], ends[count] = at, at + size
            flags[count] = _AFTER_BREAK if is_after_break else np.uint8(0)
            if kind == _UNSPACED:
                flags[count] |= _IS_WORD
            is_after_break = code == 0x3002
            is_after_stop = _is_stop(code) or (is_after_stop and kind == _SYMBOL)
            count += 1
        elif _ends_line(code) or (is_after_stop and code <= 0x20):
            is_after_break = True
        at += size
    if in_word:
        keys[count] = key
        count += 1
    return count


# ---- mentions --------------------------------------------------------------------


@_compiled
def _is_part_of_host(data, at, start, end):
    """Whether a byte would go on with a host's name: a letter, a digit, a dash or an underscore."""
    if at < start or at >= end:
        return False
    byte = data[at]
    return byte >= 0x80 or byte == 0x2D or byte == 0x5F or 0x30 <= byte <= 0x39 or 0x41 <= (byte & 0xDF) <= 0x5A


@_compiled
def _is_host(data, first, last, start, end):
    """Whether bytes are a host, or the end of one: nothing before but a dot, nothing behind that makes it another."""
    if _is_part_of_host(data, first - 1, start, end) or _is_part_of_host(data, last, start, end):
        return False
    return not (last < end and data[last] == 0x2E and _is_part_of_host(data, last + 1, start, end))


@_compiled
def _longest(data, start, end, at, count, keys, starts, ends, flags, trie, trie_to, state_alias, alias_flags, capitals):
    """The longest alias that begins at a token: which, and how many tokens it has; -1 and 0 where none does."""
    state, alias, size = 0, -1, 0
    capitals_n = 0
    place = at
    while place < count:
        slot = _place(trie, _mixed(np.uint64(state), keys[place]))
        if slot < 0:
            break
        state = np.int64(trie_to[slot])
        if flags[place] & _CAPITAL:
            capitals_n += 1
        found = state_alias[state]
        if found >= 0:
            is_right = not (alias_flags[found] & NEEDS_CAPITAL) or capitals_n >= capitals[found]
            if alias_flags[found] & IS_DOMAIN:
                is_right = _is_host(data, starts[at], ends[place], start, end)
            if is_right:
                alias, size = found, place - at + 1
        place += 1
    return alias, size


@_compiled
def _holds(kind, brand, first, last, keys, trie, trie_to, marks):
    """Whether a word or phrase of a kind that belongs to a brand lies between two tokens, the second excluded."""
    for at in range(first, last):
        state = 0
        for place in range(at, last):
            slot = _place(trie, _mixed(np.uint64(state), keys[place]))
            if slot < 0:
                break
            state = np.int64(trie_to[slot])
            if _place(marks, _mixed(np.uint64(state), np.uint64(brand * 4 + kind))) >= 0:
                return True
    return False


@_compiled
def _window(at, size, count, flags):
    """The tokens within ten words on both sides of a mention: first, and last excluded."""
    first, words_n = at, 0
    while first > 0 and words_n < WINDOW_WORDS_N and at - first < 4 * WINDOW_WORDS_N:
        first -= 1
        words_n += 1 if flags[first] & _IS_WORD else 0
    last, words_n = at + size, 0
    while last < count and words_n < WINDOW_WORDS_N and last - at - size < 4 * WINDOW_WORDS_N:
        words_n += 1 if flags[last] & _IS_WORD else 0
        last += 1
    return first, last


@_compiled
def _context_score(brand, first, last, at, size, keys, senses, senses_z):
    """Sum of z over the distinct words of a window; 0 where it holds none that is known."""
    score = 0.0
    for place in range(first, last):
        if at <= place < at + size:
            continue
        is_seen = False
        for before in range(first, place):
            if keys[before] == keys[place] and not at <= before < at + size:
                is_seen = True
                break
        if not is_seen:
            slot = _place(senses, _mixed(keys[place], np.uint64(brand)))
            if slot >= 0:
                score += senses_z[slot]
    return score


@_compiled
def _is_capital_telling(at, size, count, flags):
    """Whether a capital says something there: not where a sentence begins, nor among words that all have one."""
    if flags[at] & _AFTER_BREAK:
        return False
    before = at - 1
    while before >= 0 and not flags[before] & _IS_WORD:
        before -= 1
    behind = at + size
    while behind < count and not flags[behind] & _IS_WORD:
        behind += 1
    return (before >= 0 and not flags[before] & _CAPITAL) or (behind < count and not flags[behind] & _CAPITAL)


@_compiled
def _decide(
    brand, at, size, count, keys, flags, alias_flags, brand_flags, near_trie, near_trie_to, near_marks,
    senses, senses_z, limits, community_says, community_z, is_needed_somewhere,
):  # fmt: skip
    """Whether a mention means the brand, what decided it, and the score. The first that has a say decides."""
    if alias_flags & IS_DOMAIN:
        return ACCEPTED, BY_DOMAIN, np.nan
    first, last = _window(at, size, count, flags)
    if _holds(IGNORE, brand, first, last, keys, near_trie, near_trie_to, near_marks):
        return REJECTED, BY_IGNORED_WORD, np.nan
    if community_says:
        return ACCEPTED, BY_COMMUNITY, np.nan
    if brand_flags & HAS_NEEDS and _holds(NEED, brand, first, last, keys, near_trie, near_trie_to, near_marks):
        return ACCEPTED, BY_NEEDED_WORD, np.nan
    if brand_flags & HAS_SENSES:
        score = _context_score(brand, first, last, at, size, keys, senses, senses_z) + community_z
        score = np.round(score * 1e4) / 1e4
        if score > limits[0]:
            return ACCEPTED, BY_CONTEXT, score
        return UNSURE if score > limits[1] else REJECTED, BY_CONTEXT, score
    if brand_flags & HAS_NEEDS:
        return UNSURE if is_needed_somewhere else REJECTED, BY_NEEDED_WORD, np.nan
    if alias_flags & NEEDS_CAPITAL:
        return ACCEPTED if _is_capital_telling(at, size, count, flags) else UNSURE, BY_CAPITAL, np.nan
    return ACCEPTED, BY_ALIAS, np.nan


@_entry
def match_batch(
    data, offsets, community, kinds, lowers,
    trie, trie_to, state_alias, alias_brand, alias_flags, alias_capitals,
    near_trie, near_trie_to, near_marks, brand_flags, senses, senses_z, limits, community_says, community_z,
):  # fmt: skip
    """Mentions of all texts of a batch.

    Args:
        data, offsets: bytes of the texts, NFKC, and where each begins; one more offset than texts.
        community: by text, the row of its community in the two tables of communities below.
        kinds, lowers: of code points (:func:`pulse.core.words.code_tables`).
        trie, trie_to: edges of the graph of aliases, by state and word; state_alias: the alias that ends in a state.
        alias_brand, alias_flags, alias_capitals: by alias; the last, how many of its words are written with a capital.
        near_trie, near_trie_to, near_marks: the same for needed and ignored words, and what ends in a state for whom.
        brand_flags: by brand; senses, senses_z: z by word and brand; limits: by brand, above which a score is accepted,
            and at or below which it is rejected.
        community_says, community_z: by community and brand, whether its name names the brand, and the z of its name.

    Returns:
        Rows as in the columns above, and the score of each: not a number where no score decided.
    """
    texts_n = offsets.size - 1
    longest = 0
    for text in range(texts_n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    keys, flags = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint8)
    starts, ends = np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    brands_n = brand_flags.size
    seen_in = np.full(brands_n, -1, np.int64)  # the text that the two below speak of
    mentions_n = np.zeros(brands_n, np.int64)
    is_needed_somewhere = np.zeros(brands_n, np.int8)  # 0 where nobody looked yet, else 1 or 2
    rows, scores, rows_n = np.empty((1024, 8), np.int64), np.empty(1024, np.float64), 0
    for text in range(texts_n):
        start, end = offsets[text], offsets[text + 1]
        count = tokenise(data, start, end, kinds, lowers, keys, starts, ends, flags)
        at = 0
        while at < count:
            alias, size = _longest(
                data, start, end, at, count, keys, starts, ends, flags, trie, trie_to, state_alias, alias_flags,
                alias_capitals,
            )  # fmt: skip
            if alias < 0:
                at += 1
                continue
            brand = alias_brand[alias]
            if seen_in[brand] != text:
                seen_in[brand], mentions_n[brand], is_needed_somewhere[brand] = text, 0, 0
            if mentions_n[brand] >= MOST_MENTIONS_N:
                at += size
                continue
            mentions_n[brand] += 1
            if (
                is_needed_somewhere[brand] == 0
                and brand_flags[brand] & HAS_NEEDS
                and not brand_flags[brand] & HAS_SENSES
            ):
                is_there = _holds(NEED, brand, 0, count, keys, near_trie, near_trie_to, near_marks)
                is_needed_somewhere[brand] = 2 if is_there else 1
            decision, reason, score = _decide(
                brand, at, size, count, keys, flags, alias_flags[alias], brand_flags[brand],
                near_trie, near_trie_to, near_marks, senses, senses_z, limits[brand],
                community_says[community[text], brand], community_z[community[text], brand],
                is_needed_somewhere[brand] == 2,
            )  # fmt: skip
            begin = at
            while begin > 0 and not flags[begin] & _AFTER_BREAK and at - begin < SENTENCE_TOKENS_N:
                begin -= 1
            stop = at + size
            while stop < count and not flags[stop] & _AFTER_BREAK and stop - at - size < SENTENCE_TOKENS_N:
                stop += 1
            if rows_n == scores.size:
                more_rows, more_scores = np.empty((2 * rows_n, 8), np.int64), np.empty(2 * rows_n, np.float64)
                more_rows[:rows_n], more_scores[:rows_n] = rows, scores
                rows, scores = more_rows, more_scores
            rows[rows_n, TEXT], rows[rows_n, BRAND], rows[rows_n, ALIAS] = text, brand, alias
            rows[rows_n, NUMBER], rows[rows_n, DECISION], rows[rows_n, REASON] = mentions_n[brand], decision, reason
            rows[rows_n, SENTENCE_FROM], rows[rows_n, SENTENCE_TO] = starts[begin], ends[stop - 1]
            scores[rows_n] = score
            rows_n += 1
            at += size
    return rows[:rows_n].copy(), scores[:rows_n].copy()


@_entry
def copy_pieces(data, pieces):
    """Bytes of pieces of the data one after another, and where each begins; ``pieces`` has a row of two for each."""
    offsets = np.zeros(pieces.shape[0] + 1, np.int64)
    for piece in range(pieces.shape[0]):
        offsets[piece + 1] = offsets[piece] + pieces[piece, 1] - pieces[piece, 0]
    copied = np.empty(offsets[-1], np.uint8)
    for piece in range(pieces.shape[0]):
        copied[offsets[piece] : offsets[piece + 1]] = data[pieces[piece, 0] : pieces[piece, 1]]
    return copied, offsets


@_entry
def count_matching(data, offsets, kinds, lowers, trie, trie_to, state_ends, marks, groups_n):
    """How many texts hold a word or phrase of each group."""
    texts_n = offsets.size - 1
    longest = 0
    for text in range(texts_n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    keys, flags = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.uint8)
    starts, ends = np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    seen_in, found_n = np.full(groups_n, -1, np.int64), np.zeros(groups_n, np.int64)
    for text in range(texts_n):
        count = tokenise(data, offsets[text], offsets[text + 1], kinds, lowers, keys, starts, ends, flags)
        for at in range(count):
            state = 0
            for place in range(at, count):
                slot = _place(trie, _mixed(np.uint64(state), keys[place]))
                if slot < 0:
                    break
                state = np.int64(trie_to[slot])
                if not state_ends[state]:
                    continue
                for group in range(groups_n):
                    if seen_in[group] != text and _place(marks, _mixed(np.uint64(state), np.uint64(group))) >= 0:
                        seen_in[group] = text
                        found_n[group] += 1
    return found_n


@_entry
def token_keys(data, start, end, kinds, lowers):
    """Keys and flags of the tokens of one text; for tests, which hold them against the definition."""
    size = end - start + 1
    keys, flags = np.empty(size, np.uint64), np.empty(size, np.uint8)
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    count = tokenise(data, start, end, kinds, lowers, keys, starts, ends, flags)
    return keys[:count].copy(), flags[:count].copy()
