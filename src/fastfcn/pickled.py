"""What a pickle would do, told from its opcodes before anything does it."""

import pickletools
from collections.abc import Collection
from io import BytesIO
from typing import Any

MOST_OPCODES = 1_000_000  # of 20,000 tensors; two seconds
DEEPEST_TUPLE = 16  # a tuple is a key, and hashing one nested 100,000 deep ends the process
STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
NAMES = frozenset(
    {
        "collections.OrderedDict",
        "torch.Size",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        *(f"torch.{name}Storage" for name in STORAGES),
    }
)  # what dense tensors in containers need


class RefusedError(ValueError):
    """A file asks for what no checkpoint needs; the text goes on after its path."""


def require_plain(file: BytesIO, also: Collection[str] = ()) -> None:
    """Read `file` up to the end of one pickle; raise RefusedError if it names more than NAMES and `also`.

    Raises other errors, of many kinds, for what is no pickle.
    """
    stack: list[int] = []  # how deep each value is nested in tuples
    memo: dict[int, int] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name == "GLOBAL":
            _require_known(str(argument).replace(" ", "."), also)
        _follow(opcode, argument, stack, memo)
        if count > MOST_OPCODES or (stack and stack[-1] > DEEPEST_TUPLE):
            raise RefusedError("holds containers nested or repeated as in no checkpoint; refused")


def _require_known(name: str, also: Collection[str]) -> None:
    if name in NAMES or name in also:
        return
    if name.startswith("torch."):
        raise RefusedError(f"holds {name}, and only dense tensors, numbers and text are read; refused")
    raise RefusedError(f"holds pickled code and is refused: GLOBAL {name}"[:200])


def _follow(opcode: pickletools.OpcodeInfo, argument: Any, stack: list[int], memo: dict[int, int]) -> None:
    """Do to `stack` and `memo` what an opcode does to those of an unpickler."""
    if "GET" in opcode.name:
        stack.append(memo[argument])
    elif "PUT" in opcode.name:
        memo[argument] = stack[-1]
    elif opcode.name == "MARK":
        stack.append(MARK)
    else:
        taken = [_take(stack, kind) for kind in reversed(opcode.stack_before)]
        nested = 1 + max(taken, default=0) if opcode.name.startswith("TUPLE") else 0
        stack.extend(nested for _ in opcode.stack_after)


MARK = -1


def _take(stack: list[int], kind: pickletools.StackObject) -> int:
    """Remove one value, or all above the last mark, or that mark; return the deepest."""
    if kind is not pickletools.stackslice:
        return stack.pop()
    start = len(stack) - stack[::-1].index(MARK)
    taken = stack[start:]
    del stack[start:]
    return max(taken, default=0)
