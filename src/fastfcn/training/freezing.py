"""Stages of the backbone that keep their pretrained weights, for a while or for good."""

from itertools import chain

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from fastfcn.models.backbone import Backbone
from fastfcn.models.plain import PlainEncoder

SIDE = 64  # of the image that is asked which stage a parameter belongs to


def stage_parameters(backbone: Backbone) -> list[list[nn.Parameter]]:
    """Return the parameters that C2, C3, C4 and C5 depend on, each in the first stage that does.

    The stages of a plain transformer are quarters of its blocks; its neck, which has no pretrained weights, is in none.
    """
    if isinstance(backbone.encoder, PlainEncoder):
        return backbone.encoder.stages()
    parameters = [each for each in backbone.parameters() if each.requires_grad]
    training = backbone.training
    maps = backbone.eval()(parameters[0].new_zeros(1, backbone.statistics.channels, SIDE, SIDE))
    backbone.train(training)
    stages: list[list[nn.Parameter]] = []
    for features in (maps.c2, maps.c3, maps.c4, maps.c5):
        known = {id(each) for each in chain(*stages)}
        gradients = torch.autograd.grad(features.sum(), parameters, retain_graph=True, allow_unused=True)
        reached = [each for each, gradient in zip(parameters, gradients, strict=True) if gradient is not None]
        stages.append([each for each in reached if id(each) not in known])
    return stages


class Freezing(Callback):
    """Freezes the first `stages` of the backbone, with their BatchNorm statistics, in the first `epochs` or for good.

    What thaws later is part of the optimiser, and of DDP, from the beginning: until then its gradients are dropped.
    """

    def __init__(self, backbone: Backbone, *, stages: int, epochs: int | None) -> None:
        self.epochs = epochs
        self.parameters = list(chain(*stage_parameters(backbone)[:stages]))
        frozen = {id(each) for each in self.parameters}
        self.norms = [
            module
            for module in backbone.modules()
            if isinstance(module, _BatchNorm) and any(id(each) in frozen for each in module.parameters())
        ]
        if epochs is None:
            for parameter in self.parameters:
                parameter.requires_grad_(False)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do as at the start of an epoch: a run resumed in its midst has no other."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep BatchNorm's statistics while they are frozen; thaw them after that."""
        frozen = self._frozen(trainer)
        for norm in self.norms:
            norm.train(not frozen and pl_module.training)

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        """Drop the gradients of what is frozen, so that the optimiser leaves it alone."""
        if self._frozen(trainer):
            for parameter in self.parameters:
                parameter.grad = None

    def _frozen(self, trainer: L.Trainer) -> bool:
        return self.epochs is None or trainer.current_epoch < self.epochs
