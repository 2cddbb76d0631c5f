"""Measure speed and memory: python src/benchmark.py models=[encnet_jpu,encnet_os8] size=512 batch=1."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("benchmark")
def main(config: DictConfig) -> None:
    """Run the benchmark that `what` names."""
    from fastfcn.benchmarking.benchmark import benchmark

    benchmark(config, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
