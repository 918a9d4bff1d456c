"""A file that somebody asks a command to write: made beside its place as a draft, and renamed once it is whole.

Never under ``PULSE_HOME``, whatever links lead there, and never over a file without being told to.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pulse.core.errors import ConfigError
from pulse.core.files import fsync_file, fsync_folder, storage_error
from pulse.core.home import Home


@dataclass(frozen=True)
class OutputFile:
    """Where the result goes.

    Attributes:
        target: its absolute path, links resolved.
        draft: what is written first, in the same folder.
        is_replacing: whether a file that is there may be replaced.
    """

    target: Path
    draft: Path
    is_replacing: bool

    @classmethod
    def at(cls, path: Path, home: Home, *, is_replacing: bool) -> "OutputFile":
        """Settle the place before any work is done for it.

        Raises:
            ConfigError: it lies under ``PULSE_HOME``, is no place for a file, or there is a file already.
        """
        try:
            target = path.resolve()
            found = target.stat() if target.exists() else None
            is_in_home = _lies_in(target, home)
        except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a NUL
            raise _refused(path, f"no usable path: {error}", "a path", "choose another one") from error
        if is_in_home:
            raise _refused(path, f"it lies under {home.root}", "outside PULSE_HOME", "choose another folder")
        if not target.parent.is_dir():
            raise _refused(path, f"{target.parent} is not there", "an existing folder", "make the folder first")
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise _refused(path, "it is no regular file", "a file", "choose another name")
        if found is not None and not is_replacing:
            raise _refused(path, "it exists", "a new file", "choose another name, or `--force` to replace it")
        return cls(target, target.with_name(f".pulse-{os.getpid()}-{os.urandom(4).hex()}.tmp"), is_replacing)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Path]:
        """Gives the draft to write; what is whole at the end takes its place, and nothing stays of what is not.

        Raises:
            ConfigError: somebody made such a file meanwhile.
            StorageError: the place cannot be written.
        """
        try:
            yield self.draft
            fsync_file(self.draft)
            if self.is_replacing:
                self.draft.replace(self.target)
            else:
                # Unlike a rename this fails where a file came up meanwhile.
                os.link(self.draft, self.target)
            fsync_folder(self.target.parent)
        except FileExistsError as error:
            raise _refused(self.target, "it exists since", "a new file", "choose another name") from error
        except OSError as error:
            raise storage_error(self.target, error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the draft, if it is there."""
        with contextlib.suppress(OSError):
            self.draft.unlink(missing_ok=True)


def _lies_in(target: Path, home: Home) -> bool:
    """Whether the home is among the folders above, by name or by what they are: a folder may be mounted twice."""
    if target.is_relative_to(home.root.resolve()):
        return True
    of_home = home.root.stat()
    return any(folder.exists() and os.path.samestat(folder.stat(), of_home) for folder in (target, *target.parents))


def _refused(path: Path, value: str, limit: str, next_step: str) -> ConfigError:
    return ConfigError(f"--output {path}", value=value, limit=limit, next_step=next_step)
