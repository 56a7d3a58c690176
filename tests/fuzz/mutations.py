# ruff: noqa: E501
"""Changes to bytes, lines and containers that a fuzz case makes. Every function takes the random source and gives new content.

Knows the outer shape of BGZF, BAM, BCF, CRAM and safetensors, so that a change is read by the parser behind the checksums and
not refused by the first of them. Knows nothing of vcffilter.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

_INT32 = (0, 1, -1, 2, 255, 256, 65535, 65536, 2**28 - 1, 2**28, 2**29, 2**29 + 1, 2**31 - 1, -(2**31), -(2**31) + 1, -2, 10**9)
_BYTES = (0, 1, 2, 9, 10, 13, 32, 44, 46, 58, 59, 61, 127, 128, 254, 255)
#: What a field of a text file may turn into.
TOKENS = (
    b"", b".", b"-1", b"0", b"1", b"2147483647", b"2147483648", b"-2147483648", b"4294967296", b"9223372036854775807",
    b"9223372036854775808", b"1e400", b"-1e400", b"nan", b"inf", b"-inf", b"1e-400", b"0x10", b"1_000", b"1,2,3", b",", b",,,", b";",
    b";;", b"=", b"a=b=c", b"*", b"<DEL>", b"<NON_REF>", b"<*>", b"<", b">", b"[sim1:5[A", b"A]sim1:9]", b"N", b"n", b"ACGTN", b"acgt",
    b"RYSWKM", b"A" * 300, b"C" * 70_000, b"A,C," * 40 + b"G", b"PASS", b"0/1", b"./.", b"0|1|2", b"/0|1", b"7/9", b"\xff\xfe",
    b"\xc2\xb2", b"\x00", b"\r", b" ", b"\t", b"%2C", b"sim1", b"sim2", b"chr1", b"\xe2\x80\xae", b"{}", b"[", b"&a", b"*a", b"!!x", b"~",
    b"true", b"null", b"-", b"--", b"#", b"##x", b"\"", b"'", b"../x", b"/", b"/dev/null",
)  # fmt: skip


def change_bytes(random: Random, data: bytes, *, same_length: bool = False, times: int | None = None) -> bytes:
    """One to eight changes anywhere: bits, bytes, little-endian numbers, and pieces removed, doubled, moved or made up."""
    content = bytearray(data)
    in_place: list[Callable[[Random, bytearray], None]] = [_flip_bit, _set_byte, _set_number, _fill, _copy_over]
    moving = [_remove, _insert, _double, _cut]
    for _ in range(times or random.choice((1, 1, 1, 2, 3, 8))):
        if content:
            random.choice(in_place if same_length else in_place + moving)(random, content)
    return bytes(content)


def _flip_bit(random: Random, content: bytearray) -> None:
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _set_byte(random: Random, content: bytearray) -> None:
    content[random.randrange(len(content))] = random.choice((random.choice(_BYTES), random.randrange(256)))


def _set_number(random: Random, content: bytearray) -> None:
    kind, value = random.choice((("<i", random.choice(_INT32)), ("<h", random.choice((0, -1, 1, 255, 32767, -32768)))))
    size = struct.calcsize(kind)
    at = random.randrange(max(1, len(content) - size))
    content[at : at + size] = struct.pack(kind, value)[: len(content) - at]


def _piece(random: Random, content: bytearray) -> slice:
    start = random.randrange(len(content))
    return slice(start, min(len(content), start + random.choice((1, 2, 4, 16, 100, 1000))))


def _fill(random: Random, content: bytearray) -> None:
    piece = _piece(random, content)
    content[piece] = bytes([random.choice(_BYTES)]) * (piece.stop - piece.start)


def _copy_over(random: Random, content: bytearray) -> None:
    piece = _piece(random, content)
    start = random.randrange(len(content) - (piece.stop - piece.start) + 1)
    content[piece] = content[start : start + piece.stop - piece.start]


def _remove(random: Random, content: bytearray) -> None:
    del content[_piece(random, content)]


def _insert(random: Random, content: bytearray) -> None:
    at = random.randrange(len(content) + 1)
    content[at:at] = random.randbytes(random.choice((1, 2, 4, 16, 300)))


def _double(random: Random, content: bytearray) -> None:
    piece = _piece(random, content)
    content[piece.stop : piece.stop] = content[piece] * random.choice((1, 1, 50))


def _cut(random: Random, content: bytearray) -> None:
    del content[random.randrange(len(content)) :]


# -- text


def change_text(random: Random, data: bytes, separators: bytes = b"\t,;:=") -> bytes:
    """One to four changes to lines or fields; sometimes bytes instead, CRLF, or no last line end."""
    if random.random() < 0.15:
        return change_bytes(random, data)
    lines = data.split(b"\n")
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        _change_line(random, lines, separators)
    if random.random() < 0.03:
        return b"\r\n".join(lines)
    return b"\n".join(lines) if random.random() < 0.97 else b"\n".join(lines).rstrip(b"\n")


def _change_line(random: Random, lines: list[bytes], separators: bytes) -> None:
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    kind = random.random()
    if kind < 0.08:
        lines.insert(other, lines[at])
    elif kind < 0.14:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind < 0.20 and len(lines) > 1:
        del lines[at]
    elif kind < 0.25:
        lines[at] = change_bytes(random, lines[at], times=1)
    elif kind < 0.30:
        lines[at] = lines[at].replace(b"\t", b" ")
    else:
        lines[at] = _change_field(random, lines[at], separators)


def _change_field(random: Random, line: bytes, separators: bytes) -> bytes:
    """The line with one field replaced, removed, doubled, or given a column more; fields of fields too."""
    here = [byte for byte in separators if byte in line]
    separator = bytes([random.choice(here)]) if here else b"\t"
    if b"\t" in line and random.random() < 0.6:
        separator = b"\t"
    fields = line.split(separator)
    at = random.randrange(len(fields))
    kind = random.random()
    if kind < 0.08:
        del fields[at]
    elif kind < 0.16:
        fields.insert(at, fields[at])
    elif kind < 0.3:
        fields[at] = change_bytes(random, fields[at], times=1)
    else:
        fields[at] = random.choice(TOKENS)
    return separator.join(fields)


# -- BGZF and what lies in it

_BLOCK_BYTES = 0xFF00
_EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def bgzf(content: bytes, level: int = 0) -> bytes:
    """The content in BGZF blocks. At level 0 an index stays right as long as the content keeps its length."""
    blocks = [_bgzf_block(content[at : at + _BLOCK_BYTES], level) for at in range(0, len(content), _BLOCK_BYTES)]
    return b"".join(blocks) + _EOF_BLOCK


def _bgzf_block(piece: bytes, level: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = packer.compress(piece) + packer.flush()
    head = bytes.fromhex("1f8b08040000000000ff060042430200") + struct.pack("<H", len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(piece), len(piece))


def change_recompressed(random: Random, data: bytes) -> bytes:
    """Bytes changed inside the compression."""
    return bgzf(change_bytes(random, gzip.decompress(data), same_length=random.random() < 0.5))


def change_bam(random: Random, data: bytes) -> bytes:
    """Fields of alignment records changed, one to thirty; sometimes the header's text or its numbers."""
    content = bytearray(gzip.decompress(data))
    text_end = 8 + struct.unpack_from("<i", content, 4)[0]
    if random.random() < 0.2:
        return bgzf(change_bytes(random, bytes(content[: text_end + 60])) + content[text_end + 60 :])
    starts = _bam_records(content, text_end)
    # The numbers in front: block_size, refID, pos, l_read_name and mapq, bin and n_cigar, flag, l_seq, next refID, next pos, tlen.
    for start in random.choices(starts, k=random.choice((1, 1, 3, 30))):
        size = struct.unpack_from("<i", content, start)[0]
        if random.random() < 0.5:
            at = start + 4 * random.randrange(1, 9) + random.choice((0, 0, 0, 1, 2, 3))
            value = random.choice(_INT32) if random.random() < 0.5 else random.randrange(-5, 6000)
            content[at : at + 4] = struct.pack("<i", value)
        else:
            name_length, n_operations = content[start + 12], struct.unpack_from("<H", content, start + 16)[0]
            cigar = start + 36 + name_length
            piece = slice(cigar, cigar + 4 * n_operations) if random.random() < 0.5 else slice(start + 36, start + 4 + size)
            content[piece] = change_bytes(random, bytes(content[piece]), same_length=True, times=1)
    return bgzf(bytes(content))


def _bam_records(content: bytearray, text_end: int) -> list[int]:
    """Offsets of the records."""
    at = text_end + 4
    for _ in range(struct.unpack_from("<i", content, text_end)[0]):
        at += 8 + struct.unpack_from("<i", content, at)[0]
    starts = []
    while at < len(content):
        starts.append(at)
        at += 4 + struct.unpack_from("<i", content, at)[0]
    return starts


def change_bcf(random: Random, data: bytes) -> bytes:
    """Bytes of BCF records changed in place, or text of the header."""
    content = bytearray(gzip.decompress(data))
    text_end = 9 + struct.unpack_from("<i", content, 5)[0]
    if random.random() < 0.2:
        text = change_text(random, bytes(content[9 : text_end - 1])) + b"\0"
        return bgzf(bytes(content[:5]) + struct.pack("<i", len(text)) + text + bytes(content[text_end:]))
    starts = []
    at = text_end
    while at < len(content):
        starts.append(at)
        at += 8 + sum(struct.unpack_from("<ii", content, at))
    for start in random.choices(starts, k=random.choice((1, 1, 3))):
        size = 8 + sum(struct.unpack_from("<ii", content, start))
        # The first 32 bytes are lengths and counts; they are few beside the rest, and hurt most.
        piece = slice(start, start + (32 if random.random() < 0.4 else size))
        content[piece] = change_bytes(random, bytes(content[piece]), same_length=True, times=1)
    return bgzf(bytes(content))


# -- CRAM 3


def change_cram(random: Random, data: bytes) -> bytes:
    """Bytes of blocks of a CRAM 3 changed, and their checksums made right again."""
    content = bytearray(data)
    for start, stop in random.choices(_cram_blocks(content), k=random.choice((1, 1, 2, 5))):
        # Half of them in the block's head or its first bytes, where counts and encodings are.
        piece = slice(start, min(stop, start + 40) if random.random() < 0.5 else stop)
        content[piece] = change_bytes(random, bytes(content[piece]), same_length=True, times=1)
        content[stop : stop + 4] = struct.pack("<I", zlib.crc32(content[start:stop]))
    return bytes(content)


def _cram_blocks(content: bytearray) -> list[tuple[int, int]]:
    """First byte and checksum of every block and of every container's head."""
    blocks = []
    at = 26
    while at < len(content):
        start = at
        length = struct.unpack_from("<i", content, at)[0]
        at += 4
        for _ in range(4):
            _, at = _itf8(content, at)
        for _ in range(2):
            at += _ltf8_bytes(content[at])
        _, at = _itf8(content, at)
        n_landmarks, at = _itf8(content, at)
        for _ in range(n_landmarks):
            _, at = _itf8(content, at)
        blocks.append((start, at))
        at += 4
        end = at + length
        while at < end:
            start = at
            _, at = _itf8(content, at + 2)
            size, at = _itf8(content, at)
            _, at = _itf8(content, at)
            at += size
            blocks.append((start, at))
            at += 4
    return blocks


def _itf8(content: bytearray, at: int) -> tuple[int, int]:
    """Value and the offset behind it."""
    first = content[at]
    extra = next((n for n, mask in enumerate((0x80, 0x40, 0x20, 0x10)) if not first & mask), 4)
    value = first & (0x7F >> extra if extra < 4 else 0x0F)
    for byte in content[at + 1 : at + 1 + extra]:
        value = value << 8 | byte
    return value, at + 1 + extra


def _ltf8_bytes(first: int) -> int:
    return next((n + 1 for n in range(8) if not first & (0x80 >> n)), 9)


# -- checkpoints


def change_safetensors_header(random: Random, data: bytes) -> bytes:
    """The JSON in front changed: of the tensors, or of the metadata within."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if random.random() < 0.75:
        metadata = json.loads(header["__metadata__"]["vcffilter"])
        for _ in range(random.choice((1, 1, 2, 5))):
            _change_json(random, metadata)
        header["__metadata__"]["vcffilter"] = json.dumps(metadata, sort_keys=True)
    else:
        _change_json(random, header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def change_card(random: Random, data: bytes) -> bytes:
    """Cuts of a checkpoint changed: its thresholds, presets with their sure calls, operating points and calibration."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = json.loads(header["__metadata__"]["vcffilter"])
    for _ in range(random.choice((1, 1, 2, 5))):
        parts = [part for part in ("thresholds", "presets", "operating_points", "calibration") if part in metadata]
        cuts = {part: metadata.pop(part) for part in parts}
        _change_json(random, cuts.get(random.choice(parts)) if parts and random.random() < 0.9 else cuts)
        metadata |= cuts
    header["__metadata__"]["vcffilter"] = json.dumps(metadata, sort_keys=True)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


_JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 255, 2**31, 2**63, 10**30, -(2**63), 0.5, 1e308, -1e308, float("nan"), float("inf"), "", "x", "é", "\ud800",
    [], [1], [[]], [[[[1]]]], {}, {"a": 1}, "illumina-germline", "F64", "I64", "../x", "A" * 2000,
)  # fmt: skip


def _change_json(random: Random, root: Any) -> None:
    """One value somewhere below the root replaced, removed, doubled or put elsewhere."""
    places: list[tuple[Any, Any]] = []
    pending = [root]
    while pending:
        node = pending.pop()
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        places += [(node, key) for key in keys]
        pending += [node[key] for key in keys]
    if not places:
        return
    # Lists of hundreds of numbers would take nearly all changes.
    of_dictionaries = [place for place in places if isinstance(place[0], dict)]
    node, key = random.choice(random.choice((of_dictionaries, places)) or places)
    kind = random.random()
    if kind < 0.15:
        del node[key]
    elif kind < 0.25 and isinstance(node, list):
        node.insert(key, node[key])
    elif kind < 0.35:
        other, other_key = random.choice(places)
        node[key] = json.loads(json.dumps(other[other_key])) if other_key in _keys(other) else None
    elif kind < 0.5 and isinstance(node[key], int | float):
        node[key] = node[key] * random.choice((-1, 2, 0.5, 1e6)) + random.choice((0, 1, -1))
    else:
        node[key] = random.choice(_JSON_VALUES)


def _keys(node: Any) -> Any:
    return node if isinstance(node, dict) else range(len(node))


def change_tensors(random: Random, data: bytes) -> bytes:
    """Numbers of tensors changed in place: the header stays right."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    content = bytearray(data)
    names = sorted(name for name in header if name != "__metadata__")
    for name in random.choices(names, k=random.choice((1, 1, 3, 10))):
        start, stop = (8 + length + offset for offset in header[name]["data_offsets"])
        if start == stop:
            continue
        if random.random() < 0.5:
            content[start:stop] = change_bytes(random, bytes(content[start:stop]), same_length=True, times=1)
        else:
            value = struct.pack(
                "<f", random.choice((0.0, -0.0, 1.0, -1.0, 1e38, -1e38, 1e-40, float("nan"), float("inf"), -float("inf")))
            )
            for _ in range(random.choice((1, 3, 200))):
                at = start + 4 * random.randrange(max(1, (stop - start) // 4))
                content[at : at + 4] = value[: stop - at]
    return bytes(content)


# -- NumPy's archives


def change_npz(random: Random, data: bytes) -> bytes:
    """One member's bytes changed, or left out, or under another's name; its checksum is right. Sometimes the archive's own bytes."""
    if random.random() < 0.2:
        return change_bytes(random, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    kind = random.random()
    if kind < 0.1:
        del members[name]
    elif kind < 0.2:
        members[name] = random.choice(list(members.values()))
    else:
        # Half of them in the head, where shape and type are.
        head = 128 if random.random() < 0.5 else len(members[name])
        changed = change_bytes(random, members[name][:head], same_length=random.random() < 0.8)
        members[name] = changed + members[name][head:]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return packed.getvalue()
