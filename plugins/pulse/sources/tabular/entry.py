"""What the config may say of a community that is read from tables: which column means what."""

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from pulse.core.contract import OBSERVABLE
from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY
from pulse.core.strict import Strict
from pulse.core.text import printable
from pulse.platforms.registry import NAME
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.patterns import OneGroup
from pulse.sources.lines.zones import Zone

TEXTS = ("title", "body", "url", "permalink", "channel")
NUMBERS = ("score", "upvote_ratio", "reply_count", "award_count", "view_count", "share_count")
TIMES = ("created_at", "edited_at", "observed_at")
IDS = ("contribution_id", "thread_id", "parent_id")
FIELDS = (*IDS, *TIMES, *TEXTS, *NUMBERS, "kind", "community", "author", "tags", "reactions", "removal")
Repair = Literal["python_bytes", "latin1_utf8"]
_ORIGINS = ("column", "constant", "file_part", "path_part", "made_from", "columns")
_EPOCHS = ("epoch_s", "epoch_ms")
Format = Literal["csv", "tsv", "ndjson", "json", "parquet"]
_ENDINGS: dict[str, Format] = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".ndjson": "ndjson", ".jsonl": "ndjson",
                               ".json": "json", ".parquet": "parquet"}  # fmt: skip
_PACKED = (".zst", ".gz")
MAPPINGS = REPOSITORY / "config" / "mappings"


class Take(Strict):
    """Where one value comes from, and what is done to it. In the config a name alone is a column.

    Attributes:
        column: its name; in JSON, parts of a nested object with dots between.
        constant: the same text for all rows.
        file_part, path_part: a pattern with one group, searched in the file's name, or in its whole path; the value is
            what the group holds.
        made_from: columns that together tell a row from others, where a table has no ids. Such an id begins with
            ``made_``: it is the same for the same values, and nothing on the platform has it.
        columns: of ``reactions``: the column that counts each kind.
        prefix: put before the value where there is one.
        values: what stands in the table, and what it means; anything else is a fault of the row.
        time: ``epoch_s``, ``epoch_ms``, ``iso``, or a pattern of strptime; or a list that is tried in order.
        zone: of times that do not say theirs: a name of the time zone database, or a fixed offset such as ``-05:00``.
        repair: what programs did to the text and is undone, in order: ``python_bytes`` (``b'…'`` with escapes),
            ``latin1_utf8`` (UTF-8 that was read as Latin-1).
        split: of ``tags``: what stands between them.
    """

    column: str | None = None
    constant: str | None = None
    file_part: OneGroup | None = None
    path_part: OneGroup | None = None
    made_from: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    prefix: str = ""
    values: dict[str, str] = Field(default_factory=dict)
    time: tuple[str, ...] = ()
    zone: Zone | None = None
    repair: tuple[Repair, ...] = ()
    split: str | None = None

    @field_validator("time", "repair", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _require_one_origin(self) -> "Take":
        given = [name for name in _ORIGINS if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"{' and '.join(given) or 'nothing'} (limit: one of {', '.join(_ORIGINS)})")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the table that it reads."""
        return (*([self.column] if self.column else []), *self.made_from, *self.columns.values())


class Table(Strict):
    """How to read the files of an entry.

    Attributes:
        mapping: a ready mapping: the name of a file in ``config/mappings``, which holds the keys below. What stands
            beside it here is added to it, or taken instead.
        zone: of all times that tell none and for which nothing else is said.
        format: by the file's name if it is left out.
        delimiter: between the cells of a CSV; a comma, or a tab in TSV, if it is left out.
        columns: what each field of the contract is taken from. ``author`` is the account's name or id, of which only a
            keyed hash is kept; ``community`` may be left out where all rows are the entry's.
    """

    mapping: str | None = None
    zone: Zone | None = None
    format: Format | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"
    columns: dict[Literal[FIELDS], Take]  # type: ignore[valid-type]

    @model_validator(mode="before")
    @classmethod
    def _begin_with_ready_mapping(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("mapping") is None:
            return value
        ready = ready_mapping(value["mapping"])
        columns = value.get("columns") or {}
        both = ready.get("columns", {}) | columns if isinstance(columns, dict) else columns
        return ready | value | {"columns": both}

    @field_validator("columns", mode="before")
    @classmethod
    def _names_are_columns(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: {"column": one} if isinstance(one, str) else one for name, one in value.items()}

    @model_validator(mode="after")
    def _require_what_every_row_needs(self) -> "Table":
        for name in ("contribution_id", "created_at", "kind"):
            if name not in self.columns:
                raise ValueError(f"columns: {name} is missing (limit: contribution_id, created_at and kind are needed)")
        kind = self.columns["kind"]
        told = {kind.constant} if kind.constant else set(kind.values.values())
        if "comment" in told and "thread_id" not in self.columns:
            raise ValueError("columns: thread_id is missing, and comments hang from threads")
        for name, take in self.columns.items():
            self._check(name, take)
        return self

    def zone_of(self, take: Take) -> str | None:
        """The zone of times that do not tell theirs; None where nothing is said of it."""
        return take.zone or self.zone

    def _check(self, name: str, take: Take) -> None:
        if (name in TIMES) != bool(take.time):
            raise ValueError(f"columns.{name}: time says how a time is written (limit: for {', '.join(TIMES)} only)")
        for form in take.time:
            needs_zone = form not in _EPOCHS and form != "iso" and "%z" not in form
            if needs_zone and self.zone_of(take) is None:
                raise ValueError(f"columns.{name}: zone is missing, and {form!r} does not tell one")
        if take.made_from and name not in IDS:
            raise ValueError(f"columns.{name}: made_from is for ids")
        if bool(take.columns) != (name == "reactions"):
            raise ValueError(f"columns.{name}: columns is for reactions, and reactions need it")
        if take.split is not None and name != "tags":
            raise ValueError(f"columns.{name}: split is for tags")


def ready_mapping(name: object) -> dict[str, Any]:
    """The keys of a table that a file of ``config/mappings`` gives.

    Raises:
        ValueError: there is no such file, or it is none.
    """
    names = sorted(file.stem for file in MAPPINGS.glob("*.yml"))
    if name not in names:
        raise ValueError(f"no ready mapping {name!r} in {MAPPINGS} (limit: {', '.join(names) or 'there is none'})")
    file = MAPPINGS / f"{name}.yml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"mapping {file}: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict) or "mapping" in content:
        raise ValueError(f"mapping {file} is none (limit: keys of a table, without `mapping`)")
    return content


class TabularEntry(FileEntry):
    """A community that is read from tables.

    Attributes:
        platform: any name; where it has no file in ``platforms/``, little is taken for granted.
        table: which column means what.
    """

    source: Literal["tabular"]
    table: Table

    files_module: ClassVar[str] = "pulse.sources.tabular.table"

    @field_validator("platform")
    @classmethod
    def _refuse_odd_platform(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(f"not a platform's name: {value!r} (limit: a letter, then up to 31 of a-z 0-9 _)")
        return value

    @property
    def observes(self) -> frozenset[str]:
        """The columns that the mapping fills; the parent of a comment is its thread where nothing else is said."""
        filled = set(self.table.columns)
        filled |= {"author_key"} if "author" in filled else set()
        filled |= {"parent_id"} if "thread_id" in filled else set()
        return OBSERVABLE & filled

    @property
    def reading(self) -> Hashable:
        """Tables that are mapped alike are read once; where no column tells the community, it is the entry's own."""
        own = "" if "community" in self.table.columns else self.community
        return self.files_module, self.platform, self.table.model_dump_json(), own

    def format_of(self, path: Path) -> Format:
        """How a file is written: as the config says, or by its name.

        Raises:
            ConfigError: neither tells.
        """
        if self.table.format is not None:
            return self.table.format
        endings = [ending.lower() for ending in path.suffixes if ending.lower() not in _PACKED]
        found = _ENDINGS.get(endings[-1]) if endings else None
        if found is None:
            raise ConfigError(
                f"table.format of {self.entry_id}",
                value=f"not given, and the name {printable(path.name)} does not tell",
                limit="csv, tsv, ndjson, json or parquet",
                next_step="give it",
            )
        return found
