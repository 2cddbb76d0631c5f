"""Images of one size that go through the network together are scored as one by one; padding is not scored."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fastfcn import load_network
from fastfcn.data.dataset import Sample
from fastfcn.evaluation.batching import BySize
from fastfcn.evaluation.evaluator import EvaluationLoader, EvaluationModule
from fastfcn.evaluation.protocols import FullImage
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.segmenter import Segmenter

SIZES = ((64, 48), (48, 64), (64, 48), (50, 40), (48, 64), (64, 48), (33, 64))


def samples() -> list[Sample]:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int, high: int) -> Tensor:
        return torch.randint(0, high, shape, dtype=torch.uint8, generator=generator)

    return [Sample(drawn(3, *size, high=256), drawn(*size, high=12)) for size in SIZES]


class Noted:
    """Stands for pictures: keeps what it is given."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Sample, Tensor]] = {}

    def save(self, sample: Sample, labels: Tensor, index: int) -> None:
        assert index not in self.seen
        self.seen[index] = sample, labels


def scored(network: Segmenter | FastSegmenter, *, batch_size: int, pad_to: int | None) -> tuple[Noted, Tensor]:
    """Score all samples; return what each image got, and the confusion."""
    module = EvaluationModule(network, FullImage(), num_classes=12, absent="skip", pictures=Noted())
    module._trainer = SimpleNamespace(world_size=1, global_rank=0)
    module.on_test_epoch_start()
    with torch.no_grad():
        for number, batch in enumerate(DataLoader(samples(), batch_size, collate_fn=BySize(pad_to))):
            module.test_step(batch, number)
    return module.pictures, module.accumulated.confmat


@pytest.fixture(scope="module")
def network(trained: Path) -> Segmenter:
    return load_network(trained / "checkpoints" / "best.ckpt")


@pytest.mark.parametrize("batch_size", [3, 7])
def test_a_batch_is_scored_as_its_images_one_by_one(batch_size: int, network: Segmenter) -> None:
    alone, confusion = scored(network, batch_size=1, pad_to=None)
    together, joint = scored(network, batch_size=batch_size, pad_to=None)
    assert confusion.sum() == sum(height * width for height, width in SIZES)
    assert sorted(together.seen) == sorted(alone.seen) == list(range(len(SIZES)))
    for index, sample in enumerate(samples()):
        for kept, labels in (alone.seen[index], together.seen[index]):
            assert torch.equal(kept.image[0], sample.image)
            assert torch.equal(kept.mask[0], sample.mask)
            assert labels.shape == kept.mask.shape
        assert (together.seen[index][1] == alone.seen[index][1]).float().mean() > 0.999  # rounding may turn a tie
    assert (joint - confusion).abs().sum() <= 0.002 * confusion.sum()


def test_padding_is_black_shared_and_not_scored(network: Segmenter) -> None:
    (batch,) = BySize(64)(samples())
    assert batch.images.shape == (len(SIZES), 3, 64, 64)
    assert batch.images[3, :, 50:].sum() == batch.images[3, :, :, 40:].sum() == 0
    passes: list[tuple[int, ...]] = []
    hook = network.register_forward_pre_hook(lambda _module, inputs: passes.append(tuple(inputs[0].shape)))
    padded, confusion = scored(network, batch_size=3, pad_to=64)
    hook.remove()
    assert passes == [(3, 3, 64, 64), (3, 3, 64, 64), (1, 3, 64, 64)]
    assert confusion.sum() == sum(height * width for height, width in SIZES)
    labels = FullImage().labels(network, network.normalise(batch.images))
    for index, (height, width) in enumerate(SIZES):
        expected = labels[index, :height, :width]
        assert (padded.seen[index][1][0] == expected).float().mean() > 0.999


def test_scores_and_labels_are_resized_in_float32(network: Segmenter) -> None:
    images = network.normalise(torch.stack([each.image for each in samples()[:3:2]]))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        scores, labels = (getattr(FullImage(), name)(network, images) for name in ("scores", "labels"))
    assert scores.dtype == torch.float32
    assert torch.equal(scores.argmax(1), labels)


def test_evaluate_takes_batches_and_a_precision(trained: Path, tmp_path: Path, script, fails) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    options = (checkpoint, "workers=0", "trainer.accelerator=cpu", "optimize=false")
    given = {"one": (), "three": ("batch_size=3",), "half": ("precision=bf16-mixed", "batch_size=5", "pad_to=32")}
    scores = {}
    for name, more in given.items():
        script("evaluate", *options, *more, f"hydra.run.dir={tmp_path}/{name}")
        content = json.loads((tmp_path / name / "result.json").read_text())
        assert content["images"] == 5
        scores[name] = content["metrics"]["val/miou_full"]
    assert scores["three"] == pytest.approx(scores["one"], abs=1e-4)
    assert scores["half"] == pytest.approx(scores["one"], abs=0.02)
    for wrong, said in {
        "protocol=single_scale batch_size=2": "batch_size and pad_to are for whole images, protocol=full; of windows",
        "protocol=multi_scale pad_to=32": "batch_size and pad_to are for whole images, protocol=full; of windows",
        "batch_size=0": "batch_size must be 1 or more, got 0",
        "pad_to=0": "pad_to must be 1 or more, got 0",
        "precision=8-mixed": "precision=8-mixed does not fit: input should be '32-true', 'bf16-mixed' or '16-mixed'",
    }.items():
        assert said in fails("evaluate", *options, *wrong.split(), f"hydra.run.dir={tmp_path}/wrong")


def test_the_loader_reads_so_many_at_once(trained: Path) -> None:
    from fastfcn.data.shapes import Shapes

    loader = EvaluationLoader(Shapes(size=32, val_images=5), "val", workers=0, batch_size=2, pad_to=48)
    loader.trainer = SimpleNamespace(global_rank=1, world_size=2)
    (batch,) = list(loader.test_dataloader())
    assert batch[0].images.shape == (2, 3, 48, 48)
    assert [mask.shape for mask in batch[0].masks] == [(32, 32)] * 2
