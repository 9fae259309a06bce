"""An operator that runs a bundle on a study folder, and the application that is made of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holoscan.conditions import CountCondition
from holoscan.core import ConditionType
from monai.deploy.core import (
    Application,
    ExecutionContext,
    Fragment,
    InputContext,
    Operator,
    OperatorSpec,
    OutputContext,
)

from echocare_core.bundle import METADATA, find_bundle
from echocare_core.errors import BundleError, EchoCareError
from echocare_core.prediction import predict


class BundleOperator(Operator):
    """Runs a bundle on a study folder as `echocare predict --dicom` does: any bundle, on frames, cines and studies.

    Named output:
        results: `echocare_core.types.Results`; its folder holds `dicom/` with the objects, tables, masks and a page.

    Args:
        fragment: the application.
        bundle: folder of the bundle.
        input_folder: the study.
        output_folder: where the results are written; made if need be. Former results in it are replaced.
    """

    def __init__(
        self, fragment: Fragment, *args: Any, bundle: Path, input_folder: Path, output_folder: Path, **kwargs: Any
    ) -> None:
        self.bundle, self.input_folder, self.output_folder = bundle, input_folder, output_folder
        super().__init__(fragment, CountCondition(fragment, 1), *args, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        """Called by the SDK; nobody need take the output."""
        spec.output("results").condition(ConditionType.NONE)

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Run the bundle, and say what was written.

        Raises:
            EchoCareError: as `echocare_core.predict`.
        """
        settings = {"dicom": True}
        results = predict(self.bundle, self.input_folder, self.output_folder, overwrite=True, settings=settings)
        print(results)
        op_output.emit(results, "results")


class UltrasoundApplication(Application):
    """Runs each bundle of the model folder on the input folder; the results of each get a folder in the output folder.

    Input, output and model folder come from the command line (`-i`, `-o`, `-m`) or, in a packaged application, from the
    variables that MONAI Deploy sets. The model folder is a bundle, or holds several.
    """

    def compose(self) -> None:
        """Called by the SDK.

        Raises:
            BundleError: no bundle in the model folder.
        """
        context = Application.init_app_context(self.argv)
        for bundle in find_bundles(Path(context.model_path)):
            operator = BundleOperator(
                self,
                bundle=bundle,
                input_folder=Path(context.input_path),
                output_folder=Path(context.output_path) / bundle.name,
                name=bundle.name,
            )
            self.add_operator(operator)


def find_bundles(folder: Path) -> Sequence[Path]:
    """The folder itself where it is a bundle, else all bundles in it, sorted.

    Raises:
        BundleError: there is none.
    """
    found = (
        [folder]
        if (folder / METADATA).is_file()
        else sorted(path.parents[1] for path in folder.glob(f"*/{METADATA.as_posix()}"))
    )
    if not found:
        raise BundleError(f"{folder} is no bundle and holds none; needed one to run. Name its folder with -m.")
    return [find_bundle(path.resolve()) for path in found]


def main() -> None:
    """Run the application; an error that this package raises on purpose is one sentence and exit code 1."""
    try:
        UltrasoundApplication().run()
    except EchoCareError as error:
        sys.exit(f"{type(error).__name__}: {error}")
