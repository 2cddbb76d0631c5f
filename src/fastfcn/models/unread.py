"""Parameters that no output depends on, as some encoders have them after their last map."""

from collections.abc import Iterable

from torch import Tensor, nn
from torch.autograd.graph import Node


def freeze_unread(network: nn.Module, outputs: Iterable[Tensor]) -> list[str]:
    """Let the parameters that the graph of `outputs` does not reach need no gradient; return their names.

    DistributedDataParallel waits for the gradient of every parameter that needs one. The state dict stays as it is.
    """
    read = _leaves(outputs)
    unread = [name for name, each in network.named_parameters() if each.requires_grad and id(each) not in read]
    for name in unread:
        network.get_parameter(name).requires_grad_(False)
    return unread


def _leaves(outputs: Iterable[Tensor]) -> set[int]:
    """Return the identities of the parameters that a graph ends in; nothing is computed."""
    pending: list[Node | None] = [output.grad_fn for output in outputs]
    seen: set[Node] = set()
    leaves: set[int] = set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            leaves.add(id(variable))
        pending.extend(parent for parent, _ in node.next_functions)
    return leaves
