"""Dashboards of W&B runs: python src/dashboard.py view outputs/sweeps/upsampling, or push, or spec."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fastfcn.optional import require
from fastfcn.words import one_line_of_mistakes, tell_apart

EXTRA = "dashboard"
HELP = """\
view RUNS [port=6006]: show offline runs in a browser, by TensorBoard.
push entity=NAME [project=fastfcn] [RUNS]: save a workspace and a report at W&B.
spec [output=dashboard.json] [entity=] [project=] [RUNS]: write both as JSON, without a network.

RUNS are folders of runs; with them, the dashboard has a bar for each of their classes."""
OPTIONS: dict[str, dict[str, str | None]] = {
    "push": {"project": "fastfcn", "entity": None},
    "spec": {"project": "fastfcn", "entity": "entity", "output": "dashboard.json"},
    "view": {"port": "6006"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        print(HELP)
        sys.exit(0 if words else 2)
    with one_line_of_mistakes():
        command, *rest = words
        if command not in OPTIONS:
            raise ValueError(f"dashboard.py takes {', '.join(OPTIONS)} first, got {command}")
        roots, given = tell_apart(rest, OPTIONS[command], command)
        options = {key: value for key, value in given.items() if value}
        for key in given.keys() - options.keys():
            raise ValueError(f"{command} needs {key}=")
        if command == "view":
            show(roots, options["port"])
        else:
            build(command, roots, options)


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
