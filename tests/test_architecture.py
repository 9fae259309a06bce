"""Data runs one way through the package, and the quick commands stay quick."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import echocare_core

PACKAGE = Path(echocare_core.__file__).parent
# Each part imports only from those before it; those of the first five lines know neither torch nor MONAI.
ORDER = [
    *("version", "printable", "spreadsheet", "counting", "checksum", "result_files"),
    *("errors", "bounds", "types", "outputs", "optional"),
    *("disk", "lock", "atomic", "parent", "secret", "bundle", "origin"),
    *("untrusted", "overrides"),
    *("frames", "layouts", "inventory", "pacs", "privacy"),
    *("distributed", "transforms", "models", "evaluation", "training", "pretraining", "tasks", "phantom", "engines"),
    *(
        "results",
        "kinds",
        "workflow",
        "recognition",
        "bundle_run",
        "prediction",
        "assessment",
        "routing",
        "arrivals",
        "demo",
        "checks",
        "finetuning",
        "archive",
        "download",
        "installation",
        "integrations",
        "cli",
        "__main__",
    ),
]
WITHOUT_TORCH = tuple(ORDER[: ORDER.index("privacy") + 1])
PRETRAINING = ("organs", "data", "views", "losses")  # folders in it, each importing only from those before it
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def part_of(module):
    """`frames` of `echocare_core.frames.read`; nothing of `echocare_core` itself, which is the front door."""
    return "".join(module.split(".")[1:2])


@cache
def imports_of(path):
    """Full names of what a module imports, anywhere in it; a name imported from a package counts as its submodule."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import; needed the full name."
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def inner_imports_of(module):
    """Modules of this package that a module imports."""
    return {name for name in imports_of(MODULES[module]) if name in MODULES and name != module}


@pytest.mark.parametrize("module", [name for name in MODULES if name != "echocare_core"])
def test_a_module_imports_only_from_parts_before_its_own(module):
    allowed = ORDER[: ORDER.index(part_of(module)) + 1]
    assert [name for name in inner_imports_of(module) if part_of(name) not in allowed] == []


@pytest.mark.parametrize("part", ORDER)
def test_no_two_modules_of_a_part_import_each_other(part):
    inside = {module: inner_imports_of(module) for module in MODULES if part_of(module) == part}
    inside = {module: {name for name in names if name in inside} for module, names in inside.items()}
    while free := [module for module, names in inside.items() if not names & inside.keys()]:
        for module in free:
            del inside[module]
    assert inside == {}


@pytest.mark.parametrize("number", range(len(PRETRAINING)))
def test_a_folder_of_pretraining_imports_only_from_those_before_it(number):
    folders = [f"echocare_core.pretraining.{folder}." for folder in PRETRAINING[: number + 1]]
    modules = [module for module in MODULES if module.startswith(folders[-1])]
    within = {name for module in modules for name in inner_imports_of(module) if part_of(name) == "pretraining"}
    assert modules
    assert [name for name in within if not f"{name}.".startswith(tuple(folders))] == []


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) in WITHOUT_TORCH])
def test_reading_files_and_finding_bundles_needs_neither_torch_nor_monai(module):
    assert {name.split(".")[0] for name in imports_of(MODULES[module])} & {"torch", "monai", "ignite"} == set()


@pytest.mark.parametrize("module", list(MODULES))
def test_every_module_and_every_public_name_in_it_says_what_it_is(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    named = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    public = [node for node in named if not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
    assert ast.get_docstring(tree)


def modules_loaded_by(code):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("name", ["echocare_core", "echocare_core.bundle", "echocare_core.frames", "echocare_core.cli"])
def test_importing_it_does_not_import_torch(name):
    _, loaded = modules_loaded_by(f"import {name}")
    assert "echocare_core" in loaded
    assert not loaded & {"torch", "monai"}


HELPED = ("predict", "evaluate", "send", "shards", "inspect", "table", "check", "pack", "install", "serve")
SLOW = ("torch", "monai", "scipy.signal")
QUICK = [["--help"], *([verb, "--help"] for verb in HELPED), ["bundles"]]


def test_no_quick_command_imports_what_takes_long():
    """One after the other in one process; the first that does is named."""
    command = (
        "from echocare_core.cli import main\n"
        f"for words in {QUICK}:\n"
        "    sys.argv = ['echocare', *words]\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code, words\n"
        f"    assert not [name for name in {SLOW} if name in sys.modules], words\n"
    )
    shown, _ = modules_loaded_by(command)
    assert "segmentation" in shown
    assert shown.count("Usage") == len(QUICK) - 1


def test_every_public_name_is_found():
    assert all(callable(getattr(echocare_core, name)) for name in echocare_core.__all__)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'forecast'"):
        _ = echocare_core.forecast
