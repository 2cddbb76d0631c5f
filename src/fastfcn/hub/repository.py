"""What a repository holds, read as a file from a stranger: two files by name, of limited size, and no code."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from huggingface_hub import hf_hub_download
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from typing_extensions import TypedDict

from fastfcn.checkpoints import NETWORK, Checkpoint, checkpoint_of
from fastfcn.hub.address import Address, parse_address
from fastfcn.hub.errors import explained
from fastfcn.options import holds
from fastfcn.prediction.journal import digest
from fastfcn.reading import open_regular, read_bytes

LIBRARY = "fastfcn"
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
LIMITS = {CONFIG: 2_000_000, WEIGHTS: 8 * 2**30}  # bytes; no encoder here takes half as many
HEADER_BYTES = 16_000_000  # of 100,000 tensors
COMMIT = re.compile("[0-9a-f]{40}")

Sha256 = Annotated[str, holds("a SHA-256", lambda value: re.fullmatch("[0-9a-f]{64}", value) is not None)]


@with_config(ConfigDict(strict=True, extra="forbid"))
class Config(TypedDict):
    """config.json: the SHA-256 of the weights, and `hyper_parameters`, a Description as in a checkpoint."""

    library_name: str
    weights: Sha256
    global_step: int
    hyper_parameters: dict[str, Any]


CONTENT = TypeAdapter(Config)


def read_repository(text: str) -> Checkpoint:
    """Read the checkpoint at an address; what it says of itself is validated before its weights are downloaded.

    Raises ValueError if it cannot be had, or is none of this suite.
    """
    address = parse_address(text)
    try:
        path = fetch(address, CONFIG)
        address = Address(address.repo, path.parent.name)  # by the commit, whatever comes meanwhile
        config = read_config(path)
        checkpoint_of(_content(config, {}), Path(CONFIG))
        path = fetch(address, WEIGHTS)
        weights = read_weights(path, config["weights"])
        return replace(checkpoint_of(_content(config, weights), path), pinned=str(address))
    except ValueError as error:
        raise ValueError(f"{address}: {str(error).removeprefix(f'{address}: ')}") from error


def _content(config: Config, weights: dict[str, Tensor]) -> dict[str, Any]:
    """Arrange what was read as a checkpoint's file does."""
    return {**config, "state_dict": {f"{NETWORK}{name}": tensor for name, tensor in weights.items()}}


def fetch(address: Address, name: str) -> Path:
    """Return a file of a repository, downloaded unless the hub's cache has it, in a folder named after the commit.

    Raises ValueError.
    """
    with explained(str(address)):
        found = hf_hub_download(address.repo, name, revision=address.revision, dry_run=True)
        if COMMIT.fullmatch(found.commit_hash) is None:
            raise ValueError(f"{found.commit_hash[:100]!r} is no commit; refused")
        _require_within(found.file_size or 0, name)
        path = Path(hf_hub_download(address.repo, name, revision=address.revision))
    _require_within(path.stat().st_size, name)
    return path


def _require_within(size: int, name: str) -> None:
    if size > LIMITS[name]:
        raise ValueError(f"{name} has {size} bytes, and at most {LIMITS[name]} are read; refused")


def read_config(path: Path) -> Config:
    """Read config.json. Raises ValueError unless this suite may have written it."""
    try:
        config = CONTENT.validate_python(json.loads(read_bytes(path, LIMITS[CONFIG])))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part)[:60] for part in fault["loc"])
        raise ValueError(f"{CONFIG} describes no checkpoint of this suite: {place} {fault['msg'][:100]}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{CONFIG} is no JSON that is read here ({str(error)[:100]})") from error
    if config["library_name"] != LIBRARY:
        raise ValueError(f"{CONFIG} is of the library {config['library_name'][:60]!r}, and {LIBRARY}'s is read here")
    return config


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read model.safetensors, which has that SHA-256. Raises ValueError if it is another file, or none such.

    A header says what each part of the file is; the library refuses one that does not cover the rest exactly.
    """
    with open_regular(path) as file:
        header = int.from_bytes(file.read(8), "little")
        if header > min(HEADER_BYTES, path.stat().st_size):
            raise ValueError(f"{WEIGHTS} is no safetensors file, or describes itself in {header} bytes; refused")
    if digest(path) != sha256:
        raise ValueError(f"{WEIGHTS} is not the file that {CONFIG} names by its SHA-256; remove {path} and try again")
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"{WEIGHTS} is truncated, damaged or no safetensors file ({str(error)[:100]})") from error
    return weights
