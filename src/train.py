"""Train a network: python src/train.py model=encnet_jpu data=shapes."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fastfcn.entry import entry_point
from fastfcn.sweeping.experiments import register_experiments, require_row
from fastfcn.sweeping.orphans import die_with_parent
from fastfcn.sweeping.summary import report_jobs
from fastfcn.training.ranks import require_common_folder


def prepare(arguments: Sequence[str]) -> None:
    """See to what Hydra cannot: tables as choices, one folder for all processes."""
    register_experiments(arguments)
    require_common_folder(arguments)


@entry_point("train", before=prepare, after=report_jobs)
def main(config: DictConfig) -> None:
    """Train as composed; PyTorch is imported only once the configuration is sound."""
    require_row(config)
    from fastfcn.training.train import train

    train(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    die_with_parent()
    main()
