"""Pages of the API: the package's public names, and every class and function that a bundle's configuration names."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from itertools import groupby
from pathlib import Path

import echocare_core

REPOSITORY = Path(__file__).parents[2]
TARGET = re.compile(r'"_target_": "(echocare_core\.[\w.]+)"')


def python_page() -> str:
    """Everything in `echocare_core.__all__`."""
    return "# In Python\n\n" + _documented([f"echocare_core.{name}" for name in echocare_core.__all__])


def configuration_page() -> str:
    """Every `_target_` of this package in the bundles' configurations, by the part it stands in."""
    page = "# In configurations\n\nWhat the bundles' configurations name as `_target_`.\n\n"
    for part, names in groupby(configured_names(), key=lambda name: name.split(".")[1]):
        page += f"## {part.capitalize()}\n\n{_documented(list(names))}"
    return page


def configured_names() -> list[str]:
    """Full names of what the configurations of all bundles build from this package, sorted."""
    text = "".join(path.read_text(encoding="utf-8") for path in REPOSITORY.glob("bundles/*/configs/*.json"))
    return sorted(set(TARGET.findall(text)))


def modules_page() -> str:
    """Types, errors, and what no configuration names of engines and results."""
    page = "# Types, errors, engines, results\n\n"
    for part in ("types", "errors", "engines", "results"):
        names = [f"echocare_core.{part}.{name}" for name in _public_names(f"echocare_core.{part}")]
        page += f"## {part.capitalize()}\n\n{_documented([name for name in names if name not in configured_names()])}"
    return page


def _public_names(name: str) -> list[str]:
    """What a package lists in `__all__`; of a single module the classes that it defines. No aliases."""
    module = import_module(name)
    classes = [key for key, value in vars(module).items() if inspect.isclass(value) and value.__module__ == name]
    listed = getattr(module, "__all__", classes)
    return [key for key in listed if inspect.isclass(vars(module)[key]) or inspect.isfunction(vars(module)[key])]


def _documented(names: list[str]) -> str:
    """Each name's docstring, as autodoc reads it."""
    return "".join(_directive(name) for name in names)


def _directive(name: str) -> str:
    module, _, last = name.rpartition(".")
    kind, members = "autofunction", ""
    if inspect.isclass(getattr(import_module(module), last)):
        kind, members = "autoclass", "   :members:\n"
    return f"```{{eval-rst}}\n.. {kind}:: {name}\n{members}```\n\n"
