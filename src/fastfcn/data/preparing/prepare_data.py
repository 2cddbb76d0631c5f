"""Prepare a dataset, or check one: what src/prepare_data.py does."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig

from fastfcn.composition import typed, without_training
from fastfcn.data.converting.command import bring, build_reader
from fastfcn.data.converting.conversion import Conversion
from fastfcn.data.converting.splitting import Splitting
from fastfcn.data.looking.page import look
from fastfcn.data.opening import build_data
from fastfcn.data.pairs import FileData
from fastfcn.data.preparing.alone import alone
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.preparing.download import download, sha1_of
from fastfcn.data.preparing.splitting import make_folds
from fastfcn.data.preparing.unpack import unpack
from fastfcn.data.preparing.verify import Findings, check_files, count_faults, describe_turned, list_splits, stem_faults
from fastfcn.data.public import PublicData
from fastfcn.data.remapping import Remap
from fastfcn.disk import explained
from fastfcn.options import AtLeastOne, Name, Seed, Share, within


@dataclass(frozen=True)
class PreparationConfig:
    """The root of conf/prepare_data.yaml, resolved, without what from=KIND adds."""

    data: dict[str, Any]
    url: Name | None
    verify: bool
    workers: AtLeastOne | None
    source: Name | None
    remap: Remap
    val: Share | None
    test: Share | None
    group: Name | None
    seed: Seed
    resplit: bool
    skip_faults: bool
    folds: Annotated[int, within(2, 100)] | None
    look: bool

    def conversion(self, workers: int) -> Conversion:
        """Return what to do with the source."""
        splitting = Splitting(self.val, self.test, self.group, self.seed, self.resplit)
        root, source = Path(self.data["root"]), Path(self.source or "")
        upright = self.data.get("upright", True)
        return Conversion(source, root, self.remap, splitting, upright, self.skip_faults, workers)


def prepare_data(config: DictConfig) -> None:
    """Do what `config` says: convert, prepare, divide, look at or check a dataset. Raises ValueError for faults."""
    content = without_training(config)
    known = {field.name for field in fields(PreparationConfig)}
    settings = typed(PreparationConfig, {key: value for key, value in content.items() if key in known})
    workers = settings.workers or os.cpu_count() or 1
    reading = {key: value for key, value in content.items() if key not in known}
    if settings.source is not None:
        bring(settings.data, build_reader(reading), settings.conversion(workers))
    elif reading:
        raise ValueError("from= needs source=PATH: the folder, file or archive that the tool exported")
    data = build_data(settings.data)
    if not isinstance(data, FileData):
        raise ValueError(f"data={data.name} is generated: there are no files to prepare or to verify")
    if settings.folds is not None:
        make_folds(data, settings.folds, group=settings.group, seed=settings.seed, workers=workers)
    if settings.look:
        print(f"{look(data, workers)} shows the data")
    if settings.verify:
        verify(data, workers)
    elif not (settings.source or settings.folds or settings.look):
        _prepare(data, settings.url, workers)


def _prepare(data: FileData, url: str | None, workers: int) -> None:
    if not isinstance(data, PublicData):
        raise ValueError(
            f"data={data.name} is a folder of your own, with nothing to download; verify=true checks it, "
            "and from=KIND source=PATH fills it from what a tool exported"
        )
    prepare(data, url, workers)


def verify(data: FileData, workers: int) -> None:
    """Print every fault of every file. Raises ValueError if there are any."""
    if not data.root.is_dir():
        raise FileNotFoundError(f"data.root={data.root} is no folder")
    listing = [*count_faults(data), *stem_faults(data)]
    findings = check_files(data, workers)
    findings.counts.show()
    for warning in _warnings(data, findings, listed=not listing):
        print(f"warning: {warning}")
    faults = [*listing, *findings.faults, *findings.counts.faults()]
    if faults:
        print("\n".join(faults))
        raise ValueError(f"{len(faults)} faults in data={data.name}, listed above, first: {faults[0]}")
    print(f"{_summary(data)}: every image and mask can be read, fits and holds known labels")


def _warnings(data: FileData, findings: Findings, *, listed: bool) -> dict[str, None]:
    """Collect what is no fault, each once; `listed` if every split can be listed."""
    notes = [note for name in list_splits(data) for note in data.notes(name)]
    turned = [] if isinstance(data, PublicData) or not findings.turned else [describe_turned(data, findings.turned)]
    return dict.fromkeys([*(data.warnings() if listed else []), *notes, *findings.counts.warnings(), *turned])


def prepare(data: PublicData, mirror: str | None, workers: int) -> None:
    """Download, unpack and convert what is not there yet, and check the counts; one process at a time.

    Raises ValueError if something cannot be had, is damaged, or the counts are not the published ones.
    """
    data.root.mkdir(parents=True, exist_ok=True)
    with explained(data.root), alone(data.root):
        print(f"data={data.name}: {data.terms}")
        for again in (False, True):  # the second time for files that were lost since
            if any(count_faults(data)):
                _complete(data, mirror, workers, again=again)
        _require_counts(data)
    print(f"{_summary(data)}, ready in {data.root}; verify=true reads every file")


def _complete(data: PublicData, mirror: str | None, workers: int, *, again: bool) -> None:
    """Get the archives that are not unpacked, or with `again` unpack all that were kept, and convert."""
    for archive in data.needed():
        if not archive.present(data.root) or (again and archive.find(data.root) is not None):
            _get(archive, data, mirror)
    data.convert(workers)


def _get(archive: Archive, data: PublicData, mirror: str | None) -> None:
    """Find or download an archive and unpack it."""
    path = archive.find(data.root)
    if path is None:
        path = _download(archive, data, mirror)
    elif archive.sha1 is not None and sha1_of(path) != archive.sha1:
        raise ValueError(
            f"{path} has the SHA-1 {sha1_of(path)}, expected {archive.sha1}: it is incomplete or another version; "
            "remove it to have it downloaded"
        )
    if archive.packed:
        unfinished = archive.unpacking(data.root)
        unfinished.parent.mkdir(exist_ok=True)
        unfinished.touch()
        files = unpack(path, data.root)
        _require_contents(archive, data.root)
        unfinished.unlink()
        print(f"{path}: {files} files unpacked; it may be removed now")
    elif path != archive.destination(data.root):
        archive.destination(data.root).parent.mkdir(parents=True, exist_ok=True)
        path.rename(archive.destination(data.root))


def _download(archive: Archive, data: PublicData, mirror: str | None) -> Path:
    url = archive.source(mirror)
    if url is None:
        names = ", ".join(each.name for each in data.archives)
        raise ValueError(
            f"data={data.name} is {data.terms}; download {names} there, put them into {data.root}, "
            "and run the same command again"
        )
    path = archive.destination(data.root)
    download(url, path, archive.sha1)
    return path


def _require_contents(archive: Archive, root: Path) -> None:
    absent = [path for path in archive.contents if not (root / path).exists()]
    if absent:
        raise ValueError(f"{archive.name} was unpacked but has no {', '.join(absent)}: it is not the published archive")


def _require_counts(data: PublicData) -> None:
    faults = list(count_faults(data))
    if faults:
        print("\n".join(faults))
        raise ValueError(f"data={data.name} is not complete: {len(faults)} faults, listed above, first: {faults[0]}")


def _summary(data: FileData) -> str:
    counts = [f"{len(data.pairs(name))} {name}" for name in data.checked_splits()]
    return f"{data.name}: {', '.join(counts)} images, {len(data.classes)} classes"
