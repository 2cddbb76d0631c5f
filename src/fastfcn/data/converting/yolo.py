"""YOLO's text files, one an image: `CLASS x y x y ...` a line, in shares of the image's width and height."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fastfcn.data.converting.coco_file import Boxes
from fastfcn.data.converting.contents import Contents, Picture, Reader
from fastfcn.data.converting.geometry import Shares, corners
from fastfcn.data.converting.legend import chosen_classes
from fastfcn.data.converting.pairing import by_name
from fastfcn.data.converting.shapes import Shape, Shapes
from fastfcn.data.converting.tree import Tree, image_tree
from fastfcn.data.listing import shortened
from fastfcn.data.text import read_lines
from fastfcn.options import Name
from fastfcn.reading import read_yaml

NAMES = ("obj.names", "classes.txt", "labels.txt", "predefined_classes.txt")
BOX = 5  # numbers of a line: class, centre, width and height


class Yolo(Reader):
    """Reads labels of segments, beside the images or in a parallel tree.

    Names are those of data.yaml, or of obj.names or classes.txt, or `classes`. Lines of a box alone are of no class
    there, or `filled`. Pixels of no object are `background`, or with null of no class; so are images without a file.
    """

    def __init__(
        self,
        *,
        images: Name | None = None,
        classes: list[Name] | Name | None = None,
        background: Name | None = "background",
        boxes: Boxes = "ignored",
    ) -> None:
        self.images, self.classes, self.background, self.boxes = images, classes, background, boxes

    def read(self, source: Path, *, without: Path) -> Contents:
        """Read the files."""
        folder = source if source.is_dir() else source.parent
        tree, contents = image_tree(folder, self.images, without=without), Contents(background=self.background)
        there = tree if tree.root == folder else Tree(folder, without=without)
        names, place = self._names(there)
        contents.found = {name: f"{place}: {number}" for number, name in enumerate(names)}
        texts = [path for path in there.with_suffix(".txt") if path.name not in NAMES]
        pairs = by_name(tree, tree.images, texts)
        folders = {path.parent for paths in pairs.masks.values() for path in paths}
        if not folders:
            raise ValueError(f"{folder} has {len(tree.images)} images and no text file of the name of one")
        contents.faults.extend(
            f"{path} is of no image in {tree.root}; put the image there, or give images=FOLDER"
            for path in pairs.spare
            if path.parent in folders
        )
        boxed: list[str] = []
        for image, paths in pairs.masks.items():
            with contents.telling():
                shapes = [shape for path in paths[:1] for shape in self._shapes(path, names, boxed)]
                contents.pictures.append(
                    Picture(
                        image,
                        tree.name_of(image),
                        Shapes(tuple(shapes), None, paths[0] if paths else image),
                        tree.split_of(image),
                    )
                )
        bare = [image for image, paths in pairs.masks.items() if not paths]
        if bare:
            contents.notes.append(
                f"{len(bare)} images without a text file are {self.background} alone, first {bare[0]}"
            )
        if boxed:
            contents.notes.append(
                f"{len(boxed)} lines are boxes, first {boxed[0]}; boxes={self.boxes}: their pixels are "
                f"{'of no class' if self.boxes == 'ignored' else 'those of the box'}"
            )
        return contents

    def _names(self, tree: Tree) -> tuple[Sequence[str], Path | str]:
        """Return the classes by number, and where they are from."""
        chosen = chosen_classes(self.classes)
        if chosen is not None:
            return chosen, "classes"
        for path in tree.with_suffix(".yaml", ".yml"):
            content = read_yaml(path)
            names = content.get("names") if isinstance(content, dict) else None
            if isinstance(names, dict):
                numbered = {str(number): name for number, name in names.items()}
                if set(numbered) != set(map(str, range(len(numbered)))):
                    raise ValueError(f"{path}: names must be numbered from 0 on; there are {shortened(list(names))}")
                names = [numbered[str(number)] for number in range(len(numbered))]
            if isinstance(names, list) and names:
                return [str(name) for name in names], path
        for path in tree.with_suffix(".names", ".txt"):
            if path.name in NAMES:
                return [line for line in read_lines(path) if line], path
        raise ValueError(f"{tree.root} has no data.yaml with names; give classes=[A,B,...], or put one there")

    def _shapes(self, path: Path, names: Sequence[str], boxed: list[str]) -> Iterator[Shape]:
        """Yield the lines' shapes in their order, after boxes that are of no class."""
        shapes: list[Shape] = []
        for number, line in enumerate(read_lines(path), 1):
            place = f"{path}: line {number}"
            if not line:
                continue
            label, *numbers = _numbers(line, place)
            if label != int(label) or not 0 <= label < len(names):
                raise ValueError(f"{place}: class {label:g} is none of the {len(names)} that have a name")
            name = names[int(label)]
            if len(numbers) == BOX - 1:
                x, y, width, height = numbers
                region = Shares(corners(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
                boxed.append(place)
                if self.boxes == "ignored":
                    yield Shape(None, region, place)
                    continue
            elif len(numbers) % 2:
                raise ValueError(f"{place} has {len(numbers)} numbers after the class; x and y come in pairs")
            else:
                region = Shares(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
            shapes.append(Shape(name, region, place))
        yield from shapes


def _numbers(line: str, place: str) -> list[float]:
    try:
        return [float(each) for each in line.split()]
    except ValueError as error:
        raise ValueError(f"{place} is no list of numbers: {line[:80]}") from error
