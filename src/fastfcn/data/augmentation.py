"""The authors' training augmentation and validation crop (FastFCN, section 4.1 and released code)."""

from functools import partial
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch

from fastfcn.data.crop import Crop, by_fours, crop_image, crop_mask
from fastfcn.data.dataset import IGNORE, Example, LargeExample, Pixels, Sample, UInt8
from fastfcn.data.transforms import Extra, Transform
from fastfcn.data.windowed import Reducible, Windowed
from fastfcn.options import OWN, BaseSize, CropSize, Degrees, Fraction, Scale

BLUR_SIGMA = (0.0, 1.0)  # of the Gaussian, in pixels
BLUR_PASSES = 3  # along each side
BLUR_ONE = 1 << 24  # Pillow's weights are fixed-point numbers


class ScaledCrop(A.DualTransform):  # type: ignore[misc]  # albumentations is untyped
    """Scale, turn, crop, mirror, pad and blur in one transform, which spares the passes over whole images.

    The short side becomes a random integer in `short_side`, or else in `scale` times itself, the aspect is kept, and a
    crop of at most `crop_size` pixels a side is taken from a random place, or from the centre, and padded right and
    bottom with black and IGNORE. `flip` and `blur` are probabilities; the turn is uniform up to `rotate` degrees either
    way. The centre is rounded as Python rounds, halves to even, as in the authors' code.
    """

    def __init__(
        self,
        short_side: tuple[int, int] | None,
        crop_size: int,
        *,
        scale: tuple[float, float] = (1.0, 1.0),
        centre: bool = False,
        flip: float = 0.0,
        blur: float = 0.0,
        rotate: float = 0.0,
    ) -> None:
        super().__init__(p=1.0)
        self.short_side = short_side
        self.crop_size = crop_size
        self.scale = scale
        self.centre = centre
        self.flip = flip
        self.blur = blur
        self.rotate = rotate

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw a `crop` of the image whose size `params` tell."""
        return {"crop": self.draw(*params["shape"][:2])}

    def draw(self, height: int, width: int) -> Crop:
        """Draw a crop of an image of that size."""
        draw = self.py_random  # one generator: albumentations would seed every transform of a list alike
        flip = draw.random() < self.flip
        low, high = self.short_side or (max(int(min(height, width) * factor), 1) for factor in self.scale)
        short = draw.randint(low, high)
        scaled = (height * short // min(height, width), width * short // min(height, width))
        size = (min(self.crop_size, scaled[0]), min(self.crop_size, scaled[1]))
        room = (scaled[0] - size[0], scaled[1] - size[1])
        top, left = (round(side / 2) if self.centre else draw.randint(0, side) for side in room)
        return Crop(
            scaled,
            (top, left),
            size,
            flip=flip,
            angle=draw.uniform(-self.rotate, self.rotate),
            sigma=draw.uniform(*BLUR_SIGMA) if draw.random() < self.blur else 0.0,
        )

    def apply(self, img: Pixels | Windowed | Reducible, crop: Crop, **params: Any) -> Pixels:
        """Take the crop of an image (H, W, C)."""
        return blurred(self._laid_out(crop_image(img, crop), crop, fill=0), crop.sigma)

    def apply_to_mask(self, mask: UInt8 | Windowed, crop: Crop, **params: Any) -> UInt8:
        """Take the crop of a mask (H, W)."""
        return self._laid_out(crop_mask(mask, crop), crop, fill=IGNORE)

    def _laid_out(self, part: Pixels, crop: Crop, *, fill: int) -> Pixels:
        """Mirror and pad."""
        mirrored = by_fours(part, partial(cv2.flip, flipCode=1)) if crop.flip else part
        return padded(mirrored, self.crop_size, fill=fill)


def padded(part: Pixels, side: int, *, fill: int) -> Pixels:
    """Pad an image or a mask to a square, right and bottom."""
    bottom, right = (side - length for length in part.shape[:2])
    if bottom or right:
        border = {"borderType": cv2.BORDER_CONSTANT, "value": (fill, fill, fill)}
        part = by_fours(part, partial(cv2.copyMakeBorder, top=0, bottom=bottom, left=0, right=right, **border))
    return part


def blurred(image: Pixels, sigma: float) -> Pixels:
    """Blur an image (H, W, C) as Pillow's GaussianBlur does, for a sigma up to 1: by boxes, in whole grey levels.

    Each pass averages a pixel with its two neighbours (the extended box filter of Gwosdek et al., 2011) and rounds.
    The bytes are Pillow's but where a sum is half a level to float32's precision, which may fall to the other side.
    """
    if not sigma:
        return image
    variance = sigma * sigma / BLUR_PASSES
    edge = variance / (2 - 2 * variance)  # of a box that reaches `edge` into either neighbour
    centre = int(BLUR_ONE / np.float32(1 + 2 * edge))
    weights = np.array([(BLUR_ONE - centre) // 2, centre, (BLUR_ONE - centre) // 2]) / BLUR_ONE
    for kernel in (weights[None], weights[:, None]):
        for _ in range(BLUR_PASSES):
            blur = partial(cv2.filter2D, ddepth=-1, kernel=kernel, borderType=cv2.BORDER_REPLICATE)
            image = by_fours(image, blur)
    return image


class Augmentation:
    """Random scale, turn, crop, flip and blur while training; a centre crop while validating.

    `base_size` (`own`: an image's own short side) times `scale` is the range of the short side, `crop_size` the side of
    the square crop, padded right and bottom with black and IGNORE where the image is smaller; `flip` and `blur` are the
    probabilities of a mirror image and of a Gaussian blur; `rotate` is the greatest turn, in degrees, with black and
    IGNORE where nothing was. `extra` is what albumentations adds to that, before the padding. Every draw follows from
    the seed given with the example, those of the crop whatever is added. Validation scales the short side to
    `crop_size`, unless it is its `own`. With `reduced` the training's JPEGs are decoded at a half, a quarter or an
    eighth of their sides where the scale that was drawn allows it.
    """

    def __init__(
        self,
        *,
        crop_size: CropSize,
        base_size: BaseSize,
        scale: tuple[Scale, Scale],
        flip: Fraction,
        blur: Fraction,
        rotate: Degrees = 0.0,
        extra: tuple[Transform, ...] = (),
        reduced: bool = False,
    ) -> None:
        base = crop_size if base_size == OWN else base_size
        low, high = (int(base * factor) for factor in scale)
        if crop_size < 1 or not 1 <= low <= high:
            raise ValueError(
                f"augmentation needs crop_size >= 1 and 1 <= base_size * scale[0] <= base_size * scale[1], "
                f"got crop_size={crop_size}, base_size={base_size}, scale={list(scale)}"
            )
        for name, value in {"flip": flip, "blur": blur}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"augmentation.{name} is a probability from 0 to 1, got {value}")
        if not 0 <= rotate <= 180:
            raise ValueError(f"augmentation.rotate is the greatest turn in degrees, 0 to 180, got {rotate}")
        self.base_size = base_size
        self.crop_size = crop_size
        self.reduced = reduced
        self.extra = Extra(extra, (min(low, crop_size), crop_size))
        train, validate = (None, None) if base_size == OWN else ((low, high), (crop_size, crop_size))
        self.training = A.Compose([ScaledCrop(train, crop_size, scale=scale, flip=flip, blur=blur, rotate=rotate)])
        self.validation = A.Compose([ScaledCrop(validate, crop_size, centre=True)])

    def train(self, example: Example | LargeExample, seed: int) -> Sample:
        """Draw a training crop; the same seed gives the same crop."""
        self.training.set_random_seed(seed)
        crop = self._apply(self.training, example)
        if self.extra.transforms:
            height, width = self.training.transforms[0].params["crop"].size  # the rest is padding, and stays that
            image, mask = self.extra(crop.image[:height, :width], crop.mask[:height, :width], seed)
            crop = Example(padded(image, self.crop_size, fill=0), padded(mask, self.crop_size, fill=IGNORE), crop.name)
        return to_sample(crop)

    def validate(self, example: Example | LargeExample) -> Sample:
        """Take the validation crop."""
        return to_sample(self._apply(self.validation, example))

    @staticmethod
    def _apply(transform: A.Compose, example: Example | LargeExample) -> Example:
        if isinstance(example, LargeExample):  # which albumentations would read
            scaled: ScaledCrop = transform.transforms[0]
            crop = scaled.params["crop"] = scaled.draw(*example.image.shape[:2])
            return Example(scaled.apply(example.image, crop), scaled.apply_to_mask(example.mask, crop), example.name)
        result = transform(image=example.image, mask=example.mask)
        return Example(result["image"], result["mask"], example.name)


def to_sample(example: Example | LargeExample) -> Sample:
    """Turn an example, whole, into tensors: normalisation waits until the batch is on its device."""
    if isinstance(example, LargeExample):
        example = example.whole()
    planes = np.empty((example.image.shape[2], *example.mask.shape), example.image.dtype)
    cv2.split(example.image, tuple(planes))  # twice as fast as a transposed copy
    return Sample(torch.from_numpy(planes), torch.from_numpy(np.ascontiguousarray(example.mask)))
