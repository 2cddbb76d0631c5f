"""Push a checkpoint to the hub, and pull one into a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from huggingface_hub import CommitOperationAdd, HfApi
from omegaconf import DictConfig

from fastfcn import __version__
from fastfcn.checkpoints import network_of, read_checkpoint, write_checkpoint
from fastfcn.composition import plain, typed
from fastfcn.files import write_atomically
from fastfcn.hub.address import Address, Repo, Revision, is_address
from fastfcn.hub.bundle import files_of
from fastfcn.hub.card import write_card
from fastfcn.hub.certificate import describe_certificate
from fastfcn.hub.errors import explained
from fastfcn.hub.repository import LIBRARY, read_repository
from fastfcn.hub.scores import results_of
from fastfcn.options import Name, holds
from fastfcn.prediction.journal import digest

Licence = Annotated[
    str,
    holds(
        "an identifier of the hub, such as mit or cc-by-4.0",
        lambda value: bool(re.fullmatch(r"[a-z0-9.-]{2,40}", value)),
    ),
]


@dataclass(frozen=True)
class PushConfig:
    """The root of conf/hub_push.yaml, resolved."""

    checkpoint: Name
    repo: Repo
    results: list[Name]
    certificate: Name | None
    license: Licence | None
    private: bool
    output: Name | None


@dataclass(frozen=True)
class PullConfig:
    """The root of conf/hub_pull.yaml, resolved."""

    repo: Repo
    revision: Revision
    output: Name


def push(config: DictConfig) -> None:
    """Push config.checkpoint with its card, in one commit; with config.output, write there what would be pushed."""
    settings = typed(PushConfig, plain(config))
    if is_address(settings.checkpoint):
        raise ValueError(f"checkpoint={settings.checkpoint} is on the hub already; give a file")
    files = prepared(settings)
    if settings.output is None:
        print(upload(settings, files))
        return
    for name, content in files.items():
        write_atomically(Path(settings.output) / name, content)
    print(f"{settings.output}: {', '.join(files)}; without output= they are pushed to {settings.repo}")


def prepared(settings: PushConfig) -> dict[str, bytes]:
    """Make the files of a repository. Raises ValueError for a checkpoint, result or certificate that does not fit."""
    checkpoint = read_checkpoint(settings.checkpoint)
    network = network_of(checkpoint)
    certificate = settings.certificate and describe_certificate(Path(settings.certificate), digest(checkpoint.path))
    card = write_card(
        checkpoint.description,
        network,
        repo=settings.repo,
        results=results_of(checkpoint, network, [Path(path).expanduser() for path in settings.results]),
        licence=settings.license,
        certificate=certificate,
    )
    return files_of(checkpoint, card)


def upload(settings: PushConfig, files: Mapping[str, bytes]) -> str:
    """Push `files`; return what to say of it."""
    hub = HfApi(library_name=LIBRARY, library_version=__version__)
    with explained(settings.repo):
        hub.create_repo(settings.repo, private=settings.private, exist_ok=True)
        operations = [CommitOperationAdd(name, content) for name, content in files.items()]
        commit = hub.create_commit(settings.repo, operations, commit_message=f"Checkpoint of {LIBRARY} {__version__}")
    return f'{commit.commit_url}: load_network("{Address(settings.repo, commit.oid)}")'


def pull(config: DictConfig) -> None:
    """Write config.repo's checkpoint into the file config.output; nothing is written unless it is one, whole."""
    settings = typed(PullConfig, plain(config))
    checkpoint = read_repository(str(Address(settings.repo, settings.revision)))
    network_of(checkpoint)
    write_checkpoint(Path(settings.output), checkpoint.description, checkpoint.weights, checkpoint.step)
    print(f"{settings.output}: {checkpoint.pinned}, {len(checkpoint.description.classes)} classes")
