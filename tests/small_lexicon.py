"""A lexicon of four descriptors in two languages, small enough to see at a glance what a report of it must say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from echocare_core.tasks.report import Lexicon, read_lexicon

SHIPPED = Path(__file__).parents[1] / "bundles" / "breast_report_generation" / "configs" / "lexicon.yaml"


def _around(language: str) -> dict[str, Any]:
    named = {
        **{"breast": "B: {sentences}", "lesion": "L: {sentences}", "assessment": "A: {sentences}"},
        **{"outlined": "{long} x {short} {unit}.", "largest": "{count} parts, {long} x {short} {unit}."},
        **{"place": "At {place}.", "left_out": "Left out: {names}."},
        **dict.fromkeys(("draft", "px", "nothing", "not_looked"), ""),
    }
    words = {name: f"{language}/{named.get(name) or name}" for name in named}
    places = [f"{row} {column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")]
    return {**words, "places": places, "between_sentences": " ", "between_names": ", "}


def _classes(**said: tuple[str, list[str]]) -> dict[str, Any]:
    return {
        name.strip("_"): {"say": {"en": words, "de": words and f"de {words}"}, "heard": heard}
        for name, (words, heard) in said.items()
    }


def content() -> dict[str, Any]:
    """What stands in its file."""
    skin = _classes(thin=("Skin thin.", []), thick=("Skin thick.", ["thick skin"]))
    margin = _classes(sharp=("Margin sharp.", ["sharp"]), vague=("Margin vague.", ["vague"]))
    spikes = _classes(no_=("", []), yes_=("Spikes.", ["spike"]))
    grade = _classes(low=("Grade low.", ["grade low"]), mid=("Grade mid.", []), high=("Grade high.", []))
    descriptors = {
        "skin": {"about": "breast", "negated": "thin", "classes": skin},
        "margin": {"about": "lesion", "negated": "vague", "classes": margin},
        "spikes": {"about": "lesion", "needs": {"margin": "vague"}, "negated": "no", "classes": spikes},
        "grade": {"about": "lesion", "assessment": True, "classes": grade},
    }
    return {
        "languages": {language: _around(language) for language in ("en", "de")},
        "hearing": {
            **{"before": ["no"], "after": ["absent"], "unsure": ["perhaps"]},
            **{"alternatives": ["or"], "joins": ["and"], "turns": ["but"]},
        },
        "descriptors": {name: {**one, "name": {"en": name, "de": f"de {name}"}} for name, one in descriptors.items()},
    }


def write_lexicon(folder: Path, changed: dict[str, Any] | None = None) -> Path:
    """Its file, or one of other content."""
    path = folder / "lexicon.yaml"
    path.write_text(yaml.safe_dump(changed or content(), allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def small_lexicon(folder: Path) -> Lexicon:
    """The lexicon."""
    return read_lexicon(write_lexicon(folder))
