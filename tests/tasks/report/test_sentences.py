"""A text cannot say what the descriptors do not support."""

import itertools

import pytest

from echocare_core.errors import SettingsError
from echocare_core.tasks.report import Reporter
from echocare_core.transforms.outline import Outline
from echocare_core.types import Measurement, Scores


def scores(lexicon, **answers):
    """Scores with a class and its probability for each descriptor named; the others are as unsure as can be."""
    found = []
    for one in lexicon.descriptors:
        name, chance = answers.get(one.name, (one.classes[0], 1 / len(one.classes)))
        rest = (1 - chance) / (len(one.classes) - 1)
        found.append(Scores(one.name, {each: chance if each == name else rest for each in one.classes}))
    return found


def outline(unit="mm", *, lesions=1, centre=(0.1, 0.5)):
    sides = (Measurement("lesion_long_axis", 12.34, unit), Measurement("lesion_short_axis", 8.0, unit))
    return Outline((Measurement("lesions", lesions, "count"), *sides), centre)


NOTHING = Outline((Measurement("lesions", 0.0, "count"),))


def english(reporter, given, found=None):
    return reporter.write(reporter.choose(given, found), found)[0].text


def test_what_is_sure_is_said_in_the_order_of_the_lexicon(lexicon, reporter):
    given = scores(lexicon, skin=("thin", 0.9), margin=("vague", 0.7), spikes=("yes", 0.8), grade=("mid", 0.6))
    assert english(reporter, given, outline()).splitlines() == [
        "en/draft", "", "en/B: Skin thin.",
        "en/L: en/12.3 x 8.0 mm. en/At top centre. Margin vague. Spikes.", "en/A: Grade mid.",
    ]  # fmt: skip


def test_a_phrase_below_its_confidence_is_left_out_and_that_is_said(lexicon, reporter):
    text = english(reporter, scores(lexicon, skin=("thick", 0.59), margin=("sharp", 0.9), grade=("low", 0.61)))
    assert "Skin" not in text
    assert text.splitlines()[-1] == "en/Left out: skin."


def test_each_descriptor_has_its_own_confidence(lexicon):
    least = {**dict.fromkeys(lexicon.names, 0.6), "skin": 0.95}
    text = english(Reporter(lexicon, "en", least), scores(lexicon, skin=("thick", 0.9), grade=("low", 0.9)))
    assert "Skin" not in text
    assert "Grade low" in text


def test_a_descriptor_that_asks_for_more_than_certainty_is_never_said_and_named_as_left_out(lexicon):
    least = {**dict.fromkeys(lexicon.names, 0.6), "skin": 1.1}
    text = english(
        Reporter(lexicon, "en", least), scores(lexicon, skin=("thick", 1.0), margin=("sharp", 1.0), grade=("low", 1.0))
    )
    assert "Skin" not in text
    assert text.splitlines()[-1] == "en/Left out: skin."


def test_a_kind_of_margin_is_not_said_of_a_sharp_one_nor_said_to_be_left_out(lexicon, reporter):
    text = english(reporter, scores(lexicon, margin=("sharp", 0.9), spikes=("yes", 0.99), skin=("thin", 1.0)))
    assert "pikes" not in text
    assert "Margin sharp" in text


def test_a_kind_of_margin_is_left_out_with_the_margin_that_it_needs(lexicon, reporter):
    text = english(reporter, scores(lexicon, margin=("vague", 0.55), spikes=("yes", 0.99)))
    assert "Spikes." not in text
    assert text.splitlines()[-1] == "en/Left out: skin, margin, spikes, grade."


def test_nothing_is_said_of_a_lesion_where_none_is_outlined(lexicon, reporter):
    given = scores(lexicon, skin=("thin", 1.0), margin=("vague", 1.0), spikes=("yes", 1.0), grade=("high", 1.0))
    assert english(reporter, given, NOTHING).splitlines() == ["en/draft", "", "en/B: Skin thin.", "en/L: en/nothing"]


def test_without_calibration_the_size_is_in_pixels_and_that_is_said(lexicon, reporter):
    assert "en/12 x 8 px. en/At top centre. en/px" in english(reporter, scores(lexicon), outline("px"))


def test_where_nobody_has_outlined_anything_that_is_said(lexicon, reporter):
    assert "en/L: en/not_looked" in english(reporter, scores(lexicon))


def test_of_several_parts_the_largest_is_measured(lexicon, reporter):
    assert "en/3 parts, 12.3 x 8.0 mm." in english(reporter, scores(lexicon), outline(lesions=3))


@pytest.mark.parametrize(
    ("centre", "says"), [((0.0, 0.0), "top left"), ((1.0, 1.0), "bottom right"), ((0.5, 0.34), "middle centre")]
)
def test_the_place_is_a_ninth_of_the_picture(lexicon, reporter, centre, says):
    assert f"At {says}." in english(reporter, scores(lexicon), outline(centre=centre))


def test_every_sentence_of_any_report_is_that_of_an_answer_sure_enough(lexicon, reporter):
    chances = (0.5, 0.6, 1.0)
    for answers in itertools.product(*[itertools.product(one.classes, chances) for one in lexicon.descriptors]):
        given = scores(lexicon, **dict(zip(lexicon.names, answers, strict=True)))
        sure = {one.name: one.answer for one in given if one.probabilities[one.answer] >= 0.6}
        allowed = {one.say["en"].get(sure.get(one.name), "") for one in lexicon.descriptors}
        said = reporter.sentences(reporter.choose(given, None), "en")
        assert set(said) <= allowed
        assert "Spikes." not in said or "Margin vague." in said


def test_each_language_has_a_text_of_its_own_that_says_the_same(lexicon, reporter):
    given = scores(lexicon, skin=("thin", 0.9), margin=("sharp", 0.9), grade=("low", 0.9))
    texts = reporter.write(reporter.choose(given, None), None)
    assert [one.name for one in texts] == ["report_en", "report_de"]
    assert "de/B: de Skin thin." in texts[1].text


def test_a_language_that_the_lexicon_lacks_is_refused(lexicon):
    with pytest.raises(SettingsError, match="no language 'fr'; needed some of en, de"):
        Reporter(lexicon, ["fr"], dict.fromkeys(lexicon.names, 0.5))


def test_a_confidence_for_each_descriptor_is_needed(lexicon):
    with pytest.raises(SettingsError, match="needed a number for each of skin, margin, spikes, grade"):
        Reporter(lexicon, ["en"], {"skin": 0.5})
