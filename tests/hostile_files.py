"""A folder that does not mean well: names that are code, files that claim to be vast, bundles and weights that execute.

Whatever is executed writes a file called CANARY into the current folder.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from ultrasound_files import DEFLATED, EXPLICIT, JPEG, encapsulated, marked, write_ultrasound

CANARY = "CANARY"
CODE = f"__import__('os').system('touch {CANARY}')"
GOOD_NAMES = (
    f"$open('{CANARY}','w')",
    "@weights",
    "%inference.json",
    "a#b",
    "=HYPERLINK(1)",
    "\x1b[31mred",
    "[red]rich",
    "<script>alert(1)",
    "two\nlines",
    "-dash",
    "right\u202eleft",
    "a,b;c",
)


class _Touch:
    """What touches the canary when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def write_hostile_export(folder: Path) -> list[str]:
    """Write the export; the names of its good files."""
    folder.mkdir()
    for number, name in enumerate(GOOD_NAMES):
        write_ultrasound(folder / name, marked(height=48 + number, width=64), spacing_mm=(0.2, 0.2))
    _write_false_claims(folder)
    _write_bombs(folder)
    _write_odd_objects(folder)
    (folder / "weights.pt").write_bytes(pickle.dumps(_Touch()))
    (folder / "array.npy").write_bytes(_pickled_array())
    (folder / "empty").write_bytes(b"")
    (folder / "loop").symlink_to(folder)
    (folder / "gone").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    write_hostile_bundle(folder / "fetal_head_segmentation")
    return list(GOOD_NAMES)


def write_hostile_bundle(folder: Path) -> Path:
    """A folder of the shape of a bundle, each part of which executes something."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text(CODE)
    config = {
        "imports": [f"${CODE}"],
        "network_def": {"_target_": "os.system", "command": f"touch {CANARY}"},
        "dataset_dir": "",
        "output_dir": "",
        "initialize": [f"${CODE}"],
        "run": [f"${CODE}"],
        "deep": {"_requires_": f"${CODE}", "_disabled_": f"${CODE}"},
    }
    for name in ("inference", "train", "evaluate", "metadata"):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(config))
    (folder / "models" / "model.pt").write_bytes(pickle.dumps(_Touch()))
    return folder


def write_hostile_table(folder: Path, image: Path) -> Path:
    """A table of one good image and of paths that are code or lead elsewhere."""
    folder.mkdir()
    (folder / "good.dcm").write_bytes(image.read_bytes())
    cells = [f"${CODE}", "@weights", "%x.json::y", "../../etc/passwd", "/etc/passwd", "a#b.png", "good.dcm"]
    rows = [f'"{cell}",,patient-{number},test' for number, cell in enumerate(cells)]
    (folder / "table.csv").write_text("\n".join(["image,mask,group,split", *rows]) + "\n")
    return folder


def write_hostile_zip(path: Path) -> Path:
    """A zip of a bundle with names that lead out of it, and a member that unpacks to a gigabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../outside", "x")
        archive.writestr("NAME/configs/metadata.json", "{}")
        with archive.open("NAME/zeros", "w") as member:
            for _ in range(64):
                member.write(bytes(1 << 24))
    return path


def _write_false_claims(folder: Path) -> None:
    """Small files whose headers claim pictures of gigabytes."""
    claimed = {"Rows": 65535, "Columns": 65535, "NumberOfFrames": 10**6}
    write_ultrasound(folder / "claims_native", b"\0" * 64, attributes=claimed)
    small = io.BytesIO()
    Image.new("RGB", (16, 16)).save(small, "JPEG")
    jpeg = bytearray(small.getvalue())
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = struct.pack(">HH", 13300, 13300)
    (folder / "claims.jpg").write_bytes(jpeg)
    claimed = {"Rows": 8191, "Columns": 8191, "NumberOfFrames": 1}
    write_ultrasound(folder / "claims_jpeg", encapsulated([bytes(jpeg)]), transfer_syntax=JPEG, attributes=claimed)
    write_ultrasound(
        folder / "claims_inside",
        encapsulated([bytes(jpeg)]),
        transfer_syntax=JPEG,
        attributes={"Rows": 16, "Columns": 16, "NumberOfFrames": 1},
    )
    (folder / "claims.nii").write_bytes(_nifti_header((32767, 32767, 1, 1)) + b"\0" * 16)
    (folder / "claims.mha").write_text(
        "ObjectType = Image\nNDims = 2\nDimSize = 99999 99999\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )


def _write_bombs(folder: Path) -> None:
    """Small files that unpack to 2 GiB, or to a picture of 144 megapixels."""
    Image.new("L", (12000, 12000)).save(folder / "vast.png", compress_level=1)
    Image.new("RGB", (16, 16)).save(folder / "comment.png")
    png = (folder / "comment.png").read_bytes()
    text = b"zTXtComment\0\0" + _zlib_of_zeros()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    (folder / "comment.png").write_bytes(png[:33] + chunk + png[33:])  # after the header of the picture
    _write_deflated_bomb(folder / "deflated")
    with gzip.open(folder / "zeros.nii.gz", "wb") as file:
        file.write(_nifti_header((256, 256, 1, 1)))
    with (folder / "zeros.nii.gz").open("ab") as file:
        file.write(gzip.compress(bytes(1 << 24)) * 128)  # its members follow one another
    header = "ObjectType = Image\nNDims = 2\nDimSize = 64 64\nElementType = MET_UCHAR\nCompressedData = True\n"
    (folder / "zeros.mha").write_bytes(header.encode() + b"ElementDataFile = LOCAL\n" + _zlib_of_zeros())


def _deflate_of_zeros(before: bytes = b"", gigabytes: int = 2) -> bytes:
    """A deflated stream (RFC 1951) of some bytes and then zeros; one piece is compressed, and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + piece * (gigabytes << 6) + packer.flush()


def _zlib_of_zeros(gigabytes: int = 2) -> bytes:
    """The same with the header and the checksum of RFC 1950."""
    checksum = ((gigabytes << 30) % 65521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + _deflate_of_zeros(gigabytes=gigabytes) + struct.pack(">I", checksum)


def _write_odd_objects(folder: Path) -> None:
    """Objects that a careless reader stops at."""
    for name, attributes in {
        "no_class": {"SOPClassUID": None},
        "private_class": {"SOPClassUID": "1.2.3.4.5"},
        "no_uid": {"SOPInstanceUID": None},
        "infinite_spacing": {"PixelSpacing": [1e300, 1e300]},
    }.items():
        write_ultrasound(folder / name, marked(), attributes=attributes)
    whole = (folder / "no_class").read_bytes()
    (folder / "cut").write_bytes(whole[: len(whole) // 2])
    (folder / "header_only").write_bytes(whole[:200])
    (folder / "lies").write_bytes(b"\0" * 128 + b"DICM" + np.random.default_rng(5).bytes(4096))


def _write_deflated_bomb(path: Path) -> None:
    """A deflated object (PS3.5 A.5) of one frame with 2 GiB behind it."""
    pixels = marked()
    plain = write_ultrasound(path, pixels, transfer_syntax=EXPLICIT).read_bytes()
    meta_ends = 144 + struct.unpack_from("<I", plain, 140)[0]  # after the group length (PS3.10 7.1)
    write_ultrasound(path, pixels, transfer_syntax=DEFLATED)
    deflated = path.read_bytes()
    deflated_meta_ends = 144 + struct.unpack_from("<I", deflated, 140)[0]
    path.write_bytes(deflated[:deflated_meta_ends] + _deflate_of_zeros(plain[meta_ends:]))


def _nifti_header(shape: tuple[int, int, int, int]) -> bytes:
    """A NIfTI-1 header of unsigned bytes."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 4, *shape, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    return bytes(header)


def _pickled_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Touch()], dtype=object), allow_pickle=True)
    return buffer.getvalue()
