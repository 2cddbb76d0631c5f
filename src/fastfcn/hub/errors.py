"""What the hub's client raises, in one line of the user's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)

TRANSPORT = HfHubHTTPError.__bases__[0]  # the base of what the client's HTTP library raises, by whatever name
OF_THE_CLIENT = (TRANSPORT, EntryNotFoundError, OfflineModeIsEnabled, LocalTokenNotFoundError, FileMetadataError,
                 XetDownloadError)  # fmt: skip
TOKEN = "a token in HF_TOKEN, or hf auth login"
UNAUTHORISED = (401, 403)
constants.HF_HUB_DISABLE_TELEMETRY = True  # the hub is told what is asked for, and nothing of this machine

SENTENCES: dict[type[Exception], str] = {  # the first kind counts
    LocalTokenNotFoundError: f"the hub wants to know who asks: {TOKEN}",
    GatedRepoError: f"its owner gives it to those who agreed to the terms on its page; then {TOKEN}",
    RepositoryNotFoundError: f"the hub has no such repository, or a private one; for yours {TOKEN}",
    RevisionNotFoundError: "the repository has no such revision",
    RemoteEntryNotFoundError: "the repository lacks a file that every checkpoint pushed by this suite has",
}


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Raise ValueError in place of the client's errors; `place` is what was asked for."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, OF_THE_CLIENT) and (not isinstance(error, OSError) or error.errno is not None):
            raise  # a full disk, and what is no fault of the hub's
        raise ValueError(" ".join(f"{place}: {_reason(error)}".split())) from error


def _reason(error: Exception) -> str:
    if constants.HF_HUB_OFFLINE and isinstance(error, OfflineModeIsEnabled | LocalEntryNotFoundError):
        return "the hub is not asked while HF_HUB_OFFLINE is set, and the cache does not hold this"
    for kind, sentence in SENTENCES.items():
        if isinstance(error, kind):
            return sentence
    hub = f"the hub at {constants.ENDPOINT}"
    if isinstance(error, HfHubHTTPError):
        code = error.response.status_code
        if code in UNAUTHORISED:
            return f"{hub} does not let you do this ({code}); it takes {TOKEN}, with the right to write for push"
        return f"{hub} answered {code} {str(error.server_message or '')[:200]}".strip()
    if isinstance(error, TRANSPORT | LocalEntryNotFoundError):
        return f"{hub} cannot be reached ({type(error).__name__}), and the cache does not hold this"
    return str(error)[:300]
