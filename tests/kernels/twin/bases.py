"""Bases as letters, and the hashes that kernels keep instead of strings. Knows no reads."""

from __future__ import annotations

#: Letters of a BAM in the order of their 4-bit codes.
LETTERS = "=ACMGRSVTWYHKDBN"
_MASK = (1 << 64) - 1


def plain_bases(text: str) -> str:
    """Upper case; U is T; everything but A, C, G, T is N."""
    return "".join(base if base in "ACGT" else "N" for base in text.upper().replace("U", "T"))


def bases_hash(bases: str) -> int:
    """FNV-1a over 4-bit codes, 64 bits."""
    value = 0xCBF29CE484222325
    for base in bases:
        value = ((value ^ LETTERS.index(base)) * 0x100000001B3) & _MASK
    return value


def text_hash(text: str) -> int:
    """The 64-bit hash of a read's name: words of eight bytes, then the bytes that are left."""
    data = text.encode()
    value = 0x9E3779B97F4A7C15 ^ len(data)
    whole = len(data) - len(data) % 8
    for first in range(0, whole, 8):
        value = ((value ^ int.from_bytes(data[first : first + 8], "little")) * 0xFF51AFD7ED558CCD) & _MASK
        value ^= value >> 32
    for byte in data[whole:]:
        value = ((value ^ byte) * 0xC4CEB9FE1A85EC53) & _MASK
        value ^= value >> 29
    return value


def mixed(value: int) -> int:
    """The finaliser of splitmix64."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
