"""What stands between a file and a protocol."""

import numpy as np
import pytest
import torch

from fastfcn.evaluation.protocols import FullImage
from fastfcn.exporting.feeding import network_of_file, run_batches
from fastfcn.exporting.formats import Array, Opened
from tests.exporting.examples import manifest


def brightness(images: Array) -> Array:
    """Score three classes by the channels themselves."""
    return images.astype(np.float32)


@pytest.mark.parametrize(("kind", "factor"), [("uint8", 255.0), ("float", 1.0)])
def test_a_file_gets_images_as_it_takes_them(kind: str, factor: float) -> None:
    network = network_of_file(Opened(manifest(input=kind), brightness, "none"))
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    scores = network(network.normalise(images)).logits
    torch.testing.assert_close(scores, images / 255 * factor)
    torch.testing.assert_close(network(images).logits, scores)
    assert float(network.statistics.black(torch.device("cpu")).abs().max()) == 0


def test_resized_images_are_rounded_for_a_file_of_bytes() -> None:
    network = network_of_file(Opened(manifest(), brightness, "none"))
    scores = network(torch.full((1, 3, 2, 2), 100.6 / 255)).logits
    assert scores.unique().tolist() == [101]


@pytest.mark.parametrize("outputs", ["logits", "probabilities", "labels"])
def test_all_outputs_name_the_same_classes(outputs: str) -> None:
    def run(images: Array) -> Array:
        logits = torch.from_numpy(images).float()
        results = {"logits": logits, "probabilities": logits.softmax(1), "labels": logits.argmax(1).to(torch.uint8)}
        return results[outputs].numpy()

    network = network_of_file(Opened(manifest(outputs=outputs), run, "none"))
    images = (
        torch.randint(0, 20, (1, 3, 6, 7), dtype=torch.uint8)
        * torch.tensor([1, 2, 3], dtype=torch.uint8)[:, None, None]
    )
    labels = FullImage().labels(network, network.normalise(images))
    torch.testing.assert_close(labels, images.argmax(1))


def test_a_file_of_one_batch_is_given_that() -> None:
    sizes = []

    def run(images: Array) -> Array:
        sizes.append(len(images))
        return images

    images = np.arange(5 * 3 * 2 * 2).reshape(5, 3, 2, 2)
    np.testing.assert_array_equal(run_batches(run, images, manifest(batch=2)), images)
    assert sizes == [2, 2, 2]


def test_another_size_than_a_files_own_is_told() -> None:
    with pytest.raises(ValueError, match=r"images of 480x360, got 360x480; .*size=null"):
        run_batches(brightness, np.zeros((1, 3, 360, 480), np.uint8), manifest(size=(480, 360)))


def test_a_file_that_returns_another_shape_than_it_says_is_told() -> None:
    network = network_of_file(Opened(manifest(), lambda images: brightness(images)[:, :2], "none"))
    with pytest.raises(ValueError, match=r"returns \(1, 2, 4, 4\), where by its own description .*\(1, 3, 4, 4\)"):
        network(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
