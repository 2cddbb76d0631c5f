"""BatchNorm whose statistics are those of all processes, on GPUs."""

from lightning.pytorch.accelerators import CUDAAccelerator
from lightning.pytorch.plugins import LayerSync
from timm.layers import BatchNormAct2d, convert_sync_batchnorm
from torch import nn
from torch.distributed import ProcessGroup, new_subgroups
from torch.nn.modules.batchnorm import _BatchNorm

from fastfcn.training.config import RunConfig


def synchronised(settings: RunConfig) -> bool:
    """Tell whether BatchNorm's statistics are those of all processes; torch has no such layer for CPUs."""
    on_gpu = settings.trainer["accelerator"] in ("auto", "gpu", "cuda") and CUDAAccelerator.is_available()
    return on_gpu and (settings.devices > 1 or settings.num_nodes > 1)


class SynchronisedBatchNorm(LayerSync):
    """Converts, for the time of training, by timm's converter: torch's drops the activation of timm's BatchNormAct2d.

    Names and tensors stay, so checkpoints do not change. `group` neighbouring processes share statistics; None: all do.
    """

    def __init__(self) -> None:
        self.group: int | None = None
        self._former: list[tuple[nn.Module, str, _BatchNorm]] = []

    def apply(self, model: nn.Module) -> nn.Module:
        """Put a synchronised layer in the place of every BatchNorm. Raises ValueError for a kind that has none."""
        group = None if self.group is None else new_subgroups(self.group)[0]
        norms = {each: _convert(each, group) for each in model.modules() if isinstance(each, _BatchNorm)}
        for parent in list(model.modules()):
            for name, child in parent._modules.items():
                if isinstance(child, _BatchNorm) and child in norms:
                    self._former.append((parent, name, child))
                    parent._modules[name] = norms[child]
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Put the former layers back, with the tensors as training left them."""
        for parent, name, norm in self._former:
            trained = parent.get_submodule(name)
            norm._parameters, norm._buffers = trained._parameters, trained._buffers
            parent._modules[name] = norm.train(trained.training)
        self._former.clear()
        return model


def _convert(norm: _BatchNorm, group: ProcessGroup | None) -> nn.Module:
    if not isinstance(norm, BatchNormAct2d | nn.SyncBatchNorm) and type(norm).forward is not _BatchNorm.forward:
        raise ValueError(
            f"{type(norm).__name__} computes more than BatchNorm and has no synchronised form; train on one device, or "
            "choose another model.backbone.name"
        )
    converted: nn.Module = convert_sync_batchnorm(norm, group)
    return converted
