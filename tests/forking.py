"""Processes that are as this one was before it computed anything, for autograd's threads do not outlive a fork.

They have all that was imported by then: a process of its own without the ten seconds that imports take.
"""

import multiprocessing
import os
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class Zygote:
    """A process, forked when this is made, which forks itself on demand."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        self._end, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()

    def start(self, function: Callable[..., Any], *arguments: Any) -> int:
        """Call a function of a module in a new process, the first of a group of its own, and return its number."""
        self._end.send((function, arguments))
        number: int = self._end.recv()
        return number

    def wait(self, number: int, *, block: bool = True) -> int | None:
        """Return how a process ended, a signal as a negative number; None if it has not and `block` is False."""
        self._end.send((None, (number, block)))
        code: int | None = self._end.recv()
        return code

    def close(self) -> None:
        """End it; what it has started goes on."""
        self._process.kill()
        self._process.join()


def _serve(end: Connection) -> None:
    while True:
        function, arguments = end.recv()
        if function is None:
            number, block = arguments
            found, status = os.waitpid(number, 0 if block else os.WNOHANG)
            end.send(os.waitstatus_to_exitcode(status) if found else None)
        elif number := os.fork():
            end.send(number)
        else:
            _call(function, arguments)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    code = 1
    try:
        os.setsid()
        function(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
