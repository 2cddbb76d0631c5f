"""Make the results page of an experiment: python src/report.py experiments/upsampling."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fastfcn.installation import EXPERIMENTS, how_to_call


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect, compare and write, as the command line says."""
    parser = argparse.ArgumentParser(
        description="Collect the results of an experiment; write results.csv, verdicts.csv, results.md and index.html.",
        epilog="Arguments are positional, not KEY=VALUE; only files named result.json are read.",
    )
    parser.add_argument(
        "experiment",
        type=Path,
        help="the folder of the experiment, such as experiments/upsampling, or its name; or claims, which holds "
        "experiments/claims.yaml against the committed results",
    )
    parser.add_argument(
        "roots", type=Path, nargs="*", help="folders of results (default: EXPERIMENT/results, outputs/sweeps/NAME)"
    )
    parser.add_argument(
        "--output", type=Path, help="the folder to write into (default: EXPERIMENT/report, or outputs/report/NAME)"
    )
    parser.add_argument(
        "--pictures",
        action="append",
        default=[],
        metavar="DATA",
        help="show images of this data too, not only of shapes",
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=1.0,
        metavar="POINTS",
        help="rows whose mIoU differs by less may be called equivalent (default: 1 point)",
    )
    parser.add_argument(
        "--than",
        metavar="ROW",
        help="name the cheapest row that is not worse than this one (default: than the best)",
    )
    options = parser.parse_args(arguments)
    if str(options.experiment) == "claims":
        print_claims()
        return
    from fastfcn.reporting.comparison.report import build_report, write_report

    folder, output = places(options.experiment)
    default = (folder / "results", Path("outputs/sweeps") / folder.resolve().name)
    try:
        roots = options.roots or [root for root in default if root.is_dir()]
        report = build_report(folder, roots, shown=options.pictures, margin=options.margin, than=options.than)
        for line in report.left_out:
            print(f"left out: {line}", file=sys.stderr)
        written = write_report(report, options.output or output, made=datetime.now(UTC).date())
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    if not report.runs and not report.speeds.paths:
        print(f"no results yet; run {how_to_call('train')} -m experiment={report.name}", file=sys.stderr)
    for path in written:
        print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")


def print_claims() -> None:
    """Say of every claim whether it is confirmed, refuted or undecided, and by what."""
    from fastfcn.reporting.claims.deciding import decide_all
    from fastfcn.reporting.claims.schema import read_claims

    try:
        findings = decide_all(read_claims(EXPERIMENTS), EXPERIMENTS)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    for finding in findings:
        print(f"{finding.verdict}: {finding.claim.says} [{finding.claim.source}]\n    {finding.evidence}")
    counts = Counter(finding.verdict for finding in findings)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))


def places(given: Path) -> tuple[Path, Path]:
    """Return an experiment's folder and that of its report; a mere name is that of one of the suite's experiments."""
    known = EXPERIMENTS / given.name
    if not given.is_dir() and known.is_dir():
        return known, Path("outputs/report") / given.name
    return given, given / "report"


if __name__ == "__main__":
    main()
