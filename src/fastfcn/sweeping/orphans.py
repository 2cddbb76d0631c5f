"""A training never outlives the sweep that started it."""

import ctypes
import os
import signal
import sys

VARIABLE = "FASTFCN_SUPERVISOR"  # the process id of the sweep's process that watches over this one
PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """In a job of a sweep on Linux, have the kernel kill this process when the one that started it ends.

    The processes that DDP starts come here too, so the whole job follows.
    """
    supervisor = os.environ.get(VARIABLE)
    if supervisor is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if not os.path.exists(f"/proc/{supervisor}"):  # noqa: PTH110  # it ended before the line above took effect
        os.kill(os.getpid(), signal.SIGKILL)
