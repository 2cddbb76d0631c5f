"""What a Slurm partition can give, so that a job it can never serve is refused instead of waiting forever."""

import re
import subprocess
from dataclasses import dataclass

COLUMNS = "%P|%D|%c|%m|%G|%l"  # partition, nodes, CPUs, MB, generic resources, time limit; a line for each kind of node


def slurm(*command: str) -> str | None:
    """Run a command of Slurm; None if it fails. Raises ValueError where there is no Slurm."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except FileNotFoundError as error:
        raise ValueError(
            f"hydra/launcher=slurm needs {command[0]}, which is not here; start the sweep where sbatch works, or take "
            "hydra/launcher=local"
        ) from error
    except subprocess.SubprocessError:
        return None


@dataclass(frozen=True)
class Partition:
    """The most that one node of it has, their number, and the time limit in minutes (None: none)."""

    name: str
    nodes: int
    cpus: int
    memory_mb: int
    gpus: int
    minutes: float | None

    def require(self, job: str, *, nodes: int, cpus: int, gpus: int, minutes: int, memory_gb: float) -> None:
        """Raise ValueError if a job asks for more."""
        wants = {
            "nodes (num_nodes=)": (nodes, self.nodes),
            "CPUs a node (devices= x hydra.launcher.cpus_per_task=)": (cpus, self.cpus),
            "GPUs a node (devices=, hydra.launcher.gpus_per_node=)": (gpus, self.gpus),
            "MB of memory (hydra.launcher.mem_gb=)": (1000 * memory_gb, self.memory_mb),
            "minutes (hydra.launcher.timeout_min=)": (minutes, float("inf") if self.minutes is None else self.minutes),
        }
        for what, (asked, most) in wants.items():
            if asked > most:
                raise ValueError(f"{job} needs {asked:g} {what}, partition {self.name} has at most {most:g}")


def read_partition(name: str | None) -> Partition:
    """Ask sinfo about a partition, or about the default one. Raises ValueError if there is none."""
    told = slurm("sinfo", "--noheader", "--format", COLUMNS)
    if told is None:
        raise ValueError("sinfo fails, so Slurm cannot be used from here; is its controller up?")
    return parse_partition(told, name)


def parse_partition(told: str, name: str | None) -> Partition:
    """Read the lines of sinfo. Raises ValueError if the partition is not among them."""
    rows = [line.split("|") for line in told.splitlines() if line.count("|") == 5]
    chosen = [row for row in rows if (row[0].endswith("*") if name is None else row[0].rstrip("*") == name)]
    if not chosen:
        known = ", ".join(sorted({row[0].rstrip("*") for row in rows})) or "none"
        raise ValueError(f"hydra.launcher.partition={name} is not one of {known}")
    return Partition(
        name=chosen[0][0].rstrip("*"),
        nodes=sum(int(row[1]) for row in chosen),
        cpus=max(_number(row[2]) for row in chosen),
        memory_mb=max(_number(row[3]) for row in chosen),
        gpus=max(sum(map(int, re.findall(r"gpu(?::[^:,(]+)?:(\d+)", row[4]))) for row in chosen),
        minutes=_minutes(chosen[0][5]),
    )


def _number(text: str) -> int:
    return int(text.rstrip("+"))  # 32+ where nodes differ


def _minutes(limit: str) -> float | None:
    """Read [DAYS-][HOURS:]MINUTES:SECONDS."""
    if not re.fullmatch(r"[\d:-]+", limit):
        return None  # infinite
    days, _, clock = limit.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return 1440 * int(days or 0) + seconds / 60
