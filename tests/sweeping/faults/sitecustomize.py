"""On a job's PYTHONPATH: has it come to a bad end once it has trained. FAULTS maps overrides to signals, as JSON.

SIGSTOP makes it hang. `rank1` in the place of an override means the second process of a distributed job.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path


def meet(name: str) -> None:
    """Send this process the signal once its folder has a checkpoint."""
    folder = next(word for word in sys.orig_argv if word.startswith("hydra.run.dir=")).partition("=")[2].strip("'\"")
    while not (Path(folder) / "checkpoints" / "last.ckpt").exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.Signals[name])


for override, fault in json.loads(os.environ.get("FAULTS", "{}")).items():
    training = any(word.startswith("hydra.run.dir=") for word in sys.orig_argv)
    second = override == "rank1" and os.environ.get("LOCAL_RANK") == "1"
    if training and (override in sys.orig_argv or second):
        threading.Thread(target=meet, args=(fault,), daemon=True).start()
