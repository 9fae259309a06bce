"""Trained networks into weight files."""

from __future__ import annotations

import json
from pathlib import Path

from echocare_core.atomic import replacing
from echocare_core.bundle import read_json
from echocare_core.checksum import sha256_of
from echocare_core.errors import WeightsError
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.saving import save_state
from echocare_core.models.weight_file import read_state_dict


def export_network(checkpoint: str | Path, weights: str | Path) -> None:
    """Write the weights of a training checkpoint as a plain float16 state dict, half the size of float32.

    The weights say which bundle they belong to, as the checkpoint does (`echocare_core.models.identity`).

    Where a card lies beside them, as `models/model.json` of a bundle, it gets their checksum and loses its results,
    which were measured with other weights; what else it says is yours to change.

    float16 keeps 11 significant bits; the network computes in float32 after loading. Measure the file that this writes.

    Raises:
        WeightsError: no checkpoint, or numbers in it that are not finite in float16.
        OutputError: the disk does not take the file.
    """
    state = read_state_dict(Path(checkpoint))
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    lost = [name for name, tensor in half.items() if not tensor.isfinite().all()]
    if lost:
        raise WeightsError(
            f"{Path(checkpoint).name} has {len(lost)} tensors that float16 cannot hold, such as {lost[0]}; needed "
            f"finite numbers below 65504. Look at the loss of that training."
        )
    save_state(name_bundle(half, bundle_of(state)), Path(weights))
    _mend_card(Path(weights))


def _mend_card(weights: Path) -> None:
    card, sha256 = weights.with_suffix(".json"), sha256_of(weights)
    entries = read_json(card) if card.is_file() else {}
    if not entries or entries.get("sha256") == sha256:
        return
    with replacing(card) as unfinished:
        text = json.dumps({**entries, "sha256": sha256, "results": {}}, indent=4, ensure_ascii=False)
        unfinished.write_text(text + "\n", encoding="utf-8")
