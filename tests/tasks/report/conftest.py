"""The small lexicon, and a reporter that says what has a probability of 0.6."""

import pytest
from small_lexicon import small_lexicon

from echocare_core.tasks.report import Reporter

LEAST = 0.6


@pytest.fixture
def lexicon(tmp_path):
    return small_lexicon(tmp_path)


@pytest.fixture
def reporter(lexicon):
    return Reporter(lexicon, ["en", "de"], dict.fromkeys(lexicon.names, LEAST))
