"""`.wandb` files made byte by byte, sound ones and others."""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

from fastfcn.tracking.records import BLOCK, FILE_HEADER


def framed(*payloads: bytes) -> bytes:
    """Write records as a LevelDB log does, block by block."""
    content = bytearray(b":W&B" + bytes(FILE_HEADER - 4))
    for payload in payloads:
        rest, first = payload, True
        while rest or first:
            room = BLOCK - len(content) % BLOCK - 7
            if room < 0:
                content += bytes(room + 7)
                continue
            piece, rest = rest[:room], rest[room:]
            kind = bytes([(1 if not rest else 2) if first else (4 if not rest else 3)])
            content += struct.pack("<IH", zlib.crc32(kind + piece), len(piece)) + kind + piece
            first = False
    return bytes(content)


def run_record(
    run_id: str = "abc", *, name: str = "row-seed0", group: str = "", config: Mapping[str, Any] = {}
) -> bytes:
    record = Record(num=1)
    record.run.run_id, record.run.display_name, record.run.run_group = run_id, name, group
    for key, value in config.items():
        item = record.run.config.update.add()
        item.key, item.value_json = key, json.dumps(value)
    return record.SerializeToString()


def history_record(row: Mapping[str, Any]) -> bytes:
    """A row of the history; a value that is bytes is taken for its JSON."""
    record = Record(num=2)
    for key, value in row.items():
        item = record.history.item.add()
        item.nested_key.append(key)
        item.value_json = value.decode() if isinstance(value, bytes) else json.dumps(value)
    return record.SerializeToString()


def exit_record(code: int = 0) -> bytes:
    record = Record(num=3)
    record.exit.exit_code = code
    return record.SerializeToString()


def write_fragment(
    folder: Path, records: Iterable[bytes], *, run_id: str = "abc", time: str = "20260101_120000"
) -> Path:
    """Write a fragment of a run below a run's folder, where W&B would."""
    path = folder / "wandb" / f"offline-run-{time}-{run_id}" / f"run-{run_id}.wandb"
    path.parent.mkdir(parents=True)
    path.write_bytes(framed(*records))
    return path
