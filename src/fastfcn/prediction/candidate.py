"""A network that can be tried: what it makes of an image, as pictures and a table."""

import html
from dataclasses import dataclass

import matplotlib
import numpy as np

from fastfcn.data.dataset import UInt8
from fastfcn.data.palette import Colour
from fastfcn.pictures import overlay
from fastfcn.prediction.maps import Predicted
from fastfcn.prediction.predictor import Predictor

CELL = '<td style="padding:.1em .7em">'
ROW = (
    f'<tr>{CELL}<span style="display:inline-block;width:1.2em;height:1.2em;border:1px solid #000;'
    f'background:rgb({{colour}})"></span></td>{CELL}{{name}}</td>{CELL}{{share:.1f}} %</td>{CELL}{{sure}}</td></tr>'
)
TABLE = (
    "<table><thead><tr><th></th><th>class</th><th>area</th><th>confidence</th></tr></thead><tbody>{}</tbody></table>"
)


@dataclass(frozen=True)
class Seen:
    """The class of every pixel (H, W) of an image, and how sure that is (H, W), 0..1."""

    labels: UInt8
    confidence: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """A checkpoint by the name that the user gave it."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    predictor: Predictor

    def see(self, image: UInt8) -> Seen:
        """Predict an RGB image (H, W, 3)."""
        predicted: Predicted = self.predictor(image)
        assert predicted.probabilities is not None
        return Seen(predicted.labels, predicted.probabilities.max(0))

    def overlay(self, image: UInt8, seen: Seen, opacity: float) -> UInt8:
        """Lay the classes over the image they were seen in."""
        return overlay(image, seen.labels, self.palette, opacity=opacity)

    def table(self, seen: Seen) -> str:
        """Write a legend in HTML of the classes that were seen, the largest first, with their areas and confidence."""
        pixels = np.bincount(seen.labels.ravel(), minlength=len(self.classes))
        sure = np.bincount(seen.labels.ravel(), seen.confidence.ravel(), minlength=len(self.classes))
        rows = [
            ROW.format(
                colour=",".join(map(str, self.palette[index])),
                name=html.escape(self.classes[index]),
                share=100 * pixels[index] / pixels.sum(),
                sure=f"{sure[index] / pixels[index]:.2f}",
            )
            for index in np.argsort(-pixels, kind="stable")
            if pixels[index]
        ]
        return TABLE.format("".join(rows))


def heat(confidence: np.ndarray) -> UInt8:
    """Colour values in 0..1 (H, W), from dark violet for 0 to yellow for 1."""
    coloured: UInt8 = matplotlib.colormaps["viridis"](confidence, bytes=True)[..., :3]
    return np.ascontiguousarray(coloured)
