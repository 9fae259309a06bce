"""Every image of an export to the bundles that are meant for what it shows."""

from echocare_core.routing.routed import Routed
from echocare_core.routing.run import predict_auto

__all__ = ["Routed", "predict_auto"]
