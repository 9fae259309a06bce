"""The picture of the package: its parts in the order of the data, and who imports whom, read from the source."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "echocare_core"
TESTED_ORDER = REPOSITORY / "tests" / "test_architecture.py"
ROW, BOX, WIDTH = 36, 124, 330  # px: from part to part, width of a part, width of the picture

Imports = Counter[tuple[str, str]]


def part_names() -> list[str]:
    """The parts in the order that the test of the architecture holds them to."""
    tree = ast.parse(TESTED_ORDER.read_text(encoding="utf-8"))
    [order] = [node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "ORDER"]
    return [node.value for node in ast.walk(order) if isinstance(node, ast.Constant)]


def source_files(part: str) -> list[Path]:
    """The modules of a part: those of a folder, or one file."""
    return sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]


def imported_parts(source: Path) -> set[str]:
    """Names of the parts that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("echocare_core"):
            names = [node.module] if "." in node.module else [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name.split(".")[1] for name in names}
    return found


def count_imports(parts: list[str]) -> Imports:
    """How many modules of one part import another."""
    return Counter(
        (part, other)
        for part in parts
        for source in source_files(part)
        for other in imported_parts(source)
        if other in parts and other != part
    )


def split_foundation(parts: list[str], imports: Imports) -> tuple[list[str], list[str]]:
    """(single modules that all others may use, the other parts): the first import none of the second."""
    foundation: list[str] = []
    for part in parts:
        if (PACKAGE / f"{part}.py").is_file() and {name for user, name in imports if user == part} <= {*foundation}:
            foundation.append(part)
    return foundation, [part for part in parts if part not in foundation]


def first_sentence(part: str) -> str:
    """What a part is, in the first line of its docstring."""
    source = PACKAGE / part / "__init__.py"
    source = source if source.is_file() else PACKAGE / f"{part}.py"
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").splitlines()[0]


def as_html(name: str) -> str:
    """A name that Markdown leaves alone: two underscores around it would make it bold."""
    return name.replace("_", "&#95;")


def box(name: str, row: int) -> str:
    """One part."""
    top = row * ROW + 4
    return (
        f'<rect x="1" y="{top}" width="{BOX}" height="26" rx="4"/>'
        f'<text x="{1 + BOX / 2}" y="{top + 17.5}" text-anchor="middle">{as_html(name)}</text>'
    )


def arrow(user: str, used: str, modules: int, rows: dict[str, int]) -> str:
    """An arc on the right, from the part that imports up to the one it imports; the longer, the wider."""
    start, end = rows[user] * ROW + 11, rows[used] * ROW + 23
    reach = BOX + 14 + (WIDTH - BOX - 20) * 1.25 * (rows[user] - rows[used]) / len(rows)
    title = f"<title>{as_html(user)} imports {as_html(used)}: {modules} module{'s' if modules > 1 else ''}</title>"
    return f'<path d="M{BOX + 2} {start} C{reach:.0f} {start} {reach:.0f} {end} {BOX + 8} {end}">{title}</path>'


def architecture_svg() -> str:
    """The picture as inline SVG, which takes its colours from the page it stands in."""
    names = part_names()
    imports = count_imports(names)
    _, parts = split_foundation(names, imports)
    rows = {part: row for row, part in enumerate(parts)}
    arrows = [arrow(*pair, modules, rows) for pair, modules in sorted(imports.items()) if {*pair} <= {*parts}]
    head = '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    return (
        f'<svg class="architecture" viewBox="0 0 {WIDTH} {len(parts) * ROW}" role="img" aria-label="Parts of the '
        f'package and their imports"><defs>{head}<path d="M0 0L8 4L0 8z"/></marker></defs>'
        f'<g class="arrows">{"".join(arrows)}</g>{"".join(box(part, row) for part, row in rows.items())}</svg>\n'
    )


def architecture_page() -> str:
    """The picture, and a table of what each part is."""
    names = part_names()
    foundation, parts = split_foundation(names, count_imports(names))
    table = "".join(f"| `{part}` | {first_sentence(part)} |\n" for part in [*foundation, *parts])
    used = ", ".join(f"`{part}`" for part in foundation)
    return (
        f"{architecture_svg()}\nNot drawn: {used}, which every part may use.\n\n"
        f"| part | what it is |\n|---|---|\n{table}"
    )
