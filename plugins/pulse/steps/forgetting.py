"""Forgetting a person who asked for it: onto the list that every load is held against, then out of every place."""

from dataclasses import dataclass, field

from pulse.config.lake import on_lake
from pulse.core import keys
from pulse.core.errors import ConfigError
from pulse.lake import forgotten
from pulse.lake.forgotten import Person, Wanted
from pulse.platforms.names import author_key
from pulse.platforms.registry import NAME, PLATFORMS, platform_named
from pulse.steps import erasing
from pulse.steps.erasing import Names, Order, Proof
from pulse.steps.pipeline import Pipeline

_LONGEST_NAME_CHARS = 200


@dataclass(frozen=True)
class Asked:
    """Who asked, as the platform tells persons apart: by name, or by the account's id.

    Raises:
        ConfigError: no such platform, or nothing that could be a name. Does not show the name.
    """

    platform: str
    author: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS and NAME.fullmatch(self.platform) is None:
            raise ConfigError(
                "--platform", value=self.platform, limit=", ".join(sorted(PLATFORMS)),
                next_step="name it as the config does",
            )  # fmt: skip
        if not self.author or len(self.author) > _LONGEST_NAME_CHARS or self.author != self.author.strip():
            raise ConfigError(
                "name or id of the account", value=f"{len(self.author)} characters, or blanks around it",
                limit=f"1 to {_LONGEST_NAME_CHARS} characters", next_step="give it as the platform shows it",
            )  # fmt: skip


@on_lake
def forget(pipeline: Pipeline, asked: Asked, *, run_id: str) -> Proof:
    """Forget a person on a platform: now, everywhere in the home, and in whatever is loaded from now on.

    Can be repeated; whoever was killed runs it again. A person of whom nothing is kept is put on the list all the same.

    Raises:
        ConfigError: the author key is not the one that raw was made with.
        PulseError: see :func:`pulse.steps.erasing.erase_everywhere`.
    """
    keys.require_same(pipeline.home)
    key = keys.author_key_bytes(pipeline.home)
    person = Person(asked.platform, author_key(key, asked.platform, asked.author))
    request_id = forgotten.put_on_list(pipeline.home, person, asked_at=pipeline.clock())
    order = Order(
        request_id,
        "asked",
        asked.platform,
        Wanted((person,)),
        names=Names(asked.author, platform_named(asked.platform).ignores_case),
    )
    return erasing.erase_everywhere(pipeline, order, run_id=run_id)
