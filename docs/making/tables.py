"""The pages of options: one of each script, and one of each group at the root of conf/."""

import re
from collections.abc import Iterable
from itertools import groupby

from making.options import Option, Page

WIDE = "---\nhide: [toc]\n---\n\n"
SUGGESTED = re.compile(r"\$\{oc\.select:([\w.]+),([\w.-]+)\}")
PAGE = re.compile(r"docs/(\w+)\.md")
INTRODUCTION = """\
Options are given as `KEY=VALUE`, choices of a group as `GROUP=NAME`. An option with a `+` before it stands in no file
of `conf/` and is added to it: `+KEY=VALUE`. `--cfg job` prints all that a command line comes to.
"""


def option_pages(known: Iterable[Page]) -> dict[str, str]:
    """Return the text of each page by its name."""
    known = list(known)
    scripts = {page.file.name: _script(page) for page in known if not page.file.group}
    members = sorted(
        (page for page in known if page.file.group), key=lambda page: (_root(page), page.file.group, page.file.name)
    )
    groups = {f"group_{root}": _group(root, list(pages)) for root, pages in groupby(members, key=_root)}
    return {"index": _index(known, scripts, groups), **scripts, **groups}


def _index(known: list[Page], scripts: Iterable[str], groups: Iterable[str]) -> str:
    titles = {page.file.name: (_title(page), page.file.introduction) for page in known}
    listed = [f"| [`{titles[name][0]}`]({name}.md) | {_purpose(titles[name][1][0])} |" for name in scripts]
    inner = {name: sorted({page.file.group for page in known if f"group_{_root(page)}" == name}) for name in groups}
    offered = [f"- [{', '.join(f'`{group}`' for group in inner[name])}]({name}.md)" for name in groups]
    table = "\n".join(["| script | |", "|---|---|", *listed])
    return f"# Options\n\n{INTRODUCTION}\n{table}\n\n## Groups\n\n" + "\n".join(offered) + "\n"


def _purpose(says: str) -> str:
    """Return what a script does, without the command that its first line begins with, for a cell of a table."""
    return says.partition(": ")[2].partition("; see ")[0].replace("|", "\\|")


def _script(page: Page) -> str:
    commands = [line.partition(": ") for line in page.file.introduction]
    said = [f"```\n{command}\n```\n\n{_linked(text[:1].upper() + text[1:])}\n" for command, _, text in commands]
    return f"{WIDE}# {_title(page)}\n\n" + "\n".join(said) + f"\n{_tables(page)}"


def _group(root: str, pages: list[Page]) -> str:
    return f"# {root}\n\n" + "\n".join(map(_choice, pages))


def _choice(page: Page) -> str:
    name = page.file.name.rpartition("/")[2]
    bases = [base.rpartition("/")[2] for base in page.file.bases]
    begins = f"Begins from {' and '.join(f'`{base}`' for base in bases)}.\n\n" if bases else ""
    return f"## `{page.file.group}={name}`\n\n{_linked(page.says)}\n\n{begins}{_tables(page)}"


def _root(page: Page) -> str:
    return page.file.group.partition("/")[0]


def _title(page: Page) -> str:
    name = page.file.name
    return f"hub.py {name.removeprefix('hub_')}" if name.startswith("hub_") else f"{name}.py"


def _tables(page: Page) -> str:
    tables = [("group", "choices", page.groups), ("option", "values", page.options)]
    return "\n".join(_table(heading, kinds, rows) for heading, kinds, rows in tables if rows)


def _table(heading: str, kinds: str, rows: Iterable[Option]) -> str:
    lines = [f"| {heading} | default | {kinds} | meaning |", "|---|---|---|---|"]
    for row in rows:
        name = f"`{'+' if row.added else ''}{row.path}`"
        cells = (name, _default(row.default), row.type, _linked(row.meaning))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return '<div class="options" markdown="1">\n\n' + "\n".join(lines) + "\n\n</div>\n"


def _default(value: str) -> str:
    if value == "???":
        return "to be given"
    if found := SUGGESTED.fullmatch(value):
        return f"`{found[1]}`, else `{found[2]}`"
    return f"`{value}`" if value else ""


def _linked(text: str) -> str:
    """Make links of the pages that a comment names, and text of what Markdown would take for HTML."""
    return PAGE.sub(r"[\1](../guide/\1.md)", text.replace("<", "&lt;"))
