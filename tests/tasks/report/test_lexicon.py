"""A lexicon that a team has edited is read, or refused in a sentence."""

import pytest
from small_lexicon import SHIPPED, content, write_lexicon

from echocare_core.errors import BundleError
from echocare_core.tasks.report import read_lexicon


def test_the_order_of_the_outputs_is_that_of_the_file(lexicon):
    assert lexicon.names == ("skin", "margin", "spikes", "grade")
    assert lexicon.sizes == (2, 2, 2, 3)
    assert lexicon.descriptors[3].classes == ("low", "mid", "high")


def changed(tmp_path, change):
    entries = content()
    change(entries)
    return write_lexicon(tmp_path, entries)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one["languages"]["de"].pop("nothing"), "lacks the sentence nothing of the language de"),
        (lambda one: one["languages"]["de"].update(draft="{name}"), r"has \{name\} in draft of de; needed no braces"),
        (lambda one: one["languages"]["en"]["places"].pop(), "needs 9 places in the language en"),
        (lambda one: one["descriptors"]["skin"].update(about="head"), "skin is about 'head'; needed breast or lesion"),
        (lambda one: one["descriptors"]["skin"].update(negated="none"), "negates skin to 'none'"),
        (lambda one: one["descriptors"]["spikes"]["needs"].update(margin="soft"), "need margin to be 'soft'"),
        (lambda one: one["descriptors"]["skin"]["classes"].pop("thick"), "gives skin fewer than two classes"),
        (lambda one: one["descriptors"]["skin"]["classes"]["thin"]["say"].pop("de"), "it lacks 'de'"),
        (lambda one: one["hearing"]["before"].append(False), "has False among its words; needed text"),
    ],
)
def test_what_is_wrong_with_an_edited_lexicon_is_said(tmp_path, change, says):
    with pytest.raises(BundleError, match=says):
        read_lexicon(changed(tmp_path, change))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BundleError, match=r"none\.yaml cannot be read as a lexicon"):
        read_lexicon(tmp_path / "none.yaml")


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_the_shipped_lexicon_says_every_class_but_the_absence_of_a_kind_of_margin(language):
    for one in read_lexicon(SHIPPED).descriptors:
        silent = [name for name in one.classes if not one.say[language][name]]
        assert silent == (["no"] if one.needs else [])


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_every_shipped_report_says_that_it_is_a_draft_and_no_diagnosis(language):
    draft = read_lexicon(SHIPPED).languages[language]["draft"]
    words = {"en": ("DRAFT", "no diagnosis"), "de": ("ENTWURF", "keine Diagnose"), "zh": ("草稿", "不是诊断")}
    assert all(word in draft for word in words[language])
