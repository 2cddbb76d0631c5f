"""Packages that only some commands need."""

import importlib
from types import ModuleType

from fastfcn.installation import install_extra


def require(package: str, *, extra: str, what: str) -> ModuleType:
    """Import `package`. Raises ValueError saying what to install where it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ValueError(f"{what} needs the package {package}: {install_extra(extra)}") from error
