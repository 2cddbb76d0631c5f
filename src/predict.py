"""Segment images: python src/predict.py checkpoint=PATH images=PATH output=DIR."""

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("predict")
def main(config: DictConfig) -> None:
    """Predict as composed."""
    from fastfcn.evaluation.predict import predict

    predict(config)


if __name__ == "__main__":
    main()
