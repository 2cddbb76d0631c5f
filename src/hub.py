"""Share checkpoints on a hub: python src/hub.py push checkpoint=PATH repo=OWNER/NAME, or pull repo= output=."""

import sys

from omegaconf import DictConfig

from fastfcn.entry import entry_point


@entry_point("hub_push")
def push(config: DictConfig) -> None:
    """Push as composed."""
    from fastfcn.hub.hub import push

    push(config)


@entry_point("hub_pull")
def pull(config: DictConfig) -> None:
    """Pull as composed."""
    from fastfcn.hub.hub import pull

    pull(config)


def main() -> None:
    """Do what the first word says."""
    programs = {"push": push, "pull": pull}
    word = sys.argv.pop(1) if len(sys.argv) > 1 else "--help"
    if word in programs:
        programs[word]()
    elif word in ("-h", "--help"):
        print(f"{__doc__} push --help and pull --help show their options.")
    else:
        print(f"error: hub.py takes push or pull first, got {word}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
