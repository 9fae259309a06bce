"""What a configuration may build without doing harm: neither code nor files nor addresses that it names itself.

A name that is not here is no accusation: whoever checks a stranger's bundle reads that entry.
"""

from __future__ import annotations

OURS = frozenset(
    f"echocare_core.{name}"
    for name in (
        "assessment.handler.WriteEvaluationReport",
        *("distributed.local_device", "distributed.rank", "distributed.start_distributed"),
        *("distributed.stop_distributed", "engines.load_engine", "evaluation.handler.WriteEvaluation"),
        "integrations.label.answer.SaveImageForLabeld",
        *("models.EchoCare", "models.tuning.Tuning", "bundle_run.begin_run"),
        *("pretraining.assembly.build_loader", "pretraining.assembly.export_encoder"),
        *("pretraining.assembly.load_trained", "pretraining.assembly.read_training_mix"),
        "pretraining.curves.StepCurves",
        *("pretraining.data.images.PretrainingImages", "pretraining.data.mix.read_mix"),
        "pretraining.data.mix.read_pixel_tree",
        *("pretraining.evaluation.Evaluation", "pretraining.networks.build_networks"),
        *("pretraining.objective.Objective", "pretraining.organs.tree.read_tree"),
        *("pretraining.pictures.ReconstructionPictures", "pretraining.progress.Progress"),
        *("pretraining.progress.ReportSetAside", "pretraining.resume.ExactCheckpoints"),
        *("pretraining.stages.Stages", "pretraining.trainer.PretrainingTrainer", "results.handler.WriteResults"),
        *("recognition.LookCloserd", "recognition.NoteForeignd"),
        *("tasks.calibration.calibrate", "tasks.class_activation.ClassActivationd"),
        *("tasks.classification.ClassActivationNetwork", "tasks.classification.ClassOfColumnd"),
        "tasks.classification.ClassificationNetwork",
        *("tasks.classification.ClassificationOutputd", "tasks.classification.build_mean_auc"),
        *("tasks.classification.mean_scores", "tasks.classification.score_classes"),
        *("tasks.classification.summarise_classes", "tasks.embedding.EmbeddingNetwork"),
        *("tasks.embedding.EmbeddingOutputd", "tasks.embedding.NearestImages", "tasks.embedding.read_known_images"),
        "tasks.ejection_fraction.measure_ejection",
        *("tasks.evidence.AttentionNetwork", "tasks.evidence.EvidenceLoss", "tasks.evidence.LoadLesiond"),
        "tasks.evidence.class_and_lesion",
        *("tasks.detection.BoxChoice", "tasks.detection.BoxCoding", "tasks.detection.BoxesOfMaskd"),
        *("tasks.detection.DetectionLoss", "tasks.detection.DetectionNetwork", "tasks.detection.DetectionOutputd"),
        *("tasks.detection.Drawing", "tasks.detection.MeanAveragePrecision", "tasks.detection.drawn_boxes"),
        *("tasks.detection.score_boxes", "tasks.detection.summarise_boxes"),
        *("tasks.enhancement.EnhancementLoss", "tasks.enhancement.EnhancementNetwork"),
        *("tasks.enhancement.EnhancementOutputd", "tasks.enhancement.build_psnr"),
        "tasks.enhancement.score_enhancement",
        *("tasks.landmarks.EndsLoss", "tasks.landmarks.EndsOfColumnsd", "tasks.landmarks.EndsOutputd"),
        *("tasks.landmarks.build_nearness", "tasks.landmarks.measure_head_ends", "tasks.landmarks.score_ends"),
        *("tasks.landmarks.read_crossed_axes", "tasks.landmarks.read_ends", "tasks.landmarks.summarise_ends"),
        *("tasks.lumen.measure_lumen", "tasks.measurements.measure_head", "tasks.measurements.measure_parts"),
        *("tasks.prevalence.PrevalenceShift", "tasks.prevalence.prevalence_of"),
        *("tasks.recognition.NodeOfColumnd", "tasks.recognition.Recognition", "tasks.recognition.RecognitionLoss"),
        *("tasks.recognition.RecognitionNetwork", "tasks.recognition.RecognitionOutputd"),
        *("tasks.recognition.build_node_accuracy", "tasks.recognition.fit_strangeness"),
        *("tasks.recognition.mean_recognition", "tasks.recognition.read_known_tree", "tasks.recognition.score_organ"),
        *("tasks.report.ClassesOfColumnsd", "tasks.report.DescriptorLoss", "tasks.report.ReportNetwork"),
        *("tasks.report.ReportOutputd", "tasks.report.Reporter", "tasks.report.build_descriptor_likelihood"),
        *("tasks.report.calibrate_descriptors", "tasks.report.mean_report", "tasks.report.read_lexicon"),
        *("tasks.report.score_report", "tasks.report.start_from_shares", "tasks.report.summarise_report"),
        *("tasks.segmentation.SegmentationNetwork", "tasks.segmentation.SegmentationOutputd"),
        *("tasks.segmentation.build_mean_dice", "tasks.segmentation.score_masks"),
        *("tasks.steadiness.mean_steadiness", "tasks.ventricle.measure_ventricle"),
        "tasks.volume_regression.VentricleInferer",
        *("tasks.volume_regression.VentricleNetwork", "tasks.volume_regression.VentricleOutputd"),
        *("tasks.volume_regression.VentricleVolumeNetwork", "tasks.volume_regression.fit_volume"),
        *("training.FlipInferer", "training.PrecisionInferer", "training.TableDataset", "training.build_predictor"),
        "training.early_stopping.StopEarly",
        *("training.build_parameter_groups", "training.build_trainer", "training.build_validator"),
        "training.place_network",
        *("transforms.EvenClip", "transforms.ExportDataset", "transforms.LoadMaskd", "transforms.LoadUltrasoundd"),
        *("transforms.NoteBeamsd", "transforms.PrepareLooksd", "transforms.PrepareScand"),
        *("transforms.ComposeWithNeighbours", "transforms.SlidingClips", "transforms.WindowClip"),
        *("transforms.degradation.FixedByContentd", "transforms.degradation.RandPoorScannerd"),
        *("transforms.augmentation.RandAcousticShadowd", "transforms.augmentation.RandAxialBlurd"),
        *("transforms.augmentation.RandEmptyPartd", "transforms.augmentation.RandHazed"),
        *("transforms.augmentation.RandLineDensityd", "transforms.augmentation.RandLogCompressiond"),
        *("transforms.augmentation.RandMarksd", "transforms.augmentation.RandReverberationd"),
        *("transforms.augmentation.RandScanZoomd", "transforms.augmentation.RandSpeckled"),
        "transforms.augmentation.RandTimeGaind",
    )
)
_TRANSFORMS = (  # each also with the d of its form for dictionaries
    *("Activations", "AdjustContrast", "Affine", "ApplyTransformToPoints", "AsDiscrete", "BorderPad", "CastToType"),
    "CenterSpatialCrop",
    *("Compose", "ConcatItems", "CopyItems", "CropForeground", "DeleteItems", "DivisiblePad", "EnsureChannelFirst"),
    *("EnsureType", "FillHoles", "Flip", "GaussianSharpen", "GaussianSmooth", "HistogramNormalize", "Identity"),
    *("Invert", "KeepLargestConnectedComponent", "MeanEnsemble", "MedianSmooth", "NormalizeIntensity", "OneOf"),
    *("Orientation", "Rand2DElastic", "RandAdjustContrast", "RandAffine", "RandAxisFlip", "RandBiasField"),
    *("RandCoarseDropout", "RandCropByPosNegLabel", "RandFlip", "RandGaussianNoise", "RandGaussianSharpen"),
    *("RandGaussianSmooth", "RandHistogramShift", "RandRotate", "RandRotate90", "RandScaleIntensity"),
    *("RandShiftIntensity", "RandSimulateLowResolution", "RandSpatialCrop", "RandZoom", "RemoveSmallObjects"),
    *("RepeatChannel", "Resize"),
    *("ResizeWithPadOrCrop", "Rotate", "Rotate90", "ScaleIntensity", "ScaleIntensityRange"),
    *("ScaleIntensityRangePercentiles", "SelectItems", "SomeOf", "Spacing", "SpatialCrop", "SpatialPad", "SqueezeDim"),
    *("ThresholdIntensity", "ToTensor", "Transpose", "VoteEnsemble", "Zoom"),
)
_PLACES = ("data", "engines", "handlers", "inferers", "losses", "metrics", "networks.nets", "transforms")
_OTHERS_OF_MONAI = (
    *("AttentionUnet", "BasicUNet", "DynUNet", "HighResNet", "SegResNet", "SwinUNETR", "UNETR", "UNet", "VNet", "ViT"),
    *("DiceCELoss", "DiceFocalLoss", "DiceLoss", "FocalLoss", "GeneralizedDiceLoss", "TverskyLoss"),
    *("SimpleInferer", "SlidingWindowInferer", "SupervisedEvaluator", "SupervisedTrainer"),
    *("EarlyStopHandler", "GarbageCollector", "LrScheduleHandler", "MeanDice", "ROCAUC", "StatsHandler"),
    *("TensorBoardStatsHandler", "ValidationHandler", "CacheDataset", "DataLoader", "Dataset"),
    *("DiceMetric", "HausdorffDistanceMetric", "ROCAUCMetric", "SurfaceDistanceMetric"),
)
_NAMES_OF_MONAI = (*_OTHERS_OF_MONAI, *(name + end for name in _TRANSFORMS for end in ("", "d")))
MONAI = frozenset(
    [*_NAMES_OF_MONAI, *(f"monai.{place}.{name}" for place in _PLACES for name in _NAMES_OF_MONAI)],
)
OTHERS = frozenset(
    [
        *("ignite.handlers.EarlyStopping", "ignite.handlers.ProgressBar", "ignite.handlers.TerminateOnNan"),
        *(f"ignite.metrics.{name}" for name in ("Accuracy", "Loss", "MeanAbsoluteError", "MeanSquaredError")),
        *(f"torch.nn.{name}" for name in ("BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss")),
        *(f"torch.optim.{name}" for name in ("Adam", "AdamW", "SGD")),
        *(f"torch.optim.lr_scheduler.{name}" for name in ("CosineAnnealingLR", "ExponentialLR", "StepLR")),
    ]
)
TARGETS = OURS | MONAI | OTHERS

GLOBALS_OF_WEIGHTS = frozenset(  # what a pickled state dict builds
    [
        "collections OrderedDict",
        *(f"torch._utils {name}" for name in ("_rebuild_parameter", "_rebuild_tensor_v2")),
        *(f"torch {kind}Storage" for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int")),
        *(f"torch {kind}Storage" for kind in ("Long", "Short")),
        "torch Size",
    ]
)
