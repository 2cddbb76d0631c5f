"""How an entry script starts and how it fails: a user's mistake ends with one line, exit code 1, and no traceback."""

import contextlib
import difflib
import functools
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fastfcn import disk
from fastfcn.console import print_whatever_comes
from fastfcn.fitting import shortened
from fastfcn.installation import CONF
from fastfcn.literal import literal
from fastfcn.out_of_memory import explain as explain_memory
from fastfcn.out_of_memory import is_out_of_memory
from fastfcn.words import FULL_ERROR

WRITTEN = ("hydra.run.dir=", "output=")  # options that name a folder to write to
MISTAKES = (ValueError, OSError, HydraException, OmegaConfBaseException)
LONGEST = 2000  # characters of a line
LIGHTNING_ERRORS = "lightning.fabric.utilities.exceptions"  # takes seconds to import

Task = Callable[[DictConfig], None]


def entry_point(
    config_name: str,
    *,
    before: Callable[[Sequence[str]], None] = lambda _arguments: None,
    after: Callable[[], None] = lambda: None,
) -> Callable[[Task], Callable[[], None]]:
    """Turn a task into a program that composes conf/`config_name`.yaml from the command line.

    `before` sees the command line first; `after` is called once all is done, and may end the program.
    """

    def decorate(task: Task) -> Callable[[], None]:
        @functools.wraps(task)
        def program() -> None:
            asked = os.environ.get(FULL_ERROR)
            failures: list[Exception] = []

            @functools.wraps(task)
            def contained(config: DictConfig) -> None:
                _set_full_error(asked)
                try:
                    task(config)
                except Exception as error:
                    if HydraConfig.get().mode == RunMode.MULTIRUN:
                        raise  # for Hydra's own launchers, which collect the failures of jobs
                    failures.append(error)  # raised from here, Hydra would add lines of its own

            os.environ[FULL_ERROR] = "1"  # have Hydra raise, so that its many lines can be made one
            print_whatever_comes()
            try:
                before(sys.argv[1:])
                sys.argv[1:] = literal(sys.argv[1:])  # also for the processes that DDP starts with them
                hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(contained)()
                if failures:
                    raise failures[0]
                after()
            except KeyboardInterrupt:
                with contextlib.suppress(SystemExit):
                    after()
                sys.exit(130)
            except Exception as error:
                if asked == "1" or not _is_mistake(error):
                    raise
                print(f"error: {explain(error, config_name)}", file=sys.stderr)
                sys.exit(1)
            finally:
                _set_full_error(asked)

        return program

    return decorate


def _set_full_error(value: str | None) -> None:
    if value is None:
        os.environ.pop(FULL_ERROR, None)
    else:
        os.environ[FULL_ERROR] = value


def _is_mistake(error: Exception) -> bool:
    lightnings = getattr(sys.modules.get(LIGHTNING_ERRORS), "MisconfigurationException", ())
    return isinstance(error, (*MISTAKES, lightnings)) or is_out_of_memory(error)


def explain(error: BaseException, config_name: str) -> str:
    """Say in one line what was wrong, and for an unknown key what is near it."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None and str(error.__cause__):
        return explain(error.__cause__, config_name)
    text = str(error)
    if exhausted := _exhausted(error, config_name):
        return exhausted
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    if text.startswith("Expected more than 1 value per channel"):  # what BatchNorm says
        return "BatchNorm got one value a channel, of a batch of one image; take a batch of 2 or more"
    if wordless := re.match(r"Error parsing override '([^'=]*)'", text):
        return f"{wordless[1]} is no option; options are KEY=VALUE, such as seed=1"
    unknown = re.match(r"Could not override '([^']+)'", text)
    removed = removed_parts(sys.argv[1:])
    if unknown and unknown[1].partition(".")[0] in removed:
        part = unknown[1].partition(".")[0]
        return f"{unknown[1]} cannot be set: {removed[part]} takes {part} away; leave one of the two out"
    if text.startswith("Config group override must be") and removed:
        return f"{' '.join(removed.values())} takes away what cannot be left out; name a choice instead of null"
    if unknown:
        return f"{unknown[1]} is not a key of the configuration; {_near(unknown[1], config_name)}"
    if "Caught" in text and "in DataLoader worker" in text:
        text = text.strip().splitlines()[-1].partition(": ")[2]  # the worker's own error, below its traceback
    text = text.partition("Config search path")[0]
    text = re.sub(r"\n\t", ", ", re.sub(r":\n\t", ": ", text.strip()))
    return shortened(re.sub(r"\s+", " ", text), LONGEST) or type(error).__name__


def removed_parts(arguments: Sequence[str]) -> dict[str, str]:
    """Return the groups that a command line takes away, by ~GROUP or GROUP=null, and the argument that does."""
    found = [(re.match(r"~([\w/]+)|([\w/]+)=null$", argument), argument) for argument in arguments]
    named = {match[1] or match[2]: argument for match, argument in found if match}
    return {group: argument for group, argument in named.items() if (CONF / group).is_dir()}


def _exhausted(error: BaseException, config_name: str) -> str | None:
    if is_out_of_memory(error):
        return explain_memory(error, config_name)
    return disk.explain(error, config_name, _written_folder()) if disk.is_full(error) else None


def _written_folder() -> str:
    """Return the folder that the command line gives to write to, or else this one, in which outputs/ is."""
    given = [argument.partition("=")[2] for argument in sys.argv[1:] if argument.startswith(WRITTEN)]
    return given[-1] if given else str(Path.cwd())


def _near(key: str, config_name: str) -> str:
    choices = [argument for argument in sys.argv[1:] if re.fullmatch(r"[\w/]+=\w+", argument)]
    choices = [choice for choice in choices if choice.partition("=")[0] != key]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            known = [name for name in _keys(compose(config_name, overrides=choices)) if "._" not in name]
    except (HydraException, OmegaConfBaseException):
        return "--cfg job lists all"
    close = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    parent = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == parent]
    return (
        f"close keys: {', '.join(close or siblings[:12]) or 'none'} "
        "(--cfg job lists all; an option left at its default is set with +KEY=VALUE)"
    )


def _keys(node: DictConfig, prefix: str = "") -> list[str]:
    names: list[str] = []
    for key in map(str, node):
        name = prefix + key
        names.append(name)
        if not OmegaConf.is_missing(node, key) and OmegaConf.is_dict(node._get_node(key)):
            names.extend(_keys(node[key], f"{name}."))
    return names
