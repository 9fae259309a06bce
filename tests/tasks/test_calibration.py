"""Temperature and operating point, fitted on images that the weights did not learn from."""

import json
import logging

import numpy as np
import pytest
import torch
from monai.data import Dataset
from scipy.special import softmax
from torch import nn

from echocare_core.errors import TableError
from echocare_core.tasks.calibration import CALIBRATION, calibrate, fit_temperature
from echocare_core.training import FlipInferer

CLASSES = ["benign", "malignant"]


def drawn(images, temperature, seed=0):
    """Logits of three classes, and truths drawn with the probabilities that they have at a temperature."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (images, 3))
    chances = softmax(logits / temperature, axis=1)
    return logits, np.array([generator.choice(3, p=one) for one in chances])


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_the_temperature_is_found_with_which_the_truths_were_drawn(temperature):
    assert fit_temperature(*drawn(20_000, temperature)) == pytest.approx(temperature, rel=0.05)


def test_logits_that_separate_a_few_images_do_not_become_certainties():
    logits = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert fit_temperature(logits, np.array([0, 1])) == pytest.approx(0.5, rel=1e-3)


class Brightness(nn.Module):
    """Logits 0 and a multiple of the mean brightness above a half."""

    def __init__(self):
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(1.0))

    def forward(self, image):
        bright = self.steepness * (image.mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


def fit(tmp_path, brightness, labels, **settings):
    torch.save({"steepness": torch.tensor(20.0)}, tmp_path / "best.pt")
    items = [
        {"image": torch.full((3, 4, 4), value), "label": torch.tensor(label), "group": f"p{number}"}
        for number, (value, label) in enumerate(zip(brightness, labels, strict=True))
    ]
    return calibrate(
        tmp_path / "best.pt", network=Brightness(), dataset=Dataset(items), inferer=FlipInferer(), batch_size=3,
        classes=CLASSES, **{"asked": "malignant", "sensitivity": None, **settings},
    )  # fmt: skip


BRIGHTNESS, LABELS = [0.1, 0.2, 0.3, 0.4, 0.55, 0.6, 0.7, 0.9], [0, 0, 1, 0, 0, 1, 1, 1]


def test_the_operating_point_is_a_probability_at_the_fitted_temperature(tmp_path):
    found = fit(tmp_path, BRIGHTNESS, LABELS)
    margins = 20 * (np.array(BRIGHTNESS) - 0.5)
    chances = 1 / (1 + np.exp(-margins / found["temperature"]))
    assert found["operating_point"]["label"] == "malignant"
    assert chances[4] < found["operating_point"]["threshold"] <= chances[5] + 1e-4


@pytest.mark.parametrize("seed", range(8))
def test_the_operating_point_is_not_above_the_image_that_decides_it(seed, tmp_path):
    brightness = np.random.default_rng(seed).uniform(0.45, 0.55, 20).tolist()
    found = fit(tmp_path, brightness, [0, 1] * 10, sensitivity=0.9)
    margins = 20 * (np.array(brightness) - 0.5)
    chances = 1 / (1 + np.exp(-margins / found["temperature"]))
    assert (chances[1::2] >= found["operating_point"]["threshold"] - 1e-9).sum() >= 9


def test_the_threshold_holds_at_the_temperature_that_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("echocare_core.tasks.calibration.fit_temperature", lambda logits, truths: 0.50004999)
    found = fit(tmp_path, [0.4] * 9 + [0.42015], [0] * 9 + [1])
    chance = 1 / (1 + np.exp(-20 * (0.42015 - 0.5) / found["temperature"]))
    assert found["temperature"] == 0.5
    assert found["operating_point"]["threshold"] <= chance


def test_a_sensitivity_that_is_asked_for_lowers_the_threshold(tmp_path):
    every = fit(tmp_path, BRIGHTNESS, LABELS, sensitivity=1.0)
    assert every["operating_point"]["threshold"] < fit(tmp_path, BRIGHTNESS, LABELS)["operating_point"]["threshold"]


def test_what_was_fitted_is_written_beside_the_weights_as_a_configuration_and_said(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        found = fit(tmp_path, BRIGHTNESS, LABELS)
    assert json.loads((tmp_path / CALIBRATION).read_text(encoding="utf-8")) == found
    assert "Fitted on 8 validation images" in caplog.text


def test_without_a_class_that_is_asked_about_there_is_no_operating_point(tmp_path):
    assert fit(tmp_path, BRIGHTNESS, LABELS, asked=None)["operating_point"] is None


def test_an_operating_point_of_a_class_that_no_image_has_is_refused(tmp_path):
    with pytest.raises(TableError, match="has one class; needed both"):
        fit(tmp_path, BRIGHTNESS, [0] * 8)
    assert not (tmp_path / CALIBRATION).exists()
