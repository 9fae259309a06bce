"""The software bill of materials of an environment, as CycloneDX JSON: `python .ci/sbom.py > echocare.cdx.json`.

It lists what echocare needs and what is installed of its extras, read from the installed packages' own metadata; no
package index is asked.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

ROOT = "echocare"


def bill_of_materials() -> dict[str, Any]:
    """CycloneDX 1.6 of echocare and of everything installed that it needs, extras included."""
    found = _reached(ROOT)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component(found[ROOT])},
        "components": [_component(found[name]) for name in sorted(found) if name != ROOT],
        "dependencies": [
            {
                "ref": _purl(found[name]),
                "dependsOn": sorted(_purl(found[one]) for one in _needed(found[name]) & found.keys()),
            }
            for name in sorted(found)
        ],
    }


def licences_of(package: Distribution) -> list[str]:
    """What a package says of its licence: an SPDX expression, or else its short field and its classifiers."""
    expression = package.metadata["License-Expression"]
    if expression:
        return [expression]
    field = (package.metadata["License"] or "").strip().splitlines()[:1]
    listed = package.metadata.get_all("Classifier") or []
    return [*field, *(one.split(" :: ")[-1] for one in listed if one.startswith("License :: "))]


def _reached(root: str) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    waiting = {root}
    while waiting:
        name = waiting.pop()
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # of an extra, or for another system
            continue
        waiting |= _needed(found[name]) - found.keys()
    return found


def _needed(package: Distribution) -> set[str]:
    names = (re.match(r"[\w.\-]+", requirement) for requirement in package.requires or ())
    asks_for_extras = package.name == ROOT
    wanted = zip(names, package.requires or (), strict=True)
    return {_normal(name[0]) for name, text in wanted if name and (asks_for_extras or "extra ==" not in text)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(package: Distribution) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(package),
        "name": _normal(package.name),
        "version": package.version,
        "purl": _purl(package),
        "licenses": [{"license": {"name": name}} for name in licences_of(package)],
    }


def _purl(package: Distribution) -> str:
    return f"pkg:pypi/{_normal(package.name)}@{package.version}"


if __name__ == "__main__":
    print(json.dumps(bill_of_materials(), indent=1))
