"""Evaluate a checkpoint: python src/evaluate.py checkpoint=outputs/.../checkpoints/best.ckpt."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("evaluate")
def main(config: DictConfig) -> None:
    """Evaluate as composed."""
    from fastfcn.evaluation.evaluate import evaluate

    evaluate(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
