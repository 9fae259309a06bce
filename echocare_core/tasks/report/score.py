"""A report beside the descriptors of a table, and beside the answer that most images would have had."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from ignite.metrics.nlp import Bleu, RougeL

from echocare_core.errors import SettingsError
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.many_classes import mean_auc
from echocare_core.evaluation.two_classes import ACCURACY
from echocare_core.outputs import only_output
from echocare_core.tasks.classification import as_summary
from echocare_core.tasks.report.lexicon import Descriptor, Lexicon
from echocare_core.tasks.report.sentences import Reporter, Said
from echocare_core.tasks.report.training import UNKNOWN, known_number
from echocare_core.transforms.outline import outline_in
from echocare_core.types import Scores

NGRAM = 4  # of BLEU-4
TEXTS = ("bleu_4", "rouge_l")
RIGHT, SAID, SAID_RIGHT = "descriptors_right", "said", "said_right"
MAJORITY = "majority_"


def score_report(
    item: Mapping[Hashable, Any], *, reporter: Reporter, language: str, majority: Mapping[str, str]
) -> dict[str, Any]:
    """Set a report beside the truth of the table; for `WriteEvaluation`.

    The reference is what the true descriptors say by the same lexicon; what is unknown is not said. Only sentences of
    descriptors are compared, not those around them, which are always the same.

    Args:
        item: with `outputs` of `ReportOutputd`, the `image` and the columns of the descriptors.
        reporter: that wrote it.
        language: in which texts are compared.
        majority: descriptor -> the class that most training images have, whose report stands beside.

    Returns:
        Of each descriptor `NAME_truth` and `NAME_answer` (names of classes; None where the truth is unknown),
        `NAME_said_right` (1 or 0; nan where it is not said, or not known) and `NAME_CLASS_probability`;
        `said`, the share of known descriptors that the report speaks of, and `said_right`, of those the share that it
        is right about; `descriptors_right`, the share of known descriptors whose answer is right, said or not, and
        `bleu_4` and `rouge_l` of the report; the last three, with `majority_` before them, of the majority's answers.

    Raises:
        TableError: a class that the lexicon does not have.
        SettingsError: a majority that is none of a descriptor's classes.
    """
    outputs = {one.name: one for one in item["outputs"] if isinstance(one, Scores)}
    said = reporter.choose(list(outputs.values()), outline_in(item["image"].meta))
    found: dict[str, Any] = {}
    truths: dict[str, str] = {}
    for one in reporter.lexicon.descriptors:
        scores = only_output([outputs[one.name]], Scores, "The score of a descriptor")
        number = known_number(item, one.name, one.classes)
        truth = None if number == UNKNOWN else one.classes[number]
        if truth is not None:
            truths[one.name] = truth
        spoken = said.classes.get(one.name)
        found |= {
            f"{one.name}_truth": truth,
            f"{one.name}_answer": None if truth is None else scores.answer,
            f"{one.name}_said_right": math.nan if None in (truth, spoken) else float(spoken == truth),
            **{f"{one.name}_{name}_probability": chance for name, chance in scores.probabilities.items()},
        }
    _check_majority(reporter.lexicon, majority)
    answers = {name: scores.answer for name, scores in outputs.items()}
    told = {name: one for name, one in said.classes.items() if name in truths}
    found |= {SAID: len(told) / len(truths) if truths else math.nan, SAID_RIGHT: _share_right(told, truths)}
    reference = _words(reporter, truths, language)
    for before, told_of, words in (("", answers, said.classes), (MAJORITY, majority, majority)):
        compared = _compare(_words(reporter, words, language), reference)
        found[before + RIGHT] = _share_right(told_of, truths)
        found |= {before + name: value for name, value in compared.items()}
    return found


def _check_majority(lexicon: Lexicon, majority: Mapping[str, str]) -> None:
    wrong = [one.name for one in lexicon.descriptors if majority.get(one.name) not in one.classes]
    if wrong:
        raise SettingsError(
            f"majority of {wrong[0]} is {majority.get(wrong[0])!r}; needed one of its classes. Set it so."
        )


def _share_right(answers: Mapping[str, str], truths: Mapping[str, str]) -> float:
    """Of the answers whose truth is known; nan where none is."""
    right = [answer == truths[name] for name, answer in answers.items() if name in truths]
    return sum(right) / len(right) if right else math.nan


def _words(reporter: Reporter, classes: Mapping[str, str], language: str) -> list[str]:
    """What the sentences of some classes say, word by word; a Chinese character is a word."""
    by_name = {one.name: one for one in reporter.lexicon.descriptors}
    fit = {name: one for name, one in classes.items() if _fits(by_name[name], classes)}
    text = " ".join(reporter.sentences(Said(fit), language)).casefold()
    spaced = "".join(f" {one} " if ord(one) > 0x2E7F or one in ".,:" else one for one in text)
    return spaced.split()


def _fits(descriptor: Descriptor, classes: Mapping[str, str]) -> bool:
    return all(classes.get(name) == needed for name, needed in descriptor.needs.items())


def _compare(words: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    """BLEU-4 (Papineni et al., ACL 2002) and the F1 of ROUGE-L (Lin, ACL 2004 workshop); nan without a reference."""
    if not reference:
        return dict.fromkeys(TEXTS, math.nan)
    if not words:
        return dict.fromkeys(TEXTS, 0.0)
    bleu, rouge = Bleu(ngram=NGRAM, smooth="smooth1"), RougeL(multiref="best", alpha=0.5)
    for metric in (bleu, rouge):
        metric.update(([words], [[reference]]))
    return {"bleu_4": float(bleu.compute()), "rouge_l": float(rouge.compute()["Rouge-L-F"])}


def summarise_report(rows: pd.DataFrame, *, lexicon: Lexicon, majority: Mapping[str, str]) -> dict[str, Summary]:
    """Numbers of all rows, each with its interval.

    Args:
        rows: from `score_report`, with `group`.
        lexicon: whose descriptors they are of.
        majority: descriptor -> the class that most training images have.

    Returns:
        Of each descriptor `NAME_accuracy`, `NAME_majority_accuracy` of the majority answer on the same images,
        `NAME_auc`, mean over classes, and `NAME_said_right`, the share of what is said that is right; of all together
        and of the texts the means of `score_report`.
    """
    names = [SAID, SAID_RIGHT, *(name for one in (RIGHT, *TEXTS) for name in (one, MAJORITY + one))]
    found = {name: estimate(rows, mean_of(name)) for name in names}
    for one in lexicon.descriptors:
        chances = {f"{name}_probability": rows[f"{one.name}_{name}_probability"] for name in one.classes}
        truth, answer = rows[f"{one.name}_truth"], rows[f"{one.name}_answer"]
        own = rows[["group"]].assign(truth=truth, answer=answer, **chances)
        usual = own.assign(answer=own["truth"].where(own["truth"].isna(), majority[one.name]))
        found |= {
            f"{one.name}_accuracy": estimate(own, ACCURACY),
            f"{one.name}_majority_accuracy": estimate(usual, ACCURACY),
            f"{one.name}_auc": estimate(own, mean_auc(one.classes)),
            f"{one.name}_said_right": estimate(rows, mean_of(f"{one.name}_said_right")),
        }
    return {name: as_summary(number) for name, number in found.items()}
