"""What runs a network: PyTorch, OpenVINO, or a file for other programs."""

from echocare_core.engines.export import export_onnx, export_program, export_torchscript
from echocare_core.engines.load import load_engine
from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.engines.quantization import quantize_network

__all__ = [
    "OpenVinoNetwork",
    "export_onnx",
    "export_program",
    "export_torchscript",
    "load_engine",
    "quantize_network",
]
