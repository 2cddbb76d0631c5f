"""How a training is asked to stop, and how it says that it has."""

import signal

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
PREEMPTED = 75  # exit code of a training that saved a checkpoint because it was asked to stop (EX_TEMPFAIL)
