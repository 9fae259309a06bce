"""What another scanner, setting or hand would make of a picture: random MONAI transforms for training.

Each is a module with one idea and its source. They take upright pictures, float (channel, height, width) in [0, 1], as
`PrepareScand` gives them with `"value_range": [0, 1]`, and leave what is black outside the scan field black.
"""

from echocare_core.transforms.augmentation.axial_blur import RandAxialBlurd
from echocare_core.transforms.augmentation.compression import RandLogCompressiond
from echocare_core.transforms.augmentation.empty_part import RandEmptyPartd
from echocare_core.transforms.augmentation.haze import RandHazed
from echocare_core.transforms.augmentation.line_density import RandLineDensityd
from echocare_core.transforms.augmentation.marks import RandMarksd
from echocare_core.transforms.augmentation.reverberation import RandReverberationd
from echocare_core.transforms.augmentation.shadow import RandAcousticShadowd
from echocare_core.transforms.augmentation.speckle import RandSpeckled
from echocare_core.transforms.augmentation.time_gain import RandTimeGaind
from echocare_core.transforms.augmentation.zoom import RandScanZoomd

__all__ = [
    "RandAcousticShadowd",
    "RandAxialBlurd",
    "RandEmptyPartd",
    "RandHazed",
    "RandLineDensityd",
    "RandLogCompressiond",
    "RandMarksd",
    "RandReverberationd",
    "RandScanZoomd",
    "RandSpeckled",
    "RandTimeGaind",
]
