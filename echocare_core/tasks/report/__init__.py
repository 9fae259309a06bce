"""Reports: descriptors of a lexicon from a picture, and sentences that say no more than those."""

from echocare_core.tasks.report.answer import ReportOutputd, mean_report
from echocare_core.tasks.report.calibration import calibrate_descriptors
from echocare_core.tasks.report.lexicon import Lexicon, read_lexicon
from echocare_core.tasks.report.network import ReportNetwork
from echocare_core.tasks.report.own_table import describe_reports
from echocare_core.tasks.report.score import score_report, summarise_report
from echocare_core.tasks.report.sentences import Reporter
from echocare_core.tasks.report.training import (
    ClassesOfColumnsd,
    DescriptorLoss,
    build_descriptor_likelihood,
    start_from_shares,
)

__all__ = [
    "ClassesOfColumnsd",
    "DescriptorLoss",
    "Lexicon",
    "ReportNetwork",
    "ReportOutputd",
    "Reporter",
    "build_descriptor_likelihood",
    "calibrate_descriptors",
    "describe_reports",
    "mean_report",
    "read_lexicon",
    "score_report",
    "start_from_shares",
    "summarise_report",
]
