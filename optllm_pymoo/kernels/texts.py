"""Texts, as code points, turned into counts of their characters and into TF-IDF of their n-grams."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries

# kinds of characters, a bit each
SPACE: Final = 1
DECIMAL: Final = 2
DIGIT: Final = 4
WORD: Final = 8
UPPER: Final = 16
LOWER: Final = 32
LINE_END: Final = 64
SENTENCE_END: Final = 128

_PER_THREAD: Final = 64  # texts; with fewer a second thread costs more than it saves
_N_PARTS: Final = 4  # sums over texts that are added up at last: as many on any number of threads

_BLANK, _ZERO = np.uint64(32), np.uint64(48)
_EMPTY, _ONE, _TWO, _WIDTH = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(21)  # bits of a code point
_A, _B, _C = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S63 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(63)


class Texts(NamedTuple):
    """Concatenated texts, and tables of character properties.

    Attributes:
        codes: Code points, uint32.
        stops: Where each text begins, and where the last ends, (n + 1,) int64.
        kinds: Bits of every code point, (0x110000,) uint8.
        lower: Lower case of each code point up to some number; later ones stay as they are, uint32.
        signs: Column of `count_surface` that counts an ASCII character, or -1, (128,) int64.
    """

    codes: np.ndarray
    stops: np.ndarray
    kinds: np.ndarray
    lower: np.ndarray
    signs: np.ndarray


class Vocabulary(NamedTuple):
    """N-grams, looked up by open addressing.

    Attributes:
        keys: Hashes, 0 in empty slots, (2^k,) uint64.
        places: Number of the n-gram, (2^k,) int32.
    """

    keys: np.ndarray
    places: np.ndarray


class Rows(NamedTuple):
    """A sparse matrix, row by row.

    Attributes:
        stops: Where each row begins, and where the last ends, (n + 1,) int64.
        places: Columns, int32.
        values: float32.
    """

    stops: np.ndarray
    places: np.ndarray
    values: np.ndarray


def count_surface(texts: Texts, n_columns: int) -> np.ndarray:
    """Count surface features of texts: characters by kind, words, signs.

    Args:
        texts: n of them.
        n_columns: Columns, in the order of `optllm_pymoo.prediction.texts.COUNTS`.

    Returns:
        log(1 + count), (n, n_columns) float32. O(characters).
    """
    out = np.zeros((len(texts.stops) - 1, n_columns), dtype=np.float32)
    over_queries(_count_surface, len(out), texts, out, per_thread=_PER_THREAD)
    return np.log1p(out, out=out)


@jit
def _count_surface(start: int, stop: int, texts: Texts, out: np.ndarray) -> None:
    codes, kinds = texts.codes, texts.kinds
    slots, n_of = np.zeros(256, dtype=np.uint64), np.zeros(8)  # distinct words; characters of each kind
    for i in range(start, stop):
        begin, end, row = texts.stops[i], texts.stops[i + 1], out[i]
        while slots.size < end - begin:  # at most every second character begins a word
            slots = np.zeros(2 * slots.size, dtype=np.uint64)
        slots[:], n_of[:] = 0, 0
        line, word, in_word, key, first, last = begin, -1, 0, _EMPTY, -1, -1
        for p in range(begin, end + 1):
            code = np.uint64(codes[p]) if p < end else _BLANK
            kind = int(kinds[code]) if p < end else SPACE | LINE_END
            if kind & LINE_END:
                row[22] = max(row[22], p - line)
                line = p + 1
            if kind & SPACE:
                if word >= 0:
                    row[1] += 1
                    row[23] += (in_word & DECIMAL) != 0
                    row[25] = max(row[25], p - word)
                    row[26] += p - word
                    key = _mixed(key) | _ONE
                    at = _slot(key, slots)
                    row[2] += slots[at] == 0
                    slots[at] = key
                    word, in_word, key = -1, 0, _EMPTY
            else:
                last = p
                if word < 0:
                    word = p
                    row[24] += (kind & UPPER) != 0
                    first = p if first < 0 else first
                in_word |= kind
                key = (key ^ code) * _B + _ONE
            if p < end:
                for bit in range(8):
                    n_of[bit] += kind >> bit & 1
                if code > 127:
                    row[7] += 1
                elif texts.signs[code] >= 0:
                    row[texts.signs[code]] += 1
                if kind & SENTENCE_END and (p + 1 == end or kinds[codes[p + 1]] & SPACE):
                    row[3] += 1
        length = end - begin
        row[0], row[4], row[5], row[6] = length, n_of[1], n_of[4], length - n_of[0] - n_of[3]
        row[26] /= max(row[1], 1)
        if first >= 0:
            kind, code = int(kinds[codes[first]]), codes[last]
            row[27], row[28], row[29] = kind >> 4 & 1, kind >> 5 & 1, kind >> 2 & 1
            row[31], row[32] = code == 63 or code == 0xFF1F, code == 46 or code == 0x3002  # question marks, full stops
            row[33] = kinds[code] & WORD and code != 95  # no underscore
        if length:
            row[30], row[34], row[35] = kinds[codes[begin]] & SPACE, n_of[4] / length, n_of[2] / length


@jit
def _mixed(key: np.uint64) -> np.uint64:
    """Spread all bits of a number over all others (Steele, Lea and Flood, 2014)."""
    key = (key ^ key >> _S30) * _B
    key = (key ^ key >> _S27) * _C
    return key ^ key >> _S31


@jit
def _slot(key: np.uint64, keys: np.ndarray) -> np.int64:
    """Find the slot of a key, or the empty slot where it belongs; the length of the table is a power of two."""
    mask = np.uint64(keys.size - 1)
    at = key >> _ONE & mask
    while keys[at] != 0 and keys[at] != key:
        at = at + _ONE & mask
    return np.int64(at)


def hash_grams(texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """Hash n-grams: even numbers of 2 to 4 characters within a word, odd ones of 1 and 2 words.

    Texts are cut as scikit-learn's analysers `char_wb` and `word` do, and for the former every number is a 0. With 64
    bits, a million different n-grams share a hash once in 10^7 such millions.

    Args:
        texts: n of them.

    Returns:
        Hashes, uint64, and where those of each text begin and the last ends, (n + 1,) int64. O(characters).
    """
    parts = over_queries(_hash_grams, len(texts.stops) - 1, texts, per_thread=_PER_THREAD)
    lengths = np.concatenate([lengths for _, lengths in parts])
    return np.concatenate([grams for grams, _ in parts]), np.concatenate([[0], np.cumsum(lengths)])


@jit
def _hash_grams(start: int, stop: int, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    codes, kinds, lower = texts.codes, texts.kinds, texts.lower
    grams = np.empty(4 * (texts.stops[stop] - texts.stops[start]), dtype=np.uint64)
    lengths, n = np.empty(stop - start, dtype=np.int64), 0
    for i in range(start, stop):
        end, n_before = texts.stops[i + 1], n
        length, in_number = 0, False  # characters of a word so far, with the blank before it
        one = two = three = _EMPTY  # the last of them
        n_letters, word, previous = 0, _EMPTY, _EMPTY
        for p in range(texts.stops[i], end + 1):
            code = np.uint64(codes[p]) if p < end else _BLANK
            kind = int(kinds[code])
            code = np.uint64(lower[code]) if code < lower.size else code
            if kind & WORD:
                word = (word ^ code) * _B + _ONE
                n_letters += 1
            else:
                if n_letters > 1:
                    word = _mixed(word) | _ONE
                    grams[n] = word
                    n += 1
                    if previous:
                        grams[n] = _mixed(previous * _A + word) | _ONE
                        n += 1
                    previous = word
                n_letters, word = 0, _EMPTY
            if kind & SPACE and length == 0:
                continue
            if kind & DECIMAL:
                if in_number:
                    continue
                code = _ZERO
            in_number = kind & DECIMAL != 0
            if length == 0:
                length, one = 1, _BLANK
            if kind & SPACE:
                code = _BLANK
            pair = one << _WIDTH | code
            triple = two << _WIDTH << _WIDTH | pair
            for size in range(2, min(length + 1, 4) + 1):
                key = pair | _ONE << _S63 if size == 2 else triple if size == 3 else triple + (three + _ONE) * _A
                grams[n] = max(_mixed(key) >> _ONE << _ONE, _TWO)
                n += 1
            three, two, one = two, one, code
            length = 0 if kind & SPACE else length + 1
        lengths[i - start] = n - n_before
    return grams[:n].copy(), lengths


@jit
def count_grams(
    grams: np.ndarray, stops: np.ndarray, weights: np.ndarray, keys: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Add n-grams to the counts.

    Args:
        grams: Hashes, uint64.
        stops: Where those of each text begin, and where the last ends, (n + 1,) int64.
        weights: How often each text counts, (n,) int64.
        keys: Table of hashes with open addressing, (2^k,) uint64; at most half full.
        counts: Beside it, (2^k,) int64. Both are changed.

    Returns:
        Both tables, or larger copies if they were too small.
    """
    n_keys = 0
    for key in keys:
        n_keys += key != 0
    for i in range(weights.size):
        for gram in grams[stops[i] : stops[i + 1]]:
            at = _slot(gram, keys)
            n_keys += keys[at] == 0
            keys[at] = gram
            counts[at] += weights[i]
            if 2 * n_keys > keys.size:
                old_keys, old_counts = keys, counts
                keys, counts = np.zeros(2 * keys.size, dtype=np.uint64), np.zeros(2 * keys.size, dtype=np.int64)
                for k in range(old_keys.size):
                    if old_keys[k]:
                        at = _slot(old_keys[k], keys)
                        keys[at], counts[at] = old_keys[k], old_counts[k]
    return keys, counts


@jit
def index(grams: np.ndarray) -> Vocabulary:
    """Build a hash table of n-grams.

    Args:
        grams: Distinct hashes, (F,) uint64.
    """
    size = 16
    while size < 3 * grams.size:
        size *= 2
    keys, places = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
    for place in range(grams.size):
        at = _slot(grams[place], keys)
        keys[at], places[at] = grams[place], place
    return Vocabulary(keys, places)


def tally(grams: np.ndarray, stops: np.ndarray, vocabulary: Vocabulary, n_columns: int) -> Rows:
    """Count the n-grams of texts that are in a vocabulary.

    Args:
        grams: Hashes, uint64.
        stops: Where those of each text begin, and where the last ends, (n + 1,) int64.
        vocabulary: F n-grams.
        n_columns: F.

    Returns:
        Counts, (n, F); columns in the order of the text.
    """
    args = grams, stops, vocabulary, n_columns
    parts = over_queries(_tally, len(stops) - 1, *args, per_thread=_PER_THREAD)
    lengths, places, values = (np.concatenate(of) for of in zip(*parts, strict=True))
    return Rows(np.concatenate([[0], np.cumsum(lengths)]), places, values)


@jit
def _tally(
    start: int, stop: int, grams: np.ndarray, stops: np.ndarray, vocabulary: Vocabulary, n_columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    most = stops[stop] - stops[start]
    lengths, places, values = np.empty(stop - start, np.int64), np.empty(most, np.int32), np.empty(most, np.float32)
    at, n = np.zeros(n_columns, dtype=np.int64), 0  # 1 + where the count of a column is
    for i in range(start, stop):
        first = n
        for gram in grams[stops[i] : stops[i + 1]]:
            slot = _slot(gram, vocabulary.keys)
            if vocabulary.keys[slot]:
                place = vocabulary.places[slot]
                if at[place] <= first:
                    places[n], values[n] = place, 0
                    n += 1
                    at[place] = n
                values[at[place] - 1] += 1
        lengths[i - start] = n - first
    return lengths, places[:n].copy(), values[:n].copy()


def weigh(rows: Rows, idf: np.ndarray, n_first: int) -> None:
    """Turn counts into TF-IDF, sublinear, in place.

    Args:
        rows: Counts, (n, F).
        idf: Inverse document frequencies, (F,) float32.
        n_first: Number of n-grams of characters, which come first. These and the others are scaled to norm 1 per text
            each.
    """
    over_queries(_weigh, len(rows.stops) - 1, rows, idf, n_first, per_thread=_PER_THREAD)


@jit
def _weigh(start: int, stop: int, rows: Rows, idf: np.ndarray, n_first: int) -> None:
    places, values = rows.places, rows.values
    squares = np.zeros(2)
    for i in range(start, stop):
        squares[:] = 0
        for k in range(rows.stops[i], rows.stops[i + 1]):
            values[k] = (1 + np.log(values[k])) * idf[places[k]]
            squares[int(places[k] >= n_first)] += values[k] * values[k]
        for k in range(rows.stops[i], rows.stops[i + 1]):
            values[k] /= np.sqrt(squares[int(places[k] >= n_first)])


def times(rows: Rows, columns: np.ndarray) -> np.ndarray:
    """Multiply a sparse matrix (n, F) by a dense one (F, D), float32."""
    out = np.zeros((len(rows.stops) - 1, columns.shape[1]), dtype=np.float32)
    over_queries(_times, len(out), rows, columns, out, per_thread=_PER_THREAD)
    return out


@jit
def _times(start: int, stop: int, rows: Rows, columns: np.ndarray, out: np.ndarray) -> None:
    for i in range(start, stop):
        row = out[i]
        for k in range(rows.stops[i], rows.stops[i + 1]):
            value, column = rows.values[k], columns[rows.places[k]]
            for d in range(row.size):
                row[d] += value * column[d]


def transposed_times(rows: Rows, dense: np.ndarray, n_columns: int) -> np.ndarray:
    """Multiply the transpose of a sparse matrix (n, F) by a dense one (n, D), float32."""
    parts = np.zeros((_N_PARTS, n_columns, dense.shape[1]), dtype=np.float32)
    over_queries(_transposed_times, _N_PARTS, rows, dense, parts, per_thread=1)
    return np.asarray(parts.sum(axis=0))


@jit
def _transposed_times(start: int, stop: int, rows: Rows, dense: np.ndarray, parts: np.ndarray) -> None:
    n_rows, n_parts = dense.shape[0], parts.shape[0]
    for part in range(start, stop):
        for i in range(n_rows * part // n_parts, n_rows * (part + 1) // n_parts):
            row = dense[i]
            for k in range(rows.stops[i], rows.stops[i + 1]):
                value, column = rows.values[k], parts[part, rows.places[k]]
                for d in range(row.size):
                    column[d] += value * row[d]
