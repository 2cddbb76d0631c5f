"""The records of a `.wandb` file: what an offline run wrote, also while it is still running or after it was killed.

The file is a LevelDB log behind a header of its own: blocks of 32 KiB, in them pieces of (crc u32, length u16, kind u8,
payload); the pieces of one record are joined into one protocol buffer, wandb's `Record`.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError
from wandb.proto.wandb_internal_pb2 import Record

from fastfcn.reading import open_regular

MAGIC = b":W&B"
FILE_HEADER = 7
BLOCK = 32 * 1024
PIECE = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
RECORD_BYTES = 16_000_000
FILE_BYTES = 500_000_000  # a million steps, each logged, take about 400 MB


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a `.wandb` file, up to the first that is not whole.

    Raises ValueError if `path` is no such file or holds what W&B does not write, OSError if it cannot be read.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > FILE_BYTES:
            raise ValueError(f"{path} is larger than {FILE_BYTES / 1e6:g} MB")
        header = file.read(FILE_HEADER)
        if not header:  # its run has just begun
            return
        if header[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is no file of W&B: it does not begin with {MAGIC.decode()}")
        joined = bytearray()
        for kind, payload in _pieces(file):
            if kind in (FULL, FIRST):
                joined.clear()
            joined += payload
            if len(joined) > RECORD_BYTES:
                raise ValueError(f"{path} is damaged: a record of more than {RECORD_BYTES / 1e6:g} MB")
            if kind in (FULL, LAST):
                try:
                    yield Record.FromString(bytes(joined))
                except DecodeError as error:
                    raise ValueError(f"{path} is damaged: a record that is none of W&B's") from error


def _pieces(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    place, block = FILE_HEADER, bytes(FILE_HEADER) + file.read(BLOCK - FILE_HEADER)
    while block:
        while place + PIECE.size <= len(block):
            checksum, length, kind = PIECE.unpack_from(block, place)
            payload = block[place + PIECE.size : place + PIECE.size + length]
            if kind not in (FULL, FIRST, MIDDLE, LAST) or len(payload) < length:
                return  # cut off by a kill, or not written yet
            if not length and place + PIECE.size < BLOCK:
                return  # only what had no room for more is written empty
            if zlib.crc32(bytes([kind]) + payload) != checksum:
                return
            yield kind, payload
            place += PIECE.size + length
        place, block = 0, file.read(BLOCK)  # what is left of a block is too little for a piece
