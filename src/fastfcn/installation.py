"""Where scripts, conf/ and the tables lie: beside the package in a checkout, inside it once installed as a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IN_WHEEL = (PACKAGE / "conf").is_dir()  # where setup.py has a wheel hold it
ROOT = PACKAGE if IN_WHEEL else PACKAGE.parents[1]
CONF = ROOT / "conf"
EXPERIMENTS = ROOT / "experiments"
SCRIPTS = PACKAGE / "scripts" if IN_WHEEL else PACKAGE.parent


def how_to_call(script: str) -> str:
    """Return how a user calls a script here."""
    return f"fastfcn {command_name(script)}" if IN_WHEEL else f"python src/{script}.py"


def command_name(script: str) -> str:
    """Name a script as the installed command does."""
    return script.replace("_", "-")


def install_extra(extra: str) -> str:
    """Return how a user installs the packages of an extra here."""
    return f"pip install 'fastfcn[{extra}]'" if IN_WHEEL else f"pip install -c constraints.txt -e '.[{extra}]'"
