"""Packages of extras."""

import pytest

from fastfcn.optional import require


def test_a_missing_package_comes_with_the_command_that_installs_it() -> None:
    with pytest.raises(ValueError, match=r"hydra/launcher=x needs the package nothing_here: pip .*'.\[x\]'"):
        require("nothing_here", extra="x", what="hydra/launcher=x")
    assert require("json", extra="x", what="x").__name__ == "json"
