"""The straightforward input pipeline, with Pillow alone, that the suite's own is measured and tested against."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from fastfcn.data.crop import Crop
from fastfcn.data.dataset import IGNORE, Example
from fastfcn.models.normalisation import IMAGENET


def decode(image: Path, mask: Path) -> tuple[Image.Image, Image.Image]:
    """Read two files into pixels, and do nothing with them: what no pipeline can be faster than."""
    return Image.open(image).convert("RGB"), _loaded(Image.open(mask))


def as_pictures(example: Example) -> tuple[Image.Image, Image.Image]:
    """Turn an example into Pillow's images."""
    return Image.fromarray(example.image), Image.fromarray(example.mask)


def augment(image: Image.Image, mask: Image.Image, crop: Crop, crop_size: int) -> tuple[Image.Image, Image.Image]:
    """Mirror, resize, turn, pad, crop and blur whole images, one step after the other, as the authors' code does."""
    left, right = crop.start[1], crop.scaled[1] - crop.start[1] - crop.size[1]
    start = (right if crop.flip else left, crop.start[0])  # the same pixels, for the mirror image comes first here
    if crop.flip:
        image, mask = ImageOps.mirror(image), ImageOps.mirror(mask)
    image = image.resize(crop.scaled[::-1], Image.Resampling.BILINEAR)
    mask = mask.resize(crop.scaled[::-1], Image.Resampling.NEAREST)
    if crop.angle:
        angle = -crop.angle if crop.flip else crop.angle
        image = image.rotate(angle, Image.Resampling.BILINEAR)
        mask = mask.rotate(angle, Image.Resampling.NEAREST, fillcolor=IGNORE)
    border = (0, 0, *(max(crop_size - side, 0) for side in crop.scaled[::-1]))
    image, mask = ImageOps.expand(image, border, fill=0), ImageOps.expand(mask, border, fill=IGNORE)
    box = (*start, start[0] + crop_size, start[1] + crop_size)
    image, mask = image.crop(box), mask.crop(box)
    return (image.filter(ImageFilter.GaussianBlur(crop.sigma)) if crop.sigma else image), mask


def to_tensors(image: Image.Image, mask: Image.Image) -> tuple[Tensor, Tensor]:
    """Turn into a normalised float image (3, H, W) and integer labels (H, W)."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET.mean, IMAGENET.std))
    return (pixels - mean) / std, torch.from_numpy(np.array(mask)).long()


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image
