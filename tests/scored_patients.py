"""Tables of an evaluation and what they show."""

import numpy as np
import pandas as pd


def scored_patients(images=300, patients=100, seed=0, signal=1.5):
    """Images of patients with a disease or not, and a calibrated-looking score; images of one patient are alike."""
    generator = np.random.default_rng(seed)
    patient = generator.integers(patients, size=images)
    truth = generator.integers(2, size=images)
    logit = signal * (truth - 0.5) + generator.normal(size=patients)[patient] * 0.7 + generator.normal(size=images)
    score = np.round(1 / (1 + np.exp(-logit)), 2)  # with ties
    answer = (score >= 0.5).astype(int)
    return pd.DataFrame({"group": patient.astype(str), "truth": truth, "score": score, "answer": answer})
