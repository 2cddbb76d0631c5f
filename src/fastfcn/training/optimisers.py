"""Optimisers and their parameter groups: rates by the part of the network, and decay by the kind of parameter."""

import logging
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, AdamW, Optimizer

from fastfcn.models.backbone import Backbone
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.freezing import stage_parameters
from fastfcn.training.recipe import Recipe

MOMENTUM = 0.9
# not decayed by AdamW: embeddings, and the scales of Swin v2's attention
EMBEDDINGS = ("pos_embed", "relative_position_bias_table", "rel_pos", "cls_token", "reg_token", "logit_scale")

Groups = list[dict[str, Any]]

log = logging.getLogger(__name__)


def recipe_optimiser(recipe: Recipe, network: Segmenter, lr: float) -> Optimizer:
    """Build the recipe's optimiser, with `lr` for the backbone."""
    if recipe.optimizer == "adamw":
        return AdamW(adamw_groups(recipe, network, lr))
    if wants_adamw(network.backbone):
        log.info(
            "%s normalises its layers as transformers and ConvNeXt do, which SGD trains badly: try recipe=finetune",
            network.backbone.name,
        )
    return build_optimiser(parameter_groups(network, lr, recipe.head_lr_factor), recipe.weight_decay)


def wants_adamw(backbone: nn.Module) -> bool:
    """Tell transformers and ConvNeXt, whose norms are LayerNorms for the most part, from networks with BatchNorm."""
    kinds = [type(module) for module in backbone.modules()]
    layer, batch = (sum(issubclass(kind, norm) for kind in kinds) for norm in (nn.LayerNorm, _BatchNorm))
    return layer > batch


def parameter_groups(network: nn.Module, lr: float, head_lr_factor: float) -> Groups:
    """Group parameters by part of the network: `backbone` at `lr`, the others at `head_lr_factor` times that.

    The neck of a backbone is a part of its own: it begins without pretrained weights, as the head does.
    """
    return [
        {"name": name, "params": list(part.parameters()), "lr": lr if name == "backbone" else head_lr_factor * lr}
        for name, part in _parts(network)
        if any(True for _ in part.parameters())
    ]


def _parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, part in network.named_children():
        if isinstance(part, Backbone) and part.neck is not None:
            yield from ((name, part.encoder), ("neck", part.neck))
        else:
            yield name, part


def build_optimiser(groups: Groups, weight_decay: float) -> SGD:
    """SGD with momentum; weight decay on every parameter, as the authors have it."""
    return SGD(groups, momentum=MOMENTUM, weight_decay=weight_decay)


def adamw_groups(recipe: Recipe, network: Segmenter, lr: float) -> Groups:
    """Group parameters as above, and within a part by decay: none on norms, biases and embeddings of positions.

    With `recipe.stage_decay` the backbone's rates fall from each stage to the one before.
    """
    scales = stage_scales(network.backbone, recipe.stage_decay)
    groups: dict[tuple[str, float, float], list[nn.Parameter]] = {}
    for part, module in _parts(network):
        rate = lr if part == "backbone" else lr * recipe.head_lr_factor
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                decay = recipe.weight_decay if _decays(name, parameter) else 0.0
                groups.setdefault((part, rate * scales.get(parameter, 1.0), decay), []).append(parameter)
    return [
        {"name": f"{part}.{index}", "params": parameters, "lr": rate, "weight_decay": decay}
        for index, ((part, rate, decay), parameters) in enumerate(groups.items())
    ]


def stage_scales(backbone: Backbone, decay: float | None) -> dict[nn.Parameter, float]:
    """Return decay^n for the parameters of the stage n before the last."""
    stages = [] if decay is None else stage_parameters(backbone)
    return {each: (decay or 1.0) ** (len(stages) - 1 - n) for n, stage in enumerate(stages) for each in stage}


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and not any(kind in name for kind in EMBEDDINGS)
