"""The panels as a saved W&B workspace and as a report, as JSON or pushed to W&B."""

import os
from collections.abc import Sequence
from typing import Any

import wandb
import wandb_workspaces.workspaces as ws
from requests import RequestException
from wandb.errors import Error as WandbError
from wandb_workspaces.reports import v2 as wr

from fastfcn.tracking.panels import Topic, topics

NAME = "FastFCN ablations"
TIMEOUT = 10  # seconds
PINNED = ("summary:best/miou", "summary:best/pixacc", "summary:bench/fps", "summary:bench/gflops")


def build_workspace(project: str, entity: str, classes: Sequence[str]) -> ws.Workspace:
    """Build the workspace: a section a topic, runs grouped by row."""
    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[
            ws.Section(
                name=topic.title,
                panels=list(topic.panels),
                is_open=True,
                layout_settings=ws.SectionLayoutSettings(columns=topic.columns, rows=_rows(topic)),
            )
            for topic in topics(classes)
        ],
        settings=ws.WorkspaceSettings(max_runs=100),
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Config("row")],
            order=[ws.Ordering(ws.Summary("best/miou"), ascending=False)],
            pinned_columns=list(PINNED),
        ),
    )


def build_report(project: str, entity: str, classes: Sequence[str], *, online: bool) -> wr.Report:
    """Build the report: a heading, the question and a grid of panels a topic.

    Only when `online` do its grids name the project, whose number has to be asked of W&B.
    """
    blocks: list[Any] = [wr.TableOfContents()]
    for topic in topics(classes):
        runs = wr.Runset(entity=entity, project=project) if online else wr.Runset()
        blocks += [wr.H2(topic.title), wr.P(topic.question), wr.PanelGrid(runsets=[runs], panels=_laid_out(topic))]
    return wr.Report(
        project=project,
        entity=entity,
        title=NAME,
        description="Rows of a table of FastFCN, their seeds together.",
        blocks=blocks,
        width="fluid",
    )


def specification(project: str, entity: str, classes: Sequence[str]) -> dict[str, Any]:
    """Return workspace and report as W&B stores them, without asking W&B."""
    workspace, report = build_workspace(project, entity, classes), build_report(project, entity, classes, online=False)
    return {
        name: built._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
        for name, built in {"workspace": workspace, "report": report}.items()
    }


def push(project: str, entity: str, classes: Sequence[str]) -> tuple[str, str]:
    """Save workspace and report, and return their addresses. Raises ValueError, in one line, where W&B refuses."""
    os.environ.setdefault("WANDB_SILENT", "true")  # it would say the addresses, too
    try:
        if not wandb.login(prompt=False, verify=False):
            raise ValueError("push needs a W&B key: wandb login, or WANDB_API_KEY; `dashboard.py spec` does without")
        if project not in (known.name for known in wandb.Api(timeout=TIMEOUT).projects(entity)):
            raise ValueError(f"W&B has no project {entity}/{project}; upload a run to it first, with wandb sync")
        workspace = build_workspace(project, entity, classes).save()
        report = build_report(project, entity, classes, online=True).save()
    except (WandbError, RequestException) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"W&B at {wandb.setup().settings.base_url} did not take the dashboard: {reason}") from error
    return workspace.url, report.url


def _rows(topic: Topic) -> int:
    return -(-len(topic.panels) // topic.columns)


def _laid_out(topic: Topic) -> list[Any]:
    """Give panels their places in a report's grid of 24 columns."""
    width, height = 24 // topic.columns, 12 if topic.columns == 1 else 8
    panels = list(topic.panels)
    for place, panel in enumerate(panels):
        row, column = divmod(place, topic.columns)
        panel.layout = wr.Layout(x=column * width, y=row * height, w=width, h=height)
    return panels
