"""What setup.cfg cannot say: `bundles/`, which stand at the top of the repository, go inside the package of a wheel.

There `echocare_core.bundle.shipped_folder` finds them. An editable installation uses those of the clone.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).parent
CONTENTS = (
    *("LICENSE", "large_files.yml", "configs/*.json", "configs/*.yaml", "configs/*.conf"),
    *("models/model.pt", "models/model.json", "models/known_images.csv", "docs/*.md", "docs/*.txt"),
)  # as in echocare_core/checks/files.py, which cannot be imported before the package is installed


class BuildWithBundles(build_py):
    """Copies the bundles to where a wheel is put together."""

    def run(self) -> None:
        """Copy the package, then the bundles."""
        super().run()
        if not self.editable_mode:
            for source, target in self._bundle_files().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Everything that `run` writes."""
        return [*super().get_outputs(include_bytecode), *self._bundle_files().values()]

    def get_source_files(self) -> list[str]:
        """Everything that a source distribution needs."""
        return [*super().get_source_files(), *self._bundle_files()]

    def _bundle_files(self) -> dict[str, str]:
        """Files of all bundles, relative to the repository, with their place in the build."""
        found = (path.relative_to(TOP) for pattern in CONTENTS for path in TOP.glob(f"bundles/*/{pattern}"))
        return {str(path): str(Path(self.build_lib, "echocare_core", path)) for path in sorted(found)}


setup(cmdclass={"build_py": BuildWithBundles})
