"""The lexicon of a report: its descriptors, their classes, and how each is said and heard; a file of the bundle."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from echocare_core.errors import BundleError

ABOUT = ("breast", "lesion")
PLACES = 9  # of a picture: three rows of three
FIELDS = {  # of the sentences around those of the descriptors, what each may stand for
    **{"draft": (), "breast": ("sentences",), "lesion": ("sentences",), "assessment": ("sentences",)},
    **{"outlined": ("long", "short", "unit"), "largest": ("count", "long", "short", "unit"), "px": ()},
    **{"place": ("place",), "nothing": (), "not_looked": (), "left_out": ("names",)},
    **{"between_sentences": (), "between_names": ()},
}
CUES = ("before", "after", "unsure", "alternatives", "joins", "turns")


@dataclass(frozen=True)
class Descriptor:
    """One question of the lexicon.

    Attributes:
        name: also the column of a table with the true class.
        classes: in the order of the network's outputs.
        title: language -> its name in words.
        say: language -> class -> its sentence, "" for none.
        heard: class -> words that mean it.
        mentioned: words that mean nothing but where they are negated.
        negated: class that is meant where such a word stands negated; "" for none.
        about: "breast", or "lesion", of which nothing is said where there is none.
        needs: descriptor -> class without which this one is not said.
        is_assessment: whether it is an assessment rather than a finding.
    """

    name: str
    classes: tuple[str, ...]
    title: Mapping[str, str]
    say: Mapping[str, Mapping[str, str]]
    heard: Mapping[str, tuple[str, ...]]
    mentioned: tuple[str, ...]
    negated: str
    about: str
    needs: Mapping[str, str]
    is_assessment: bool


@dataclass(frozen=True)
class Lexicon:
    """All descriptors, in the order of the network's outputs and of the report.

    Attributes:
        descriptors: see `Descriptor`.
        languages: language -> the sentences around those of the descriptors, by the names in `FIELDS`; `places`.
        cues: words around a finding, by the names in `CUES`.
    """

    descriptors: tuple[Descriptor, ...]
    languages: Mapping[str, Mapping[str, Any]]
    cues: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the descriptors."""
        return tuple(one.name for one in self.descriptors)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of classes of each descriptor: how the network's outputs are divided."""
        return tuple(len(one.classes) for one in self.descriptors)


def read_lexicon(path: str | Path) -> Lexicon:
    """Read a lexicon.

    Args:
        path: YAML, UTF-8, as `configs/lexicon.yaml` of breast_report_generation explains it.

    Raises:
        BundleError: no such file, or one that lacks a sentence, names a class that it does not have, or has a field in
            braces that nothing fills.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        languages = content["languages"]
        descriptors = tuple(_descriptor(name, one, list(languages)) for name, one in content["descriptors"].items())
        cues = {name: _words(content["hearing"][name]) for name in CUES}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BundleError(
            f"{path} cannot be read as a lexicon ({type(error).__name__}); needed YAML. Mend it."
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is no lexicon: it lacks {error}. Compare it with that of the bundle.") from error
    lexicon = Lexicon(descriptors, languages, cues)
    faults = [*_faults_of_languages(lexicon), *_faults_of_descriptors(lexicon)]
    if faults:
        raise BundleError(f"{path} {'; '.join(faults[:5])}. Mend it.")
    return lexicon


def _descriptor(name: str, entry: Mapping[str, Any], languages: Sequence[str]) -> Descriptor:
    classes = {str(one): value for one, value in entry["classes"].items()}
    return Descriptor(
        name=name,
        classes=tuple(classes),
        title={language: entry["name"][language] for language in languages},
        say={language: {one: value["say"][language] for one, value in classes.items()} for language in languages},
        heard={one: _words(value["heard"]) for one, value in classes.items()},
        mentioned=_words(entry.get("mentioned", ())),
        negated=str(entry.get("negated", "")),
        about=entry["about"],
        needs=dict(entry.get("needs", {})),
        is_assessment=bool(entry.get("assessment", False)),
    )


def _words(words: Sequence[Any]) -> tuple[str, ...]:
    """Words of a list; YAML reads no, yes and numbers as something else where they are not in quotes."""
    strange = [one for one in words if not isinstance(one, str) or not one.strip()]
    if strange:
        raise BundleError(f"A lexicon has {strange[0]!r} among its words; needed text. Put it into quotes.")
    return tuple(words)


def _faults_of_languages(lexicon: Lexicon) -> Iterator[str]:
    for language, words in lexicon.languages.items():
        for name, known in FIELDS.items():
            if not isinstance(words.get(name), str):
                yield f"lacks the sentence {name} of the language {language}"
            elif unknown := [field for _, field, _, _ in string.Formatter().parse(words[name]) if field not in known]:
                strange = next((field for field in unknown if field is not None), None)
                if strange is not None:
                    yield f"has {{{strange}}} in {name} of {language}; needed {', '.join(known) or 'no braces'}"
        if len(words.get("places", ())) != PLACES:
            yield f"needs {PLACES} places in the language {language}, row by row"


def _faults_of_descriptors(lexicon: Lexicon) -> Iterator[str]:
    known = {one.name: one.classes for one in lexicon.descriptors}
    for one in lexicon.descriptors:
        if len(one.classes) < 2:
            yield f"gives {one.name} fewer than two classes"
        if one.about not in ABOUT:
            yield f"says {one.name} is about '{one.about}'; needed {' or '.join(ABOUT)}"
        if one.negated and one.negated not in one.classes:
            yield f"negates {one.name} to '{one.negated}', which is no class of it"
        for name, needed in one.needs.items():
            if needed not in known.get(name, ()):
                yield f"lets {one.name} need {name} to be '{needed}', which it cannot be"
