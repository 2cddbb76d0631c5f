"""Where a job's files lie: short names that are the same whenever the same sweep is run again."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

LONGEST = 120  # file systems take 255 bytes
ELSEWHERE = {"experiment", "row", "seed", "data.root"}  # told by the sweep's folder or a name's first parts


def split_override(override: str) -> tuple[str, str]:
    """Split KEY=VALUE; additions lose their plus signs."""
    key, _, value = override.partition("=")
    return key.lstrip("+"), value


def varied_keys(swept: Iterable[str], jobs: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the keys that tell jobs apart, in order: those that are swept, and those whose values differ."""
    swept = set(swept)
    keys = dict.fromkeys(key for job in jobs for key in job)
    return [key for key in keys if key in swept or len({job.get(key) for job in jobs}) > 1]


def folder_name(job: Mapping[str, str], varied: Sequence[str]) -> str:
    """Name a job's folder: ROW/seedN for a row of a table, then what else of `varied` it has."""
    row = job.get("row")
    if row is None:
        return _short([f"{key}={job[key]}" for key in varied if key in job]) or "run"
    others = _short([f"{key}={job[key]}" for key in varied if key in job and key not in ELSEWHERE])
    seed = _short([f"seed{job.get('seed', '0')}"])
    return f"{row}/{seed}{',' if others else ''}{others}"


def _short(parts: Sequence[str]) -> str:
    whole = ",".join(parts)
    name = re.sub(r"[^\w.=,+-]", "_", whole)
    if name == whole and len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.blake2b(whole.encode(), digest_size=4).hexdigest()}"
