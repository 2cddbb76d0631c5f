"""The installed command: `fastfcn train KEY=VALUE` is `python src/train.py KEY=VALUE`, from any folder."""

import ast
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastfcn import __version__
from fastfcn.installation import SCRIPTS, command_name
from fastfcn.nearest import did_you_mean

HELP = """\
fastfcn {version}: train, evaluate and compare networks for fast semantic segmentation.

  fastfcn COMMAND [KEY=VALUE ...]

{commands}

fastfcn COMMAND --help shows the options of a command, --cfg job its whole configuration."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Become the script that the first word names, so that it starts its own processes as it does in a checkout."""
    first, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if first in ("-h", "--help", "help"):
        print(overview(known_commands()))
    elif first == "--version":
        print(__version__)
    else:
        script = find_command(first)
        os.execv(sys.executable, [sys.executable, str(script), *rest])


def known_commands() -> dict[str, Path]:
    """Find the scripts, by the names of their commands."""
    return {command_name(path.stem): path for path in sorted(SCRIPTS.glob("*.py"))}


def find_command(word: str) -> Path:
    """Return the script of a command; one line ends the program where there is none."""
    known = known_commands()
    name = command_name(word)
    if name in known:
        return known[name]
    hint = did_you_mean(name, known)
    print(f"error: {word} is no command of fastfcn; {hint}There are {', '.join(known)}", file=sys.stderr)
    sys.exit(2)


def overview(commands: Mapping[str, Path]) -> str:
    """List the commands with the first line of each script, which holds an example."""
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {_summary(name, path)}" for name, path in commands.items()]
    return HELP.format(version=__version__, commands="\n".join(lines))


def _summary(name: str, script: Path) -> str:
    text = ast.get_docstring(ast.parse(script.read_text())) or ""
    return text.partition("\n")[0].replace(f"python src/{script.name}", f"fastfcn {name}")
