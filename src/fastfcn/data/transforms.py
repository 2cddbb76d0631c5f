"""What a training adds to the paper's augmentation: transforms of albumentations, named in the configuration."""

import difflib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import albumentations as A
import numpy as np
from numpy.typing import DTypeLike
from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticCustomError

from fastfcn.data.dataset import IGNORE, Pixels, UInt8
from fastfcn.data.sampling import derive_seed
from fastfcn.fitting import require_fitting
from fastfcn.options import RANGE

PATH = "augmentation.extra"
KNOWN: dict[str, type[A.BasicTransform]] = {
    name: each
    for name, each in vars(A).items()
    if inspect.isclass(each) and issubclass(each, A.BasicTransform) and ".core." not in each.__module__
}
UNFIT = {"Lambda": "takes functions", "Morphological": "grows classes by their numbers"}
BYTE = np.dtype(np.uint8)
RGB = 3
LABELS = (0, 100, 200)  # of a mask to try a transform on: a mean of two is none of them


def read_transform(entry: Any) -> tuple[str, Mapping[str, Any]]:
    """Return name and arguments of NAME or {NAME: {ARGUMENT: VALUE}}. Raises ValueError saying what it must be."""
    name, given = next(iter(entry.items())) if isinstance(entry, Mapping) and len(entry) == 1 else (entry, None)
    arguments = {} if given is None else given
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise _must_be("a transform of albumentations, NAME or {NAME: {ARGUMENT: VALUE}}")
    if name in UNFIT:
        raise _must_be(f"another transform than {name}, which {UNFIT[name]}")
    if name not in KNOWN:
        raise _must_be(f"a transform of albumentations {A.__version__}{_close(name, KNOWN)}")
    allowed = inspect.signature(KNOWN[name]).parameters
    for key in arguments:
        if key not in allowed:
            raise _must_be(f"{name} with arguments out of {', '.join(allowed)}; {key} is none{_close(key, allowed)}")
    return name, arguments


def _must_be(allowed: str) -> PydanticCustomError:
    return PydanticCustomError(RANGE, "{allowed}", {"allowed": allowed})


def _close(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _readable(entry: Any) -> Any:
    read_transform(entry)
    return entry


Transform = Annotated[str | dict[str, Any], BeforeValidator(_readable)]


class Extra:
    """Transforms of albumentations, one after the other, each with draws of its own from the seed of the example.

    They keep the size, quarter turns aside, and the type of what they are given. What they make up or paint over is
    IGNORE in the mask, unless their `fill_mask` says otherwise. Each is tried on crops whose sides are `sizes`, the
    smallest and the largest. Raises ValueError for one that is unknown, fails, or changes what it must keep.
    """

    def __init__(self, entries: Sequence[Any], sizes: tuple[int, int]) -> None:
        require_fitting([*entries], tuple[Transform, ...], PATH)
        self.sizes = sizes
        self.transforms = [_built(*read_transform(entry)) for entry in entries]
        for transform in self.transforms:
            for height, width in {sizes, sizes[::-1]}:
                _try(transform, height, width)

    def require(self, channels: int, dtype: DTypeLike) -> None:
        """Raise ValueError for a transform that does not take such images, which may be others than 8-bit RGB."""
        for transform in self.transforms:
            _try(transform, *self.sizes, channels=channels, dtype=dtype)

    def __call__(self, image: Pixels, mask: UInt8, seed: int) -> tuple[Pixels, UInt8]:
        """Change an image (H, W, C) and its mask (H, W)."""
        for place, transform in enumerate(self.transforms, start=1):
            transform.set_random_seed(derive_seed(seed, place))  # one seed for all would draw alike
            image, mask = _applied(transform, image, mask)
        return image, mask


def _built(name: str, arguments: Mapping[str, Any]) -> A.BasicTransform:
    try:
        transform = KNOWN[name](**arguments)
    except Exception as error:
        raise ValueError(f"{PATH}: {name} does not take {dict(arguments)}: {_reason(error)}") from error
    if "fill_mask" in vars(transform) and "fill_mask" not in arguments:
        transform.fill_mask = IGNORE
    return transform


def _applied(
    transform: A.BasicTransform, image: Pixels, mask: UInt8, *, force_apply: bool = False
) -> tuple[Pixels, UInt8]:
    name, size, kept = type(transform).__name__, mask.shape, (image.shape[2], image.dtype)
    try:
        after = transform(image=image, mask=mask, force_apply=force_apply)
    except Exception as error:
        raise ValueError(
            f"{PATH}: {name} fails on a crop of {size}{_kind(*kept)}, which base_size and scale allow: {_reason(error)}"
        ) from error
    image, mask = after["image"], after["mask"]
    fits = mask.shape in (size, size[::-1]) and image.shape[:2] == mask.shape and mask.dtype == BYTE
    if not fits or (image[0, 0].size, image.dtype) != kept:
        raise ValueError(
            f"{PATH}: {name} makes {tuple(image.shape)} values of {image.dtype} of a crop of {size}{_kind(*kept)}; "
            "take one that keeps size and type, for scaling, cropping and normalising are done"
        )
    return image.reshape(*mask.shape, kept[0]), mask


def _kind(channels: int, dtype: np.dtype[Any]) -> str:
    """Name what is no 8-bit RGB."""
    return "" if (channels, dtype) == (RGB, BYTE) else f" with {channels} channels of {dtype}"


def _try(
    transform: A.BasicTransform, height: int, width: int, *, channels: int = RGB, dtype: DTypeLike = np.uint8
) -> None:
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (height, width, channels), np.uint8)
    if np.dtype(dtype) != BYTE:
        image = (image / 255).astype(dtype)
    labels = draw.choice(np.array(LABELS, np.uint8), (4, 4))
    mask = labels[np.ix_(np.arange(height) * 4 // height, np.arange(width) * 4 // width)]
    transform.set_random_seed(0)
    _, mask = _applied(transform, image, mask, force_apply=True)
    if unknown := sorted({*np.unique(mask).tolist()} - {*LABELS, IGNORE}):
        raise ValueError(
            f"{PATH}: {type(transform).__name__} writes labels into a mask that it did not hold, {unknown[:3]}; leave "
            f"out its mask_interpolation and fill_mask, or fill with {IGNORE}"
        )


def _reason(error: Exception) -> str:
    if isinstance(error.__cause__, ValidationError):  # which albumentations makes text of, over several lines
        first = error.__cause__.errors()[0]
        return f"{'.'.join(map(str, first['loc'][:1]))} {first['msg']}".strip()
    return " ".join(str(error).split()) or type(error).__name__
