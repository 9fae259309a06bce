"""Several looks at one frame become one picture with the channels of all."""

import numpy as np
import torch
from monai.transforms import Compose, Invertd

from echocare_core.transforms import LoadUltrasoundd, PrepareLooksd, PrepareScand

SETTINGS = {"size": [64, 64], "mode": "bilinear", "anti_aliasing": True, "value_range": [0, 1]}


def looks():
    """A frame whose upper right corner is bright, and a closer look at its upper left quarter."""
    pixels = np.full((96, 128, 3), 10, dtype=np.uint8)
    pixels[:40, 70:] = 250
    item = LoadUltrasoundd("image")({"image": pixels})
    closer = item["image"].clone()
    closer.meta["scan_box"] = torch.tensor([0, 0, 48, 64])
    return {**item, "closer": closer}


def test_each_look_is_prepared_as_if_it_were_alone():
    both = PrepareLooksd(["image", "closer"], **SETTINGS)(looks())
    whole, closer = (PrepareScand(key, **SETTINGS)(looks())[key] for key in ("image", "closer"))

    assert both["image"].shape == (6, 64, 64)
    assert torch.equal(both["image"].as_tensor(), torch.cat([whole.as_tensor(), closer.as_tensor()]))
    assert "closer" not in both
    assert both["image"].meta["scan_box"].tolist() == [0, 0, 96, 128]


def test_a_result_comes_back_to_the_recorded_frame():
    prepare = Compose([PrepareLooksd(["image", "closer"], **SETTINGS)])
    item = prepare(looks())
    invert = Invertd("pred", prepare, orig_keys="image", nearest_interp=False, to_tensor=True)
    back = np.asarray(invert({**item, "pred": item["image"].clone()[:1]})["pred"][0])

    assert back.shape == (96, 128)
    assert back[2:38, 72:126].min() > 0.9
    assert back[44:].max() < 0.1
    assert back[:, :64].max() < 0.1
