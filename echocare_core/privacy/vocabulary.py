"""What the header of a copy may say: numbers in the units of an ultrasound picture, and words of closed lists.

No text of a file is ever copied. Where the standard defines terms, a copy has one of them or none; of who made the
scanner it has the word that stands here; of a code it has the meaning that pydicom's tables of PS3.16 give. So a name
that somebody typed into a field, in whatever order and spelling, is in no copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

_QUANTITIES = """
    NumberOfFrames Rows Columns SamplesPerPixel PlanarConfiguration PixelAspectRatio
    BitsAllocated BitsStored HighBit PixelRepresentation WindowCenter WindowWidth RescaleSlope RescaleIntercept
    PixelSpacing UltrasoundColorDataPresent LossyImageCompressionRatio
    FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate FrameDelay
    ActualFrameDuration EffectiveDuration StartTrim StopTrim PreferredPlaybackSequencing HeartRate RWaveTimeVector
    MechanicalIndex BoneThermalIndex SoftTissueThermalIndex CranialThermalIndex DepthOfScanField
"""
QUANTITIES = tuple(_QUANTITIES.split())
_REGION = """
    RegionSpatialFormat RegionDataType RegionFlags RegionLocationMinX0
    RegionLocationMinY0 RegionLocationMaxX1 RegionLocationMaxY1 ReferencePixelX0 ReferencePixelY0
    PhysicalUnitsXDirection PhysicalUnitsYDirection ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY
    PhysicalDeltaX PhysicalDeltaY TransducerFrequency PulseRepetitionFrequency DopplerCorrectionAngle SteeringAngle
    DopplerSampleVolumeXPosition DopplerSampleVolumeYPosition TMLinePositionX0 TMLinePositionY0 TMLinePositionX1
    TMLinePositionY1 PixelComponentOrganization PixelComponentMask PixelComponentRangeStart PixelComponentRangeStop
    PixelComponentPhysicalUnits PixelComponentDataType
"""
REGION = tuple(_REGION.split())  # in the items of the Sequence of Ultrasound Regions alone
COUNTERS = (  # numbers that somebody gives, and which may therefore be those of a patient
    *("SeriesNumber", "AcquisitionNumber", "InstanceNumber"),
    *("StageNumber", "NumberOfStages", "ViewNumber", "NumberOfViewsInStage"),
)
LARGEST = 1e6  # no number above is as large in its unit; dates and long numbers of patients are
CODE_SEQUENCES = {  # and what an item may hold besides its code
    "AnatomicRegionSequence": "AnatomicRegionModifierSequence",
    "ViewCodeSequence": "ViewModifierCodeSequence",
}
CODE = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")  # in the items of these alone

_EXAMINATIONS = """
    ABDOMINAL,BREAST,CHEST,ENDOCAVITARY,ENDORECTAL,ENDOVAGINAL,EPICARDIAL,FETAL HEART,GYNECOLOGY,INTRACARDIAC,
    INTRAOPERATIVE,INTRAVASCULAR,MUSCULOSKELETAL,NEONATAL HEAD,OBSTETRICAL,OPHTHALMIC,PEDIATRIC,PELVIC,
    RETROPERITONEAL,SCROTAL,SMALL PARTS,TEE,THYROID,TRANSCRANIAL,TTE,VASCULAR,ABDOMEN,CARDIAC,CARDIOLOGY,RENAL
"""
_BODY_PARTS = """
    ABDOMEN,ABDOMENPELVIS,ADRENAL,ANKLE,ANUS,AORTA,ARM,ARTERY,AXILLA,BACK,BILEDUCT,BLADDER,BRAIN,BREAST,BUTTOCK,CALF,
    CAROTID,CERVIX,CHEST,CLAVICLE,COLON,ELBOW,ESOPHAGUS,EXTREMITY,EYE,FETAL,FETALARM,FETALHEAD,FETALPOLE,FINGER,FOOT,
    FOREARM,GALLBLADDER,GROIN,HAND,HEAD,HEADNECK,HEART,HIP,ILIACARTERY,JOINT,JUGULARVEIN,KIDNEY,KNEE,LEG,LIVER,LUNG,
    NECK,OVARY,PANCREAS,PAROTID,PELVIS,PENIS,PERINEUM,PLACENTA,PORTALVEIN,PROSTATE,RECTUM,RENALARTERY,RENALVEIN,
    RETROPERIT,SCROTUM,SHOULDER,SOFTTISSUE,SPINE,SPLEEN,STOMACH,TESTIS,THIGH,THORAX,THYROID,TOE,UMBILICAL,URETER,
    UTERUS,VAGINA,VEIN,WHOLEBODY,WRIST
"""
_METHODS = "ISO_10918_1,ISO_14495_1,ISO_15444_1,ISO_13818_2,ISO_14496_10,ISO_23008_2,ISO_15444_15,ISO_18181_1"
_PROBES = """
    SECTOR_PHASED,SECTOR_MECH,SECTOR_ANNULAR,LINEAR,CURVED LINEAR,SINGLE CRYSTAL,SPLIT XTAL CWD,IV_PHASED,IV_ROT XTAL,
    IV_ROT MIRROR,ENDOCAV_PA,ENDOCAV_MECH,ENDOCAV_CLA,ENDOCAV_AA,ENDOCAV_LINEAR,VECTOR_PHASED
"""
_MAKERS = """
    Acuson,Aloka,ATL,BK Medical,Butterfly,Canon,Chison,Clarius,Edan,Esaote,Fujifilm,GE,Hitachi,HP,Medison,Mindray,
    Philips,Samsung,Siemens,SonoScape,SonoSite,SuperSonic,Terason,Teratech,Toshiba,Verathon,Zonare
"""
_MODELS = """
    Acuson,Affiniti,Aixplorer,Antares,Aplio,Arietta,Artida,CX50,Cypress,Edge,EPIQ,HD11,HDI,iE33,iU22,Juniper,LOGIQ,
    Lumify,MicroMaxx,MyLab,Nemio,Preirus,Resona,S2000,S3000,Sequoia,SonoAce,Sparq,TE7,Turbo,Venue,Versana,Vivid,
    Voluson,X300,Xario
"""


def _list(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


EXAMINATIONS = frozenset(_list(_EXAMINATIONS))  # in Image Type: PS3.3 C.8.5.6.1.1, and what scanners write besides
TERMS = {
    "Modality": frozenset({"US", "IVUS"}),
    "RescaleType": frozenset({"US"}),
    "PresentationLUTShape": frozenset({"IDENTITY", "INVERSE"}),
    "LossyImageCompression": frozenset({"00", "01"}),
    "LossyImageCompressionMethod": frozenset(_list(_METHODS)),
    "RecognizableVisualFeatures": frozenset({"YES", "NO"}),
    "TransducerType": frozenset(_list(_PROBES)),
    "BodyPartExamined": frozenset(_list(_BODY_PARTS)),  # PS3.16 Table L-1, as far as ultrasound scans it
    "Laterality": frozenset("RL"),
    "ImageLaterality": frozenset("RLUB"),
    "PatientOrientation": frozenset(one + other for one in ("", *"APRLHF") for other in "APRLHF"),
}
WORDS = {"Manufacturer": _list(_MAKERS), "ManufacturerModelName": _list(_MODELS)}  # sought in the file's own text


def known_word(keyword: str, text: str) -> str | None:
    """The word of the list for an attribute that stands in a text, None where none does."""
    sought = ((word, rf"(?<![a-z]){re.escape(word)}(?![a-z])") for word in WORDS[keyword])
    return next((word for word, alone in sought if re.search(alone, text, re.I)), None)


def meaning_of(value: str, scheme: str) -> str | None:
    """What a code means in PS3.16's lists of anatomy, sides and views; None where it is in none of them."""
    code = Code(value, "SRT" if scheme in ("SNM3", "99SDM") else scheme, "")  # older names of the same codes
    groups = (codes.cid4, codes.cid5, codes.cid23, codes.cid26, codes.cid244, codes.cid245, codes.cid12226)
    try:
        meanings = [one.meaning for group in groups for one in _codes_of(group) if one == code]
    except KeyError:  # pydicom 2.4, of an older name that stands for no code
        return None
    return min(meanings, key=len, default=None)


def _codes_of(group: Any) -> Iterator[Code]:
    """The codes of one of pydicom's lists."""
    for name in group.dir():
        with suppress(AttributeError):  # in pydicom 2.4 some names stand for two codes, which are then left out
            yield getattr(group, name)
