"""A Slurm of this machine alone, started by hand as root and stopped by process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=15
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=60
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=4000
PartitionName=debug Nodes={host} Default=YES MaxTime=60 State=UP
"""


def install() -> str | None:
    """Install what is missing with apt; return why that cannot be, or None."""
    if all(shutil.which(name) for name in PROGRAMS):
        return None
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "Slurm is not installed, and installing it takes root and apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes", "slurm-wlm", "munge"]):
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        if run.returncode != 0:
            return f"{' '.join(command)} fails: {run.stderr.strip().splitlines()[-1:]}"
    return None


@contextmanager
def running_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start Slurm with its files in `folder`, yield the environment that finds it, and stop all of it."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=host, folder=folder))
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    munge = [f"--{name}-file={folder}/munge.{suffix}" for name, suffix in
             {"key": "key", "pid": "pid", "log": "log", "seed": "seed"}.items()]  # fmt: skip
    try:
        call(["munged", "--force", f"--socket={folder}/munge.sock", *munge], environment)
        call(["slurmctld", "-c"], environment)
        call(["slurmd", "-c"], environment)
        wait_until(lambda: "idle" in call(["sinfo", "--noheader", "--format=%t"], environment), "the node to be idle")
        yield environment
    finally:
        subprocess.run(["scancel", "--user=root"], env=environment, timeout=60, check=False)
        for name in ("slurmd", "slurmctld", "munge"):
            stop(folder / f"{name}.pid")


def call(command: list[str], environment: dict[str, str]) -> str:
    """Run a command and return what it prints."""
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0 or command[0] == "sinfo", f"{command}: {run.stdout}{run.stderr}"
    return run.stdout


def wait_until(condition, what: str, *, seconds: float = 60) -> None:
    """Poll `condition` and fail if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} seconds for {what}"
        time.sleep(0.3)


def stop(pid_file: Path) -> None:
    """End the daemon whose id the file holds, and wait until it is gone."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    if Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGKILL)
