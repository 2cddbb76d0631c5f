"""Fit the temperature of a network's probabilities: python src/calibrate.py checkpoint=PATH."""

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("calibrate")
def main(config: DictConfig) -> None:
    """Calibrate as composed."""
    from fastfcn.evaluation.calibrate import calibrate

    calibrate(config)


if __name__ == "__main__":
    main()
