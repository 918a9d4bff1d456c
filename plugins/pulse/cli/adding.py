"""``pulse add`` and ``pulse init``: find out what somebody means, try it, say what it can see, and write it down."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pulse.config import recognising
from pulse.config.adding import entry_line
from pulse.config.document import parsed_yaml
from pulse.config.recognising import Candidate
from pulse.config.settings import Settings
from pulse.core.contract import OBSERVABLE
from pulse.core.errors import ConfigError, PulseError
from pulse.core.home import Home
from pulse.core.text import printable
from pulse.platforms.registry import platform_named
from pulse.sources.lines.entry import FileEntry

# What people call the columns that a source may or may not see.
_IN_WORDS = {
    "body": "texts", "title": "titles", "author_key": "who wrote (hashed)", "parent_id": "who answered whom",
    "score": "votes", "upvote_ratio": "share of upvotes", "reply_count": "counts of replies", "award_count": "awards",
    "view_count": "views", "share_count": "shares", "reactions": "reactions", "channel": "channels", "url": "links",
    "permalink": "where it stands", "edited_at": "edits", "is_accepted_answer": "accepted answers",
}  # fmt: skip
HEADING = """\
# What Community Pulse listens to. `pulse add ADDRESS` adds a community; unknown keys are refused.
# Every key is explained in docs/operations.md, what each source sees and may in docs/sources/.
#
# Of each entry: team_accounts (who speaks for you), bot_accounts (programs) and max_quarantined_share can be said.
communities:
"""


def keys_of(given: Sequence[str]) -> dict[str, Any]:
    """Keys of an entry from ``KEY=VALUE``; values are YAML.

    Raises:
        ConfigError: one has no ``=``, no key, or a value that is no YAML.
    """
    keys: dict[str, Any] = {}
    for one in given:
        key, mark, value = one.partition("=")
        try:
            keys[key] = parsed_yaml(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {one}", value=f"not YAML: {error}", next_step="quote it") from error
        if not mark or not key.isidentifier():
            raise ConfigError(f"--set {one}", limit="KEY=VALUE", next_step="for example --set query=espresso")
    return keys


def found(
    what: str, *, name: str | None, given: Mapping[str, Any], config: Path, home: Home, is_tried: bool
) -> tuple[Candidate, str]:
    """The entry that is meant, and what its platform said.

    Live candidates are asked one question each, likeliest first, until one answers.

    Args:
        is_tried: ask; without, the likeliest is taken as it is.

    Raises:
        ConfigError: nothing fits, or nothing that fits answers: the message says what each said.
    """
    candidates = recognising.candidates(what, name=name, given=given, folder=config.parent.resolve())
    if not is_tried:
        guesses = [one.source.name for one in candidates if candidates[0].is_guess]
        if len(guesses) > 1:
            raise ConfigError(
                "what this is", value=f"it may be {' or '.join(guesses)}", limit="one",
                next_step="let it be asked (without --no-check), or name the source: pulse add SOURCE NAME",
            )  # fmt: skip
        return candidates[0], "not asked"
    refusals = []
    for candidate in candidates:
        try:
            return candidate, _tried(candidate, config, home)
        except PulseError as error:
            refusals.append((candidate, error))
    if len(refusals) == 1:
        raise refusals[0][1]
    said = "; ".join(f"{one.source.name}: {error}" for one, error in refusals)
    raise ConfigError(
        "what this is", value=said, next_step="name the source: pulse add SOURCE NAME; --no-check asks nobody"
    )


def _tried(candidate: Candidate, config: Path, home: Home) -> str:
    """What the platform of a live candidate says to one question; of files, how many there are.

    Raises:
        PulseError: it does not answer, refuses, or there are no credentials to ask with.
    """
    if isinstance(candidate.entry, FileEntry) and not candidate.source.is_live:
        files = [file for path in candidate.entry.path for file in _files(path, config)]
        size_mb = sum(file.stat().st_size for file in files) / 1e6
        return f"{len(files)} {'file' if len(files) == 1 else 'files'}, {size_mb:,.1f} MB"
    from pulse.config.context import source_context
    from pulse.core import keys
    from pulse.core.clock import utc_now
    from pulse.sources import routes

    settings = Settings(communities=(candidate.entry,))
    return routes.probe(candidate.entry, source_context(home, settings, utc_now, keys.author_key_bytes(home)))


def _files(path: Path, config: Path) -> Sequence[Path]:
    absolute = path if path.is_absolute() else config.parent.resolve() / path
    return sorted(Path(absolute.anchor).glob(str(absolute.relative_to(absolute.anchor))))


def described(candidate: Candidate, answer: str) -> list[str]:
    """Lines that say what an entry is, sees, and may."""
    entry, terms = candidate.entry, platform_named(candidate.entry.platform).terms
    seen = entry.observes
    sees = [word for column, word in _IN_WORDS.items() if column in seen]
    lacks = [word for column, word in _IN_WORDS.items() if column in OBSERVABLE and column not in seen]
    rules = [
        "persons may be ranked" if terms.may_rank_persons else "persons are not ranked",
        *([f"deletions within {terms.delete_within_h} h"] if terms.delete_within_h else []),
        *([f"texts for {terms.keep_text_days} days"] if terms.keep_text_days else []),
        *([terms.remark] if terms.remark else []),
    ]
    return [
        f"{entry.entry_id}, through {candidate.source.name}",
        f"  answer   {answer}",
        f"  sees     {', '.join(sees) or 'what its mapping says'}",
        f"  not      {', '.join(lacks) or 'nothing that the contract knows'}",
        f"  days     {candidate.source.days}",
        f"  terms    {'; '.join(rules)} (docs/sources/README.md)",
    ]


def asked(
    say: Callable[[str], None], ask: Callable[[str], str], find: Callable[[str], tuple[Candidate, str]]
) -> list[Candidate]:
    """Candidates that somebody agreed to, in order; asks until nothing is named any more.

    Args:
        ask: puts a question and returns the answer, stripped.
        find: as :func:`found` does.
    """
    chosen: list[Candidate] = []
    while what := ask("An address, or a file of an export (nothing to end)"):
        try:
            candidate, answer = find(what)
        except PulseError as error:
            say(printable(error.for_terminal(), max_chars=1_000))
            continue
        for line in described(candidate, answer):
            say(printable(line, max_chars=500))
        if candidate.entry.entry_id in {one.entry.entry_id for one in chosen}:
            say("it is in the list already")
        elif ask("Listen to it? [Y/n]").casefold() in {"", "y", "yes"}:
            chosen.append(candidate)
    return chosen


def config_text(candidates: Sequence[Candidate]) -> str:
    """A config of these entries, with comments."""
    return HEADING + "".join(
        f"  # days: {printable(one.source.days)}\n  - {entry_line(one.keys)}\n" for one in candidates
    )
