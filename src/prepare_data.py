"""Download and check a dataset: python src/prepare_data.py data=ade20k data.root=PATH [verify=true]."""

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("prepare_data")
def main(config: DictConfig) -> None:
    """Prepare as composed."""
    from fastfcn.data.preparing.prepare_data import prepare_data

    prepare_data(config)


if __name__ == "__main__":
    main()
