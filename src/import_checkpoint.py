"""Import a released checkpoint: python src/import_checkpoint.py source=FILE output=FILE.ckpt [data=NAME]."""

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("import_checkpoint")
def main(config: DictConfig) -> None:
    """Import as composed."""
    from fastfcn.importing.import_checkpoint import import_checkpoint

    import_checkpoint(config)


if __name__ == "__main__":
    main()
