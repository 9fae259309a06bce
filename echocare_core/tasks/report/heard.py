"""Descriptors that a report of a person names: words of the lexicon, with what stands around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echocare_core.tasks.report.lexicon import Descriptor, Lexicon

_SENTENCES = re.compile(r"[.;!\n\r。；！]+(?!\d)")  # but for the point of a number
_FULL_STOPS = ".。 "
_COMMA = re.compile(r"[,，](?!\d)")
_ASIAN = re.compile(r"[\u2e80-\u9fff]")
UNSURE = ""  # in place of a class
_NOTHING = "\0"  # in place of what was found, so that no other word is found in it


@dataclass(frozen=True)
class _Phrase:
    """A word, and what it means: a class of a descriptor, or none by itself."""

    pattern: re.Pattern[str]
    descriptor: str
    meant: str | None
    negated: str | None


@dataclass(frozen=True)
class _Mention:
    start: int
    end: int
    phrase: _Phrase


class Listener:
    """Finds classes of descriptors in free text, in whatever language the lexicon has words of.

    The longest words are found first, and nothing is found in them again. A word is negated by a cue before it in the
    same part of its sentence, or right behind it. Parts end at commas; a negation reaches across them to the end of a
    list of alternatives, as in "no calcifications, halo or shadowing". What is joined to something negated by "and"
    may be meant either way and is unknown, as is what the writer is not sure of, and what is heard as two classes.

    Args:
        lexicon: its words; its own sentences are heard too, so that a corrected draft is.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.cues = {name: _any_of(words, is_whole=True) for name, words in lexicon.cues.items()}
        phrases: list[tuple[str, str, str | None, str | None]] = [
            (word, one.name, meant, one.negated or None)
            for one in lexicon.descriptors
            for meant, words in _heard(one)
            for word in words
        ]
        ordered = sorted(phrases, key=lambda phrase: -len(phrase[0]))
        self.phrases = [
            _Phrase(_any_of((word,), is_whole=False), name, meant, negated) for word, name, meant, negated in ordered
        ]

    def __call__(self, text: str) -> dict[str, str]:
        """Descriptor -> class, of those that the text names.

        Args:
            text: of any length and language; line breaks end sentences.
        """
        heard: dict[str, set[str]] = {}
        for sentence in _SENTENCES.split(text):
            for turn in self.cues["turns"].split(sentence):
                for name, meant in self._of_sentence(turn):
                    heard.setdefault(name, set()).add(meant)
        return {name: classes.pop() for name, classes in heard.items() if len(classes) == 1 and UNSURE not in classes}

    def _of_sentence(self, sentence: str) -> Iterator[tuple[str, str]]:
        """(descriptor, class or `UNSURE`) of each mention that means one."""
        mentions, rest = self._mentions(sentence)
        ends = [*(comma.start() for comma in _COMMA.finditer(rest)), len(rest)]
        parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        listed = joined = -1  # parts to which a negation before them reaches, surely and perhaps
        for number, part in enumerate(parts):
            if self.cues["before"].search(rest[part]):
                later = range(number + 1, len(parts))
                listed, joined = (
                    max((one for one in later if self.cues[cue].search(rest[parts[one]])), default=-1)
                    for cue in ("alternatives", "joins")
                )
            for one in (one for one in mentions if part.start <= one.start < part.stop):
                meant = self._meant(one, rest, part, number <= listed, number <= joined)
                if meant is not None:
                    yield one.phrase.descriptor, meant

    def _meant(self, one: _Mention, rest: str, part: slice, is_listed: bool, is_joined: bool) -> str | None:
        """The class that a mention means, None for none; `rest` is its sentence without what was found in it."""
        if self.cues["unsure"].search(rest[part]):
            return UNSURE
        if self.cues["after"].match(rest[one.end : part.stop].lstrip(" ")):
            return one.phrase.negated
        cues = [cue.end() for cue in self.cues["before"].finditer(rest, part.start, one.start)]
        if cues:
            return UNSURE if self.cues["joins"].search(rest, cues[-1], one.start) else one.phrase.negated
        if is_listed:
            return one.phrase.negated
        return UNSURE if is_joined else one.phrase.meant

    def _mentions(self, sentence: str) -> tuple[list[_Mention], str]:
        """What is found in a sentence, and the sentence without it."""
        found, rest = [], sentence
        for phrase in self.phrases:
            while match := phrase.pattern.search(rest):
                found.append(_Mention(match.start(), match.end(), phrase))
                rest = rest[: match.start()] + _NOTHING * (match.end() - match.start()) + rest[match.end() :]
        return found, rest


def _heard(descriptor: Descriptor) -> Iterator[tuple[str | None, Sequence[str]]]:
    """Each class with its words, the sentences among them by which the report itself says it; None without one."""
    yield None, descriptor.mentioned
    for name, words in descriptor.heard.items():
        said = [sentences[name].rstrip(_FULL_STOPS) for sentences in descriptor.say.values()]
        yield name, [*words, *filter(None, said)]


def _any_of(words: Sequence[str], *, is_whole: bool) -> re.Pattern[str]:
    """Any of some words, or what begins so; Chinese anywhere."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(_pattern_of(word, is_whole) for word in longest_first), re.IGNORECASE)


def _pattern_of(word: str, is_whole: bool) -> str:
    if _ASIAN.search(word):
        return re.escape(word)
    start, end = (r"\b" if word[0].isalnum() else "", "" if not word[-1].isalnum() else r"\b" if is_whole else r"\w*")
    return f"{start}{re.escape(word)}{end}"
