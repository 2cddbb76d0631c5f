"""What a job needs of the machine that runs it."""

from dataclasses import dataclass

from omegaconf import DictConfig

ON_GPU = ("gpu", "cuda")


@dataclass(frozen=True)
class Needs:
    """`processes` a node on `nodes` nodes; `gpus`: True if each must have a GPU, None if it takes one that is there."""

    processes: int
    nodes: int
    gpus: bool | None

    def gpus_a_node(self, available: int) -> int:
        """Return how many GPUs the job takes of a node that has `available`."""
        return self.processes if self.gpus or (self.gpus is None and available) else 0


def needs_of(config: DictConfig) -> Needs:
    """Read a job's needs off its composed configuration. Raises ValueError for counts that no machine has."""
    for name in ("devices", "num_nodes"):
        if int(config.get(name, 1)) < 1:
            raise ValueError(f"{name} must be 1 or more, got {config[name]}")
    accelerator = config.trainer.accelerator
    gpus = True if accelerator in ON_GPU else None if accelerator == "auto" else False
    return Needs(int(config.devices), int(config.get("num_nodes", 1)), gpus)
