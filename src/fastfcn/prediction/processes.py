"""Prediction on several devices: a process each, for compiled networks with CUDA graphs belong to one."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

import torch

from fastfcn.machine import require_devices

Result = TypeVar("Result")
LOOK_SECONDS = 0.5


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


def in_processes(work: Callable[[int], Result], count: int) -> list[Result]:
    """Call `work` with each number below `count` in a process of its own, and return what they return.

    Raises what one of them raises, or ValueError if one is killed. None outlives this process.
    """
    if count == 1:
        return [work(0)]
    try:
        with ProcessPoolExecutor(count, get_context("spawn"), initializer=_end_with, initargs=(os.getpid(),)) as pool:
            return list(pool.map(work, range(count)))
    except BrokenProcessPool as error:
        raise ValueError(
            "a process was killed, by the system if memory has run out; what is finished is kept: run the same command "
            "again, with lower devices or workers"
        ) from error


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone: killed, it cannot end anything itself."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
