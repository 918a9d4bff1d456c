"""What the config may say of a group of which one member's own posts and comments are read."""

from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from pulse.core.strict import WILDCARD
from pulse.sources.lines.entry import Covers, FileEntry

# A download shows neither reactions, replies nor links, and who else is named in it is nobody's business.
OBSERVES = frozenset({"body", "edited_at", "parent_id"})
GROUP = "{group}"


class FacebookDownloadEntry(FileEntry):
    """A group of which one account's own items are read.

    Attributes:
        path: zip files of "download your information" in JSON, or the JSON files in them.
        group_names: the group's names, exactly as titles have them; ``name`` where none is given. A group that was
            renamed has several.
        title_endings: how a title ends that is of the group, in the language of the account, with ``{group}`` where the
            group's name stands.
    """

    platform: Literal["facebook_groups"]
    source: Literal["facebook_download"]
    group_names: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    title_endings: tuple[str, ...] = ("in {group}.",)

    files_module: ClassVar[str] = "pulse.sources.facebook.download"

    @property
    def observes(self) -> frozenset[str]:
        """What a download shows."""
        return OBSERVES

    @property
    def names(self) -> tuple[str, ...]:
        """The group as titles name it."""
        return self.group_names or (self.name,)

    @property
    def endings(self) -> tuple[str, ...]:
        """How titles end that are of the group."""
        return tuple(ending.replace(GROUP, name) for ending in self.title_endings for name in self.names)

    @property
    def reading(self) -> Hashable:
        """Which items are of the group is the entry's own."""
        return self.files_module, self.community, self.names, self.title_endings

    @field_validator("name")
    @classmethod
    def _refuse_wildcard(cls, value: str) -> str:
        if value == WILDCARD:
            raise ValueError("each group needs an entry of its own: titles alone name groups (limit: no `*`)")
        return value

    @field_validator("title_endings")
    @classmethod
    def _require_group(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for ending in value:
            if GROUP not in ending:
                raise ValueError(f"{ending!r} does not say where the group's name stands (limit: {GROUP} in it)")
        if not value:
            raise ValueError("no ending (limit: one or more)")
        return value

    @field_validator("covers")
    @classmethod
    def _refuse_covers(cls, value: tuple[Covers, ...]) -> tuple[Covers, ...]:
        if value:
            raise ValueError("a download holds one account's own items, which are never all of a group's")
        return value
