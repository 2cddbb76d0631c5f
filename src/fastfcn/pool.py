"""Processes that work for another one and end with it: where one is killed all end, and one of them says so."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Lock
from typing import Literal, TypeVar

LOOK_SECONDS = 0.5
AGAIN = "what is finished is kept: run the same command again"

Result = TypeVar("Result")


@contextmanager
def process_pool(count: int, *, start: Literal["fork", "spawn"]) -> Iterator[ProcessPoolExecutor]:
    """Start so many processes. Raises ValueError if one of them is killed; where this one is, they end, too."""
    context = get_context(start)
    try:
        with ProcessPoolExecutor(count, context, _follow, (os.getpid(), context.Lock())) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise ValueError(
            f"a process was killed, by the system if memory has run out; {AGAIN}, with lower devices or workers"
        ) from error


def in_processes(work: Callable[[int], Result], count: int) -> list[Result]:
    """Call `work` with each number below `count` in a process of its own, and return what they return.

    Nothing of this process is known there, such as CUDA graphs, which belong to one. Raises what one of them raises.
    """
    if count == 1:
        return [work(0)]
    with process_pool(count, start="spawn") as pool:
        results = [pool.submit(work, number) for number in range(count)]
        pool.submit(int)  # Python's pool watches over the process that it has started last only from the next call on
        return [each.result() for each in results]


def _follow(first: int, speaking: Lock) -> None:
    """Have this process end with the first, for which it would wait for ever; the one that gets the lock says so."""

    def watch() -> None:
        while os.getppid() == first:
            time.sleep(LOOK_SECONDS)
        if speaking.acquire(block=False):
            print(f"error: the first process of this command was killed, so all have ended; {AGAIN}", file=sys.stderr)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
