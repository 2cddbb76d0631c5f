"""Dashboards of W&B runs: python src/dashboard.py view outputs/sweeps/upsampling, or push, or spec."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from fastfcn.optional import require

EXTRA = "dashboard"
OPTIONS: dict[str, dict[str, str | None]] = {
    "push": {"project": "fastfcn", "entity": None},
    "spec": {"project": "fastfcn", "entity": "entity", "output": "dashboard.json"},
    "view": {"port": "6006"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description="Show runs in a browser, or build the dashboard of W&B.",
        epilog="view RUNS [port=6006]: serve offline runs here, by TensorBoard. "
        "push entity=NAME [project=fastfcn] [RUNS]: save a workspace and a report at W&B. "
        "spec [output=dashboard.json] [RUNS]: write both as JSON, without a network. "
        "With RUNS, folders of runs, the dashboard has a bar for each of their classes.",
    )
    parser.add_argument("command", choices=sorted(OPTIONS))
    parser.add_argument("words", nargs="*", metavar="RUNS | KEY=VALUE")
    given = parser.parse_args(arguments)
    try:
        roots, options = parse(given.command, given.words)
        if given.command == "view":
            show(roots, options["port"])
        else:
            build(given.command, roots, options)
    except (ValueError, OSError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":  # as for the other scripts
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def parse(command: str, words: Sequence[str]) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Tell folders from KEY=VALUE. Raises ValueError for an option unknown or missing."""
    found = [re.fullmatch(r"([a-z_]+)=(.*)", word) for word in words]
    options = {match[1]: match[2] for match in found if match}
    allowed = OPTIONS[command]
    for key in options.keys() - allowed.keys():
        raise ValueError(f"{command} has no option {key}=; it has {', '.join(f'{name}=' for name in allowed)}")
    merged = {**allowed, **options}
    for key, value in merged.items():
        if not value:
            raise ValueError(f"{command} needs {key}=")
    roots = tuple(Path(word) for word, match in zip(words, found, strict=True) if match is None)
    return roots, {key: str(value) for key, value in merged.items()}


def show(roots: tuple[Path, ...], port: str) -> None:
    """Serve runs until Ctrl-C."""
    if not roots:
        raise ValueError("view needs a folder of runs, such as outputs/sweeps/upsampling")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"port must be a number from 0 (any) to 65535, got {port}")
    require("tensorboard", extra=EXTRA, what="view")
    from fastfcn.tracking.view import view

    view(roots, port=int(port), announce=lambda line: print(line, flush=True))


def build(command: str, roots: tuple[Path, ...], options: dict[str, str]) -> None:
    """Write the dashboard, or save it at W&B."""
    require("wandb_workspaces", extra=EXTRA, what=command)
    from fastfcn.files import write_atomically
    from fastfcn.tracking.dashboard import push, specification
    from fastfcn.tracking.offline import read_runs

    classes = list(dict.fromkeys(name for run in read_runs(roots) for name in run.classes))
    if command == "push":
        for address in push(options["project"], options["entity"], classes):
            print(address)
    else:
        content = specification(options["project"], options["entity"], classes)
        write_atomically(Path(options["output"]), (json.dumps(content, indent=2) + "\n").encode())
        print(options["output"])


if __name__ == "__main__":
    main()
