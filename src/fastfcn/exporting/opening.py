"""Exported files opened by their suffix."""

from pathlib import Path

from fastfcn.exporting.formats import Opened
from fastfcn.exporting.onnx_format import OnnxFile
from fastfcn.exporting.openvino_format import OpenVinoFile

READERS = {OnnxFile.suffix: OnnxFile, OpenVinoFile.suffix: OpenVinoFile}


def open_model_file(path: str | Path) -> Opened:
    """Open a file that export.py wrote, or that says so: nothing in it is trusted.

    Raises OSError, or ValueError in one line, for what is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    if path.suffix == ".pt2":
        raise ValueError(f"{path}: opening a .pt2 file runs code that it may hold; export the network as .onnx or .xml")
    if path.suffix not in READERS:
        raise ValueError(f"{path} ends in none of {', '.join(READERS)}, which are the files that are read")
    return READERS[path.suffix]().open(path)
