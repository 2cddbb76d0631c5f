"""The authors' training augmentation and validation crop (FastFCN, section 4.1 and released code)."""

import os
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # importing albumentations must not ask the network

import albumentations as A
import cv2
import numpy as np
import torch
from PIL import Image

from fastfcn.data.dataset import IGNORE, Example, Sample, UInt8

BLUR_SIGMA = (0.0, 1.0)  # of the Gaussian, in pixels


class ScaledCrop(A.DualTransform):  # type: ignore[misc]  # albumentations is untyped
    """Scale the image and crop it, in one resampling of just the pixels that the crop keeps.

    The short side becomes a random integer in `short_side`, the aspect is kept, and a crop of at most `crop_size`
    pixels a side is taken from a random place, or from the centre. Bilinear as Pillow has it (antialiased when
    shrinking), masks nearest.
    """

    def __init__(self, short_side: tuple[int, int], crop_size: int, *, centre: bool = False) -> None:
        super().__init__(p=1.0)
        self.short_side = short_side
        self.crop_size = crop_size
        self.centre = centre

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw scale and place: `size` (width, height) of the crop, `box` (left, top, right, bottom) in the source."""
        height, width = params["shape"][:2]
        short = self.py_random.randint(*self.short_side)
        scaled = (height * short // min(height, width), width * short // min(height, width))
        crop = [min(self.crop_size, side) for side in scaled]
        free = [side - kept for side, kept in zip(scaled, crop, strict=True)]
        start = [room // 2 if self.centre else self.py_random.randint(0, room) for room in free]
        step_y, step_x = height / scaled[0], width / scaled[1]  # source pixels a scaled pixel
        box = (start[1] * step_x, start[0] * step_y, (start[1] + crop[1]) * step_x, (start[0] + crop[0]) * step_y)
        return {"size": (crop[1], crop[0]), "box": box}

    def apply(self, img: UInt8, size: tuple[int, int], box: tuple[float, ...], **params: Any) -> UInt8:
        """Resample an image (H, W, 3)."""
        return self._resample(img, size, box, Image.Resampling.BILINEAR)

    def apply_to_mask(self, mask: UInt8, size: tuple[int, int], box: tuple[float, ...], **params: Any) -> UInt8:
        """Resample a mask (H, W)."""
        return self._resample(mask, size, box, Image.Resampling.NEAREST)

    @staticmethod
    def _resample(array: UInt8, size: tuple[int, int], box: tuple[float, ...], how: Image.Resampling) -> UInt8:
        left, top, right, bottom = box
        height, width = array.shape[:2]
        clipped = (left, top, min(right, width), min(bottom, height))  # rounding must not leave the image
        return np.array(Image.fromarray(array).resize(size, how, box=clipped))


class Augmentation:
    """Random flip, scale, crop and blur while training; a centre crop while validating.

    `base_size` times `scale` is the range of the short side, `crop_size` the side of the square crop, padded right
    and bottom with black and IGNORE where the image is smaller; `flip` and `blur` are the probabilities of a mirror
    image and of a Gaussian blur. Every draw follows from the seed given with the example. Validation scales the short
    side to `crop_size`.
    """

    def __init__(self, *, crop_size: int, base_size: int, scale: tuple[float, float], flip: float, blur: float) -> None:
        low, high = (int(base_size * factor) for factor in scale)
        if crop_size < 1 or not 1 <= low <= high:
            raise ValueError(
                f"augmentation needs crop_size >= 1 and 1 <= base_size * scale[0] <= base_size * scale[1], "
                f"got crop_size={crop_size}, base_size={base_size}, scale={list(scale)}"
            )
        self.base_size = base_size
        self.crop_size = crop_size
        pad = A.PadIfNeeded(
            crop_size, crop_size, position="top_left", border_mode=cv2.BORDER_CONSTANT, fill=0, fill_mask=IGNORE
        )
        self.training = A.Compose(
            [
                ScaledCrop((low, high), crop_size),
                A.HorizontalFlip(p=flip),
                pad,
                A.GaussianBlur(sigma_limit=BLUR_SIGMA, blur_limit=0, p=blur),
            ]
        )
        self.validation = A.Compose([ScaledCrop((crop_size, crop_size), crop_size, centre=True)])

    def train(self, example: Example, seed: int) -> Sample:
        """Draw a training crop; the same seed gives the same crop."""
        self.training.set_random_seed(seed)
        return to_sample(self._apply(self.training, example))

    def validate(self, example: Example) -> Sample:
        """Take the validation crop."""
        return to_sample(self._apply(self.validation, example))

    @staticmethod
    def _apply(transform: A.Compose, example: Example) -> Example:
        result = transform(image=example.image, mask=example.mask)
        return Example(result["image"], result["mask"], example.name)


def to_sample(example: Example) -> Sample:
    """Turn an example into tensors, still uint8: normalisation waits until the batch is on its device."""
    image = torch.from_numpy(np.ascontiguousarray(example.image.transpose(2, 0, 1)))
    return Sample(image, torch.from_numpy(np.ascontiguousarray(example.mask)))
