"""Build hook: the package's dependencies are requirements/runtime.in, so that they are listed once."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RuntimeDependencies(MetadataHookInterface):
    """Reads ``runtime.in`` into ``project.dependencies``."""

    def update(self, metadata: dict) -> None:
        """Set ``dependencies``; comments and blank lines are left out."""
        lines = (Path(self.root) / "requirements" / "runtime.in").read_text(encoding="utf-8").splitlines()
        stripped = (line.split("#", 1)[0].strip() for line in lines)
        metadata["dependencies"] = [line for line in stripped if line]
