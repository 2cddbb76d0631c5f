"""Two processes of one training, as torchrun starts them, that stay up for all tests that need two."""

import importlib
import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

SECONDS = 240  # for one call


class Pair:
    """Two processes joined by gloo, from their first call on.

    Forked where there is no GPU, which must be before anything was computed: autograd's threads do not outlive a fork.
    """

    def __init__(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        context = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
        pipes = [context.Pipe() for _ in range(2)]
        self._ends = [ours for ours, _ in pipes]
        self._processes = [
            context.Process(target=_serve, args=(rank, port, theirs), daemon=True)
            for rank, (_, theirs) in enumerate(pipes)
        ]
        for process in self._processes:
            process.start()

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Call a function of a module in both processes, and return what each returned. Raises what one raised."""
        for end in self._ends:
            end.send((function, arguments))
        answers = []
        for end in self._ends:
            if not end.poll(SECONDS):
                self.close()
                raise TimeoutError("a process does not answer")
            answers.append(end.recv())
        for failure, _ in answers:
            assert failure is None, failure
        return [result for _, result in answers]

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.join()


def _serve(rank: int, port: int, end: Connection) -> None:
    """Call what comes, forever; nothing is imported before that."""
    end.poll(None)
    from lightning.pytorch.utilities import rank_zero_only

    os.environ.update(
        {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0",
         "TORCHELASTIC_RUN_ID": "tests", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    )  # fmt: skip
    rank_zero_only.rank = rank
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    while True:
        function, arguments = end.recv()
        try:
            end.send((None, function(*arguments)))
        except BaseException:
            end.send((traceback.format_exc(), None))


def call_script(name: str, *arguments: str) -> None:
    """Call an entry script's main on two CPUs."""
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    sys.argv = [f"src/{name}.py", *arguments, "devices=2", "trainer.accelerator=cpu"]
    importlib.import_module(name).main()
