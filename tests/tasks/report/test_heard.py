"""What a report of a person says, in three languages, by the words of the shipped lexicon."""

import pytest
from small_lexicon import SHIPPED

from echocare_core.tasks.report import read_lexicon
from echocare_core.tasks.report.heard import Listener


@pytest.fixture(scope="module")
def listen():
    return Listener(read_lexicon(SHIPPED))


SAME = {
    "shape": "oval", "margin": "circumscribed", "echogenicity": "hypoechoic", "calcifications": "no",
    "posterior_features": "enhancement", "birads": "3",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Oval, circumscribed, hypoechoic mass. No calcifications. Posterior enhancement. BI-RADS 3.",
        "Ovaler, glatt begrenzter, echoarmer Herd, keine Verkalkungen. Dorsale Schallverstärkung. BI-RADS 3.",
        "椭圆形低回声结节，边界清，无钙化，后方回声增强。BI-RADS 3类",
    ],
)
def test_the_same_finding_is_heard_in_each_language(listen, text):
    assert listen(text) == SAME


@pytest.mark.parametrize(
    "text",
    [
        *("no calcifications", "without any calcification", "Calcifications are not seen.", "Calcifications: none"),
        *("keine Verkalkungen", "ohne Mikrokalk", "Verkalkungen nicht nachweisbar", "Verkalkungen: keine"),
        *("无钙化", "未见明显钙化", "钙化未见"),
    ],
)
def test_a_negation_is_understood(listen, text):
    assert listen(text) == {"calcifications": "no"}


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("No calcifications, halo or shadowing", {"calcifications": "no", "halo": "no", "posterior_features": "no"}),
        ("No calcification and halo", {"calcifications": "no"}),
        ("no calcifications, oval", {"calcifications": "no", "shape": "oval"}),
        ("no halo but shadowing", {"halo": "no", "posterior_features": "shadowing"}),
        ("Oval. No halo. Shadowing.", {"shape": "oval", "halo": "no", "posterior_features": "shadowing"}),
        ("not well circumscribed", {"margin": "not_circumscribed"}),
        ("无回声", {"echogenicity": "anechoic"}),
    ],
)
def test_a_negation_reaches_as_far_as_it_is_meant(listen, text, heard):
    assert listen(text) == heard


@pytest.mark.parametrize(
    "text", ["possible calcifications within the mass", "fragliche Verkalkungen im Herd", "可疑内部钙化", "halo?"]
)
def test_what_the_writer_is_not_sure_of_is_unknown(listen, text):
    assert listen(text) == {}


def test_what_is_heard_in_two_ways_is_unknown(listen):
    assert listen("A hypoechoic mass. An isoechoic mass.") == {}


def test_a_mention_alone_says_nothing(listen):
    assert listen("Calcifications were looked for.") == {}


def test_the_longest_word_is_meant(listen):
    assert listen("not circumscribed") == {"margin": "not_circumscribed"}
    assert listen("calcifications in the mass") == {"calcifications": "in_a_mass"}


@pytest.mark.parametrize("text", ["", "\n\n", "normal nodule noted in the background", "Der Grund ist unbekannt."])
def test_words_of_other_meaning_are_not_heard(listen, text):
    assert listen(text) == {}


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_the_reports_of_the_bundle_are_heard_as_what_they_say(listen, language):
    for one in read_lexicon(SHIPPED).descriptors:
        for name, words in one.say[language].items():
            assert not words or listen(words).get(one.name) == name, words
