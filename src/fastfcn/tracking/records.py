"""The records of a `.wandb` file: what an offline run wrote, also while it is still running or after it was killed.

The file is a LevelDB log behind a header of its own: blocks of 32 KiB, in them pieces of (crc u32, length u16, kind u8,
payload); the pieces of one record are joined into one protocol buffer, wandb's `Record`.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

MAGIC = b":W&B"
FILE_HEADER = 7
BLOCK = 32 * 1024
PIECE = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a `.wandb` file, up to the first that is not whole.

    Raises ValueError if `path` is no such file, OSError if it cannot be read.
    """
    content = path.read_bytes()
    if not content:  # its run has just begun
        return
    if content[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path} is no file of W&B: it does not begin with {MAGIC.decode()}")
    joined = b""
    for kind, payload in _pieces(content):
        joined = payload if kind in (FULL, FIRST) else joined + payload
        if kind in (FULL, LAST):
            yield Record.FromString(joined)


def _pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = FILE_HEADER
    while place + PIECE.size <= len(content):
        room = BLOCK - place % BLOCK
        if room < PIECE.size:  # too little for a piece: the block's end is padding
            place += room
            continue
        checksum, length, kind = PIECE.unpack_from(content, place)
        payload = content[place + PIECE.size : place + PIECE.size + length]
        if kind not in (FULL, FIRST, MIDDLE, LAST) or len(payload) < length:
            return  # cut off by a kill, or not written yet
        if zlib.crc32(bytes([kind]) + payload) != checksum:
            return
        yield kind, payload
        place += PIECE.size + length
