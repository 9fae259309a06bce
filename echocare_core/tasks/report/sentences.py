"""From descriptors to a text that cannot say what they do not support: whole sentences of the lexicon, or none.

Nothing generates words. A sentence stands in the text only where its descriptor has that answer with enough confidence,
where the descriptors that it needs are said as it needs them, and, of a lesion, where nothing speaks against one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echocare_core.errors import SettingsError
from echocare_core.tasks.report.lexicon import PLACES, Descriptor, Lexicon
from echocare_core.transforms.outline import Outline
from echocare_core.types import Scores, Text

LESIONS, LONG_AXIS, SHORT_AXIS = "lesions", "lesion_long_axis", "lesion_short_axis"  # what the outline measures
_SIDE = 3  # places in a row, and rows


@dataclass(frozen=True)
class Said:
    """What a report says.

    Attributes:
        classes: descriptor -> the class that is said of it.
        left_out: descriptors whose answer is not sure enough.
    """

    classes: Mapping[str, str]
    left_out: tuple[str, ...] = ()


class Reporter:
    """Chooses what is said, and says it.

    Args:
        lexicon: descriptors and sentences.
        languages: of the texts, one or several that the lexicon has.
        least_confidence: descriptor -> probability of its answer from which on it is said; above 1 it never is, and the
            text names it as left out.

    Raises:
        SettingsError: a language that the lexicon does not have, or other descriptors than its own.
    """

    def __init__(self, lexicon: Lexicon, languages: str | Sequence[str], least_confidence: Mapping[str, float]) -> None:
        languages = [languages] if isinstance(languages, str) else languages
        if unknown := [one for one in languages if one not in lexicon.languages]:
            known = ", ".join(lexicon.languages)
            raise SettingsError(
                f"The lexicon has no language '{unknown[0]}'; needed some of {known}. Set languages so."
            )
        if set(least_confidence) != set(lexicon.names):
            raise SettingsError(
                f"least_confidence is of {', '.join(least_confidence) or 'nothing'}; needed a number for each of "
                f"{', '.join(lexicon.names)}. Set it so."
            )
        self.lexicon, self.languages = lexicon, tuple(languages)
        self.least_confidence = dict(least_confidence)

    def choose(self, scores: Sequence[Scores], outline: Outline | None) -> Said:
        """What can be said.

        Args:
            scores: of each descriptor.
            outline: of the lesion; None where nobody has looked.
        """
        answers = {one.name: (one.answer, one.probabilities[one.answer]) for one in scores}
        sure = {name: answer for name, (answer, chance) in answers.items() if chance >= self.least_confidence[name]}
        speaks = [one for one in self.lexicon.descriptors if one.about != "lesion" or not _is_empty(outline)]
        # what needs another descriptor is no matter of confidence where that is said otherwise
        asked = [one for one in speaks if all(sure.get(name, needed) == needed for name, needed in one.needs.items())]
        said = [one for one in asked if one.name in sure and all(name in sure for name in one.needs)]
        return Said({one.name: sure[one.name] for one in said}, tuple(one.name for one in asked if one not in said))

    def write(self, said: Said, outline: Outline | None) -> tuple[Text, ...]:
        """The report in each language, `report_LANGUAGE`."""
        return tuple(Text(f"report_{one}", self._text(said, outline, one)) for one in self.languages)

    def sentences(self, said: Said, language: str, about: str | None = None) -> list[str]:
        """The sentences of descriptors alone, in the order of the lexicon.

        Args:
            said: what is said.
            language: of the lexicon.
            about: only those of a part of the report, "breast", "lesion" or "assessment"; None for all.
        """
        found = [one for one in self.lexicon.descriptors if one.name in said.classes and about in (None, _part(one))]
        return [words for one in found if (words := one.say[language][said.classes[one.name]])]

    def _text(self, said: Said, outline: Outline | None, language: str) -> str:
        words = self.lexicon.languages[language]
        parts = {
            "breast": self.sentences(said, language, "breast"),
            "lesion": [*self._outlined(outline, language), *self.sentences(said, language, "lesion")],
            "assessment": self.sentences(said, language, "assessment"),
        }
        lines = [
            words[part].format(sentences=words["between_sentences"].join(found))
            for part, found in parts.items()
            if found
        ]
        if said.left_out:
            title = {one.name: one.title[language] for one in self.lexicon.descriptors}
            names = words["between_names"].join(title[name] for name in said.left_out)
            lines.append(words["left_out"].format(names=names))
        return "\n".join([words["draft"], "", *lines]) + "\n"

    def _outlined(self, outline: Outline | None, language: str) -> list[str]:
        """Size and place, or why they are not there."""
        words = self.lexicon.languages[language]
        if outline is None:
            return [words["not_looked"]]
        if _is_empty(outline):
            return [words["nothing"]]
        (count, _), (long, unit), (short, _) = (
            outline.value(name) or (1.0, "") for name in (LESIONS, LONG_AXIS, SHORT_AXIS)
        )
        decimals = 1 if unit == "mm" else 0
        size = {"long": f"{long:.{decimals}f}", "short": f"{short:.{decimals}f}", "unit": unit}
        found = [words["largest" if count > 1 else "outlined"].format(count=round(count), **size)]
        if outline.centre is not None:
            down, across = (min(int(_SIDE * share), _SIDE - 1) for share in outline.centre)
            found.append(words["place"].format(place=words["places"][PLACES // _SIDE * down + across]))
        return [*found, *([words["px"]] if unit == "px" else [])]


def _part(descriptor: Descriptor) -> str:
    return "assessment" if descriptor.is_assessment else descriptor.about


def _is_empty(outline: Outline | None) -> bool:
    """Whether somebody has looked and outlined nothing."""
    return outline is not None and outline.value(LONG_AXIS) is None
