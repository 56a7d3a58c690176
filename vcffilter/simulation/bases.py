"""ASCII bases as uint8 arrays: codes, complements, random ones. Knows no file and no reads."""

from __future__ import annotations

import numpy as np

ACGT = np.frombuffer(b"ACGT", dtype=np.uint8)
#: 0..3 for A, C, G, T in either case, 4 for everything else.
CODE_OF_ASCII = np.full(256, 4, dtype=np.uint8)
for _code, _letters in enumerate(("Aa", "Cc", "Gg", "Tt")):
    for _letter in _letters:
        CODE_OF_ASCII[ord(_letter)] = _code
_COMPLEMENT = np.arange(256, dtype=np.uint8)
_COMPLEMENT[np.frombuffer(b"ACGTacgt", dtype=np.uint8)] = np.frombuffer(b"TGCAtgca", dtype=np.uint8)
#: The transition partner of each code: A<->G, C<->T.
TRANSITION = np.array([2, 3, 0, 1], dtype=np.uint8)


def random_bases(rng: np.random.Generator, length: int) -> np.ndarray:
    """uint8 (length,) of A, C, G, T with equal chances."""
    return ACGT[rng.integers(0, 4, length)]


def inserted_bases(rng: np.random.Generator, beside: np.ndarray, length: int) -> np.ndarray:
    """uint8 (length,) of an insertion: half repeat what stands `beside`, as replication slippage does, half are random."""
    return beside if rng.random() < 0.5 else random_bases(rng, length)


def reverse_complement(bases: np.ndarray) -> np.ndarray:
    """uint8 ASCII (n,) read from the other strand."""
    return _COMPLEMENT[bases][::-1]


def other_bases(rng: np.random.Generator, bases: np.ndarray, transition_share: float = 1 / 3) -> np.ndarray:
    """For each ASCII base another one; `transition_share` of them transitions. N becomes a random base."""
    codes = CODE_OF_ASCII[bases] & 3
    transversion = (TRANSITION[codes] + 1 + 2 * rng.integers(0, 2, len(codes)).astype(np.uint8)) & 3
    return ACGT[np.where(rng.random(len(codes)) < transition_share, TRANSITION[codes], transversion)]
