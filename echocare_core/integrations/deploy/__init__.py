"""MONAI Deploy: operators for ultrasound, and an application that runs any bundle on a study folder.

They run where the MONAI Deploy App SDK does: on Linux, in an environment of its own (`pip install 'echocare[deploy]'`).
"""

from echocare_core.errors import EngineError
from echocare_core.optional import check_installed

check_installed("holoscan", subject="An application of MONAI Deploy", error=EngineError)

from echocare_core.integrations.deploy.application import BundleOperator, UltrasoundApplication, main  # noqa: E402
from echocare_core.integrations.deploy.frames import UltrasoundFramesOperator  # noqa: E402

__all__ = ["BundleOperator", "UltrasoundApplication", "UltrasoundFramesOperator", "main"]
