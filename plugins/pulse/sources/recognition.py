"""How a source knows an address or a file as one of its communities, before anything is asked or loaded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, unquote_plus

from pulse.core.strict import WILDCARD

# Beginnings of files are looked at, no more: enough for what every record repeats.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Address:
    """A form of web address that names a community.

    Attributes:
        pattern: of the whole address without its scheme, ``www.``, fragment and the slash at its end; its named groups
            fill in ``keys``. Letter case of the host does not matter.
        keys: what the entry says besides platform and source: ``{"name": "{host}"}``.
        is_any_host: the form fits any site, so only the site itself can tell.
    """

    pattern: str
    keys: Mapping[str, str] = field(default_factory=lambda: {"name": "{name}"})
    is_any_host: bool = False

    def entry_keys(self, address: str) -> dict[str, str] | None:
        """What the entry says, for an address of this form; None for any other."""
        found = re.fullmatch(self.pattern, address)
        if found is None:
            return None
        groups = {
            name: unquote_plus(value or "") if name == "query" else unquote(value or "")
            for name, value in found.groupdict().items()
        }
        return {key: template.format(**groups) for key, template in self.keys.items()}


@dataclass(frozen=True)
class FileForm:
    """A form of file that a source reads.

    Attributes:
        head: pattern of something in the file's first bytes, decompressed; of a zip, in the names of what it holds,
            one a line.
        name: pattern whose one group is the community's name, in the same bytes; None where files do not tell it. Where
            several names are found, the entry takes them all (``*``) if its source can, and has to be told otherwise.
        is_zip: whether it is a zip.
        needs: what else the entry has to say that no file tells, in words.
    """

    head: bytes
    name: bytes | None = None
    is_zip: bool = False
    needs: str = ""

    def fits(self, head: bytes, *, is_zip: bool) -> bool:
        """Whether a file that begins so has this form."""
        return is_zip == self.is_zip and re.search(self.head, head) is not None

    def name_in(self, head: bytes) -> str | None:
        """The community's name; ``*`` for several, None where the file does not tell."""
        if self.name is None:
            return None
        names = {name.decode(errors="replace") for name in re.findall(self.name, head)}
        return None if not names else WILDCARD if len(names) > 1 else names.pop()


def plain_address(given: str) -> str:
    """An address without scheme, ``www.``, fragment, tracking and the slash at its end; its host in lower case."""
    address = re.sub(r"^[a-z][a-z0-9+.-]*://", "", given.strip(), flags=re.IGNORECASE).partition("#")[0]
    host, slash, rest = address.partition("/")
    path, mark, query = rest.partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith(("utm_", "ref=", "share_id=")))
    if "://" in given:  # who logs in there is nobody's business
        host = host.rpartition("@")[2]
    host = re.sub(r"^www\.", "", host.casefold())
    return f"{host}{slash}{path}".rstrip("/") + (f"?{kept}" if mark and kept else "")


def head_of(file: Path) -> tuple[bytes, bool]:
    """The first bytes of a file, decompressed, and whether it is a zip; of a zip the names in it, one a line.

    Raises:
        OSError: it cannot be read.
        ValueError: it says that it is compressed, and is not.
    """
    import gzip
    import zipfile

    import zstandard

    try:
        with file.open("rb") as opened:
            start = opened.read(4)
            opened.seek(0)
            if start == b"PK\x03\x04":
                with zipfile.ZipFile(opened) as packed:
                    return "\n".join(packed.namelist()).encode()[:HEAD_BYTES], True
            if start[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=opened) as unpacked:
                    return unpacked.read(HEAD_BYTES), False
            if start == b"\x28\xb5\x2f\xfd":
                reader = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(opened)
                return reader.read(HEAD_BYTES), False
            return opened.read(HEAD_BYTES), False
    except (zipfile.BadZipFile, EOFError, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise ValueError(str(error)) from error
