"""Export a checkpoint for other software: python src/export.py checkpoint=PATH format=onnx output=FILE.onnx."""

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("export")
def main(config: DictConfig) -> None:
    """Export as composed."""
    from fastfcn.exporting.export import export

    export(config)


if __name__ == "__main__":
    main()
