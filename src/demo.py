"""Try a network on a page in the browser: python src/demo.py checkpoint=PATH [checkpoint2=PATH]."""

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("demo")
def main(config: DictConfig) -> None:
    """Serve as composed."""
    from fastfcn.prediction.demo import serve

    serve(config)


if __name__ == "__main__":
    main()
