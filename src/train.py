"""Train a network: python src/train.py model=encnet_jpu data=shapes."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("train")
def main(config: DictConfig) -> None:
    """Train as composed; PyTorch is imported only once the configuration is sound."""
    from fastfcn.training.run import train

    if HydraConfig.get().mode == RunMode.MULTIRUN and config.devices * config.num_nodes != 1:
        raise ValueError("a sweep (-m) trains on one device a job; start runs with devices= or num_nodes= one by one")
    train(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
