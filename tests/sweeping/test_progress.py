"""The table of a sweep says what the files of its jobs say."""

import json
from pathlib import Path

from rich.console import Console

from fastfcn.sweeping.progress import draw_table
from fastfcn.sweeping.status import Status
from tests.sweeping.test_execution import job_in

RESULT = {
    "iou": {}, "model": {"backbone": "b", "output_stride": 8, "upsampling": "jpu", "head": "fcn"}, "data": "shapes",
    "seed": 0, "commit": None, "versions": {}, "device": "cpu", "parameters": 1, "gflops": 1.0, "seconds": 1.0,
}  # fmt: skip


def test_every_state_is_drawn_as_it_is(tmp_path: Path, capsys) -> None:
    jobs = [job_in(tmp_path / name) for name in ("a", "b", "c")]
    for job in jobs:
        job.folder.mkdir()
        (job.folder / "metrics.csv").write_text("epoch,val/miou\n6,0.25\n")
    jobs[2].result.write_text(json.dumps({**RESULT, "metrics": {"val/miou": 0.25, "val/miou_ss": 0.5}}))
    states = [
        Status("running", "now", started=0.0, ended=90.0),
        Status("failed", "now", "[rank0]: Error [/gloo/pair.cc:5]"),
        Status("done", "now"),
    ]
    Console(width=100).print(draw_table("outputs/x", list(zip(jobs, states, strict=True))))
    lines = [" ".join(line.replace("│", " ").split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "outputs/x: 1 running, 1 failed, 1 done"
    assert lines[4:7] == [
        "a running 7 25.00 1.5",
        "b failed 7 25.00 [rank0]: Error [/gloo/pair.cc:5]",
        "c done 7 50.00",
    ]
