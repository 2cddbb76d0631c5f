"""The device of each of the processes that predict."""

import os

import torch

from fastfcn.machine import require_devices


def device_of(name: str, rank: int = 0, devices: int = 1) -> torch.device:
    """Return the device of one of so many processes. Raises ValueError for one, or so many, that are not here."""
    gpus = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if gpus else "cpu"
    if name == "cpu":
        require_devices(name, devices=devices)
    elif devices > 1:
        if name != "cuda" or devices > gpus:
            raise ValueError(f"devices={devices} with device={name}: this machine has {gpus} GPUs; take auto, or fewer")
        name = f"cuda:{rank}"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device={name} is not here; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cpu" and devices > 1:
        torch.set_num_threads(max((os.cpu_count() or 1) // devices, 1))
    return device
