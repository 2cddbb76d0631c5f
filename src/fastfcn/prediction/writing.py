"""Results written by threads, while the network goes on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

WAITING = 2  # results a thread that may wait: they can be large


class Writers:
    """Threads that call what they are given; an error of one is raised by a later call, or at the end."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max(threads, 1))
        self._most = WAITING * max(threads, 1)
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Wait for what was begun."""
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self.wait()

    def put(self, work: Callable[[], None]) -> None:
        """Have `work` done, once few enough others wait."""
        while len(self._pending) >= self._most:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(work))

    def wait(self) -> None:
        """Wait until all is written."""
        while self._pending:
            self._pending.popleft().result()
