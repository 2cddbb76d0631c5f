"""Make the results page of an experiment: python src/report.py experiments/upsampling."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fastfcn.installation import EXPERIMENTS, how_to_call
from fastfcn.words import one_line_of_mistakes, tell_apart

HELP = """\
EXPERIMENT [RESULTS ...] [KEY=VALUE ...]: collect results (files named result.json, no
others) and write results.csv, verdicts.csv, results.md and index.html.

EXPERIMENT is the folder of an experiment, such as experiments/upsampling, or its name.
RESULTS are folders of results (default: EXPERIMENT/results and outputs/sweeps/NAME).
  output=FOLDER   where to write (default: EXPERIMENT/report, or outputs/report/NAME)
  pictures=DATA   show images of this data too, not only of shapes; several by commas
  margin=1        rows whose mIoU differs by less, in points, may be called equivalent
  than=ROW        name the cheapest row that is not worse than this one, not than the best

claims: hold experiments/claims.yaml against the committed results."""
OPTIONS = {"output": None, "pictures": "", "margin": "1", "than": None}


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect, compare and write, as the command line says."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        print(HELP)
        sys.exit(0 if words else 2)
    with one_line_of_mistakes():
        folders, options = tell_apart(words, OPTIONS, "report.py")
        if not folders:
            raise ValueError("report.py takes an experiment first, such as experiments/upsampling, or claims")
        if folders == (Path("claims"),):
            print_claims()
        else:
            make(folders[0], folders[1:], **options)


def make(
    experiment: Path,
    roots: Sequence[Path],
    *,
    output: str | None,
    pictures: str | None,
    margin: str | None,
    than: str | None,
) -> None:
    """Write the report of an experiment, and say what was left out of it."""
    from fastfcn.reporting.comparison.report import build_report, write_report

    folder, usual = places(experiment)
    default = (folder / "results", Path("outputs/sweeps") / folder.resolve().name)
    report = build_report(
        folder,
        roots or [root for root in default if root.is_dir()],
        shown=[name for name in (pictures or "").split(",") if name],
        margin=_number(margin),
        than=than,
    )
    for line in report.left_out:
        print(f"left out: {line}", file=sys.stderr)
    written = write_report(report, Path(output) if output else usual, made=datetime.now(UTC).date())
    if not report.runs and not report.speeds.paths:
        print(f"no results yet; run {how_to_call('train')} -m experiment={report.name}", file=sys.stderr)
    for path in written:
        print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise ValueError(f"margin must be a number of points, got {text}") from error


def print_claims() -> None:
    """Say of every claim whether it is confirmed, refuted or undecided, and by what."""
    from fastfcn.reporting.claims.claim import read_claims
    from fastfcn.reporting.claims.deciding import decide_all

    findings = decide_all(read_claims(EXPERIMENTS), EXPERIMENTS)
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
