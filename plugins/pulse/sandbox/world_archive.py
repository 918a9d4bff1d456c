"""The made-up world on disk: archives in Reddit's shape, one broken feed, the config that reads them, the truth.

Archives are Zstandard files of one JSON object per line, in order of creation, as real dumps are. One community is not
in them: its feed is a file of its own, and was damaged on the way, so that gate 1 has something to stop.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
import zstandard

from pulse.core.files import write_bytes
from pulse.sandbox.world import OBSERVED_AFTER, World
from pulse.sandbox.world_model import Community, Contribution, is_visible_at
from pulse.sandbox.world_record import record
from pulse.sandbox.world_truth import to_document

_ZSTD_LEVEL = 3
# Of each day's records. The gate's default limit is 0.05.
_DAMAGED_SHARE = 0.14
_ERROR_PAGE = (
    b"<html>",
    b"<head><title>502 Bad Gateway</title></head>",
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body>",
    b"</html>",
)
_CONFIG_HEADER = """\
# Made by `pulse sandbox world --seed {seed}`: invented communities, {first_day} to {last_day}.
# {broken} is read from a feed that is broken on purpose: gate 1 must stop its load.
"""


@dataclass(frozen=True)
class ArchiveFiles:
    """What was written.

    Attributes:
        submissions, comments: archives of all communities but the broken one.
        broken_feed: posts and comments of the broken one, not compressed.
        posts_n, comments_n: records in the archives.
        broken_lines_n, broken_unusable_n: lines of the broken feed, and how many of them give no row.
        broken_faults: unusable lines by kind of damage.
        last_observed_at: the latest ``retrieved_on``. A pipeline whose clock stands before it takes such records for a
            fault: nothing is observed in the future.
    """

    submissions: Path
    comments: Path
    broken_feed: Path
    truth: Path
    config: Path
    communities_n: int
    posts_n: int
    comments_n: int
    broken_lines_n: int
    broken_unusable_n: int
    broken_faults: dict[str, int]
    last_observed_at: datetime

    @property
    def broken_share(self) -> float:
        """Share of the broken feed's lines that give no row."""
        return self.broken_unusable_n / self.broken_lines_n


def write_archives(
    world: World, out: Path, *, observed_after: timedelta = OBSERVED_AFTER, last_day: date | None = None
) -> ArchiveFiles:
    """Write the world under ``out``; files that are there are replaced.

    Args:
        observed_after: age at which each contribution is recorded; what has not appeared by then is left out.
        last_day: where the archives end; None for the world's last day. The broken feed goes on to the end.

    Raises:
        StorageError: ``out`` cannot be written.
    """
    last_day = last_day or world.last_day
    span = f"{world.first_day}_{last_day}"
    usable = [
        one
        for one in _observed(world.contributions, observed_after, is_feed_broken=False)
        if one.created_at.date() <= last_day
    ]
    damaged = _observed(world.contributions, observed_after, is_feed_broken=True)
    broken = next(community for community in world.communities if community.is_feed_broken)
    submissions, comments = out / f"RS_{span}.zst", out / f"RC_{span}.zst"
    feed, truth, config = out / f"feed_{broken.name}.ndjson", out / "truth.json", out / "communities.yml"

    posts_n = _write_archive(submissions, (one for one in usable if one.is_post), observed_after)
    comments_n = _write_archive(comments, (one for one in usable if not one.is_post), observed_after)
    lines, faults = _damaged_feed(damaged, observed_after, seed=world.seed)
    write_bytes(feed, b"\n".join(lines) + b"\n")
    write_bytes(truth, _truth_bytes(world, observed_after))
    write_bytes(config, _config_bytes(world, [submissions.name, comments.name], archives_end=last_day, feed=feed.name))
    return ArchiveFiles(
        submissions=submissions,
        comments=comments,
        broken_feed=feed,
        truth=truth,
        config=config,
        communities_n=len(world.communities),
        posts_n=posts_n,
        comments_n=comments_n,
        broken_lines_n=len(lines),
        broken_unusable_n=faults.total(),
        broken_faults=dict(sorted(faults.items())),
        last_observed_at=world.contributions[-1].created_at + observed_after,
    )


def _observed(
    contributions: Iterable[Contribution], observed_after: timedelta, *, is_feed_broken: bool
) -> list[Contribution]:
    return [
        one
        for one in contributions
        if one.community.is_feed_broken is is_feed_broken and is_visible_at(one, one.created_at + observed_after)
    ]


def _line(contribution: Contribution, observed_after: timedelta) -> bytes:
    return _json(record(contribution, contribution.created_at + observed_after))


def _json(content: dict[str, Any]) -> bytes:
    """As dumps have it: Reddit was not asked for ``raw_json``, so &, < and > are entities in all texts."""
    written = json.dumps(content, separators=(",", ":"))
    # In all of the JSON at once: neither its marks nor the names of fields hold such characters.
    return written.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode("ascii")


def _write_archive(path: Path, contributions: Iterable[Contribution], observed_after: timedelta) -> int:
    """Compress line by line; returns how many."""
    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    pieces: list[bytes] = []
    count = 0
    for contribution in contributions:
        pieces.append(compressor.compress(_line(contribution, observed_after) + b"\n"))
        count += 1
    pieces.append(compressor.flush())
    write_bytes(path, b"".join(pieces))
    return count


# ---- the broken feed -------------------------------------------------------


def _damaged_feed(
    contributions: Sequence[Contribution], observed_after: timedelta, *, seed: int
) -> tuple[list[bytes], Counter[str]]:
    """Lines as they arrived through the proxy, and unusable ones by kind of damage.

    Some records of every day are damaged, in ways that leave no time: nobody can say of which day they are, and gate 1
    stops what is taken from the file. The first record of a day is never among them.
    """
    rng = random.Random(f"{seed}/proxy")  # noqa: S311  (made-up damage, not a secret)
    lines: list[bytes] = []
    faults: Counter[str] = Counter()
    for _, of_day in groupby(contributions, key=lambda contribution: contribution.created_at.date()):
        whole = list(of_day)
        damaged_n = min(len(whole) - 1, max(1, round(len(whole) * _DAMAGED_SHARE)))
        damaged = frozenset(rng.sample(range(1, len(whole)), damaged_n)) if damaged_n else frozenset[int]()
        for place, contribution in enumerate(whole):
            if place not in damaged:
                lines.append(_line(contribution, observed_after))
                continue
            fault, arrived = _through_proxy(contribution, observed_after, rng)
            lines.extend(arrived)
            faults[fault] += len(arrived)
    return lines, faults


def _through_proxy(
    contribution: Contribution, observed_after: timedelta, rng: random.Random
) -> tuple[str, Sequence[bytes]]:
    """What became of a damaged record: the kind of damage, and the lines that arrived in its place."""
    chance = rng.random()
    if chance < 0.15:
        return "html_error_page", _ERROR_PAGE
    content = record(contribution, contribution.created_at + observed_after)
    if chance < 0.55:
        del content["created_utc"]
        return "missing_created_utc", (_json(content),)
    line = _json(content)
    return "truncated", (line[: int(len(line) * (0.2 + 0.6 * rng.random()))],)


# ---- what goes with it -----------------------------------------------------


def _truth_bytes(world: World, observed_after: timedelta) -> bytes:
    document = to_document(world.truth_observed(observed_after))
    return (json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def _config_bytes(world: World, archives: list[str], *, archives_end: date, feed: str) -> bytes:
    broken = next(community for community in world.communities if community.is_feed_broken)
    header = _CONFIG_HEADER.format(
        seed=world.seed, first_day=world.first_day, last_day=world.last_day, broken=broken.name
    )
    entries = [
        _entry(community, feed if community.is_feed_broken else archives)
        # Whoever makes a file knows what it holds, also where nobody wrote.
        | {"covers": {"from": world.first_day, "to": world.last_day if community.is_feed_broken else archives_end}}
        for community in world.communities
    ]
    body = yaml.safe_dump({"communities": entries}, sort_keys=False, allow_unicode=True, width=120)
    return (header + body).encode("utf-8")


def _entry(community: Community, path: str | list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "platform": "reddit",
        "name": community.name,
        "source": "reddit_archive",
        "path": path if isinstance(path, str) else list(path),
        "bot_accounts": list(community.bot_accounts),
    }
    if community.team_accounts:
        entry["team_accounts"] = list(community.team_accounts)
    return entry
