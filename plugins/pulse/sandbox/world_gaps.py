"""The made-up world read badly: one community for each way in which files may lack something, and what is then known.

What is planted: a file of posts alone; comments that end days before the posts; one record far behind the last; a
download that was cut off at noon; a name that nothing bears; texts that were taken back between two looks of an
archive; and the world's outage, a day on which nobody wrote anywhere, in files that are declared whole.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
import zstandard

from pulse.core.files import write_bytes
from pulse.sandbox.world import OBSERVED_AFTER, World
from pulse.sandbox.world_model import Community, Contribution, is_gone_at, is_visible_at
from pulse.sandbox.world_record import record

# How many days before the posts the comments end, and how far behind all others the stray record lies.
_ENDS_EARLIER_DAYS = 5
_STRAY_AFTER_DAYS = 20
# When the first look of an archive was that still shows what was taken back later.
_FIRST_LOOK_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Gaps:
    """What was written, by the kind of gap.

    Attributes:
        config: reads the files; every community but ``never_seen`` is written in it as in the world.
        posts_only, comments_end_earlier, stray, cut_at_noon, taken_back: communities, as rows carry their names.
        never_seen: a name of the config that nothing bears.
        first_day, last_day: what the files were to hold.
        comments_last_day: of ``comments_end_earlier``.
        stray_day: of the lone record of ``stray``.
        taken_back_ids: contributions of ``taken_back`` whose text the archive flags as gone.
        silent_day: nobody wrote anywhere on it.
        silent: communities that are declared to be whole on that day.
    """

    config: Path
    posts_only: str
    comments_end_earlier: str
    stray: str
    cut_at_noon: str
    taken_back: str
    never_seen: str
    first_day: date
    last_day: date
    comments_last_day: date
    stray_day: date
    taken_back_ids: frozenset[str]
    silent_day: date
    silent: tuple[str, ...]


def write_gaps(world: World, out: Path, *, last_day: date) -> Gaps:
    """Write files and a config under ``out``.

    Args:
        last_day: where the files end; it must leave room in the world for the stray record.

    Raises:
        StorageError: ``out`` cannot be written.
    """
    lively = sorted(
        (community for community in world.communities if not community.is_feed_broken),
        key=lambda community: -sum(one.community == community for one in world.contributions),
    )
    posts_only, ends_earlier, stray, cut, taken_back, misspelt = lively[:6]
    until = _midnight(last_day + timedelta(days=1))
    comments_last_day = last_day - timedelta(days=_ENDS_EARLIER_DAYS)
    stray_day = last_day + timedelta(days=_STRAY_AFTER_DAYS)

    def records_of(community: Community, keep: Callable[[Contribution], bool]) -> list[dict[str, Any]]:
        return [
            record(one, one.created_at + OBSERVED_AFTER)
            for one in world.contributions
            if one.community == community and is_visible_at(one, one.created_at + OBSERVED_AFTER) and keep(one)
        ]

    def in_time(one: Contribution) -> bool:
        return one.created_at < until

    lone = next(one for one in world.contributions if one.community == stray and one.created_at.date() == stray_day)
    flagged, gone_ids = _looked_at_twice(world, taken_back, in_time)
    covers = {"from": world.first_day, "to": last_day}
    # So that the day on which nobody wrote is one of several communities that are known to be whole.
    past_outage = {"from": world.first_day, "to": world.outage_day}
    entries = [
        _entry(
            out, posts_only, {"RS": records_of(posts_only, lambda one: one.is_post and in_time(one))}, covers=covers
        ),
        _entry(
            out,
            ends_earlier,
            {
                "RS": records_of(ends_earlier, lambda one: one.is_post and in_time(one)),
                "RC": records_of(
                    ends_earlier, lambda one: not one.is_post and one.created_at.date() <= comments_last_day
                ),
            },
            covers=past_outage,
        ),
        _entry(out, stray, {"all": records_of(stray, lambda one: in_time(one) or one == lone)}),
        _entry(
            out,
            cut,
            {"all": records_of(cut, lambda one: one.created_at < until - timedelta(hours=12))},
            covers=past_outage,
        ),
        _entry(out, taken_back, {"all": flagged}, covers=covers),
        _entry(out, misspelt, {"all": records_of(misspelt, in_time)}, covers=covers, name=f"r/{misspelt.name}"),
    ]
    config = out / "gaps.yml"
    write_bytes(config, yaml.safe_dump({"communities": entries}, sort_keys=False).encode())
    return Gaps(
        config=config,
        posts_only=posts_only.name.lower(),
        comments_end_earlier=ends_earlier.name.lower(),
        stray=stray.name.lower(),
        cut_at_noon=cut.name.lower(),
        taken_back=taken_back.name.lower(),
        never_seen=f"r/{misspelt.name}".lower(),
        first_day=world.first_day,
        last_day=last_day,
        comments_last_day=comments_last_day,
        stray_day=stray_day,
        taken_back_ids=gone_ids,
        silent_day=world.outage_day,
        silent=tuple(one.name.lower() for one in (posts_only, ends_earlier, cut, taken_back)),
    )


def _looked_at_twice(
    world: World, community: Community, keep: Callable[[Contribution], bool]
) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """Records as a newer archive writes them: the text of a first look, and a flag where a second found it gone."""
    found, gone_ids = [], set()
    for one in world.contributions:
        first, second = one.created_at + _FIRST_LOOK_AFTER, one.created_at + OBSERVED_AFTER
        if one.community != community or not keep(one) or not is_visible_at(one, first):
            continue
        seen = record(one, first) | {"_meta": {"retrieved_2nd_on": int(second.timestamp())}}
        if is_gone_at(one, second) and not is_gone_at(one, first):
            by_moderator = one.removal is not None and one.removal.by == "by_moderator"
            seen["_meta"] |= {
                "was_deleted_later": True,
                "removal_type": "removed" if by_moderator else "deleted",
            }
            gone_ids.add(one.full_id)
        found.append(seen)
    return found, frozenset(gone_ids)


def _entry(
    out: Path,
    community: Community,
    files: dict[str, list[dict[str, Any]]],
    *,
    covers: dict[str, date] | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    paths = []
    for kind, records in files.items():
        path = out / f"{kind}_{community.name}.zst"
        write_bytes(path, zstandard.ZstdCompressor(level=3).compress(_lines(records)))
        paths.append(str(path))
    entry: dict[str, Any] = {
        "platform": "reddit", "name": name or community.name, "source": "reddit_archive", "path": paths,
        "bot_accounts": list(community.bot_accounts),
    }  # fmt: skip
    return entry | ({"covers": covers} if covers else {})


def _lines(records: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":")).encode("ascii") + b"\n" for one in records)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
