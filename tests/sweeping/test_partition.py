"""What Slurm says of a partition, and what is refused by it."""

import pytest

from fastfcn.sweeping.partition import parse_partition, slurm

TOLD = """\
debug*|1|2|4000|(null)|1:00:00
gpu|4|64+|256000|gpu:a100:4(S:0-1)|2-00:00:00
gpu|2|32|128000|gpu:v100:8,shard:4|2-00:00:00
long|3|16|64000|gpu:2|infinite
"""


def test_a_partition_is_the_best_of_its_nodes() -> None:
    debug, gpu, long = (parse_partition(TOLD, name) for name in (None, "gpu", "long"))
    assert (debug.name, debug.nodes, debug.cpus, debug.gpus, debug.minutes) == ("debug", 1, 2, 0, 60)
    assert (gpu.nodes, gpu.cpus, gpu.memory_mb, gpu.gpus, gpu.minutes) == (6, 64, 256000, 8, 2880)
    assert (long.gpus, long.minutes) == (2, None)
    with pytest.raises(ValueError, match=r"hydra.launcher.partition=fast is not one of debug, gpu, long"):
        parse_partition(TOLD, "fast")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"nodes": 7}, r"jpu needs 7 nodes \(num_nodes=\), partition gpu has at most 6"),
        ({"cpus": 65}, r"needs 65 CPUs a node .*cpus_per_task=\), partition gpu has at most 64"),
        ({"gpus": 9}, r"needs 9 GPUs a node \(devices=, .*at most 8"),
        ({"minutes": 2881}, r"needs 2881 minutes \(hydra.launcher.timeout_min=\), .*at most 2880"),
        ({"memory_gb": 257}, r"needs 257000 MB of memory \(hydra.launcher.mem_gb=\), .*at most 256000"),
    ],
)
def test_more_than_a_partition_has_is_refused(asked: dict[str, int], message: str) -> None:
    fits = {"nodes": 6, "cpus": 64, "gpus": 8, "minutes": 2880, "memory_gb": 256}
    partition = parse_partition(TOLD, "gpu")
    partition.require("jpu", **fits)
    with pytest.raises(ValueError, match=message):
        partition.require("jpu", **{**fits, **asked})


def test_a_machine_without_slurm_is_told_apart_from_a_slurm_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slurm("false") is None
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="hydra/launcher=slurm needs sinfo, which is not here"):
        slurm("sinfo")
