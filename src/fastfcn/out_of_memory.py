"""Running out of memory, whoever says so; importing this costs nothing."""

import re

SIGNS = (
    "can't allocate memory",  # torch on a CPU
    "out of memory",  # torch and CUDA's libraries on a GPU
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "Insufficient memory",  # OpenCV
    "bad_alloc",  # C++
    "insufficient shared memory",  # of processes that load data
    "killed by signal: Killed",  # which the system does to a process that loads data
)
REMEDIES = {  # by entry script
    "train": "lower recipe.batch_size or augmentation.crop_size, set recipe.checkpoint_backbone=true, or lower "
    "recipe.workers",
    "evaluate": "protocol=single_scale goes over a large image in windows (of protocol.crop_size); lower workers",
    "predict": "protocol=single_scale goes over a large image in windows (of protocol.crop_size); or try device=cpu",
    "benchmark": "lower size or batch",
}


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory has run out: a MemoryError (Python, numpy), or what torch, CUDA, OpenCV say otherwise."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, Exception) and any(sign in str(error) for sign in SIGNS)


def explain(error: BaseException, script: str) -> str:
    """Say in one line that memory has run out, how much was asked for, and what to do in `script`."""
    asked = re.search(r"[Tt]ried to allocate ([\d.]+ \w+)|[Uu]nable to allocate ([\d.]+ \w+)", str(error))
    amount = f" ({asked[1] or asked[2]} asked for at once)" if asked else ""
    return f"out of memory{amount}: {REMEDIES.get(script, 'use smaller inputs, or free memory')}"
