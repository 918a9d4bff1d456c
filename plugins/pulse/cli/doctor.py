"""What a new user, or somebody at night, wants checked first. Each check says what it found and what to do next."""

import functools
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pulse.config.document import config_path
from pulse.config.lake import VARIABLE, lake_of_config
from pulse.config.listening import Listening, explained, explained_alerts
from pulse.config.settings import Settings, load_settings
from pulse.core import keys, progress
from pulse.core.credentials import Credentials
from pulse.core.errors import PulseError
from pulse.core.home import Home
from pulse.lake import snapshot
from pulse.lake.store import open_store
from pulse.platforms.entry import CommunityEntry
from pulse.sources.lines.entry import FileEntry
from pulse.sources.protocol import Source
from pulse.sources.registry import SOURCES, live_sources

Level = Literal["ok", "warn", "fail"]
_PACKAGES = ("apache-airflow", "praw", "dbt-core", "dbt-duckdb", "duckdb", "great-expectations")
# A list of words that matches more of all texts finds talk, not a topic.
_MOST_SHARE = 0.2
_MIN_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and the next step if it is not well."""

    check: str
    level: Level
    found: str
    next_step: str = ""


def examine(home: Home, *, is_deep: bool = False, is_online: bool = False) -> list[Finding]:
    """Run all checks, in the order in which they matter. Makes the home and the author key if there are none.

    Args:
        is_deep: read every value of every file that the home keeps, to find damage.
        is_online: ask each platform that an entry is asked live at one question for each of its addresses.
    """
    checks: tuple[tuple[str, Callable[[Home], Finding]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("home", _home),
        ("disk", _disk),
        ("author key", _author_key),
        ("config", _config),
        ("dag files", _dag_files),
        ("sources", _sources),
    )
    _settings_of.cache_clear()
    return [
        *(_guarded(name, check, home) for name, check in checks),
        *_lake(home),
        *_live_sources(home, is_online=is_online),
        *_coverage(home),
        *_listening(home),
        *_files(home, is_deep=is_deep),
    ]


def _coverage(home: Home) -> list[Finding]:
    """What is known of less than it seems: names that match nothing, edges that may be declared, days to load again."""
    from pulse.config.context import source_context
    from pulse.core.clock import utc_now
    from pulse.sources.lines.review import review
    from pulse.steps import coverage_of_before

    try:
        settings = _settings_of(home)
        context = source_context(home, settings, utc_now, keys.author_key_bytes(home))
        remarks = review(context)
        not_derived = coverage_of_before.not_derived_yet(home)
        to_load_again = coverage_of_before.still_to_load_again(home)
        profiles_n = coverage_of_before.profiles_kept_by_name(home)
    except PulseError:  # the checks of the configuration and of the key tell
        return []
    found = [Finding("coverage", "warn", f"{one.entry_id}: {one.found}", one.next_step) for one in remarks]
    if not_derived:
        found.append(
            Finding(
                "coverage", "warn",
                f"{sum(not_derived.values())} days of {len(not_derived)} entries were loaded by a version without "
                "coverage, and what is published is of that version",
                "pulse rebuild: it derives what outcomes and files can prove; then `pulse doctor` names the rest",
            )
        )  # fmt: skip
    if profiles_n:
        found.append(
            Finding(
                "profiles", "warn",
                f"{profiles_n} communities are an account's own page, kept under its name by an earlier version",
                "run the days of the entry `*` again, all of them: they go then",
            )
        )  # fmt: skip
    found += [_to_load_again(settings, entry_id, days) for entry_id, days in to_load_again.items()]
    return found or [Finding("coverage", "ok", "nothing to declare or to load again, as far as files were read")]


def _listening(home: Home) -> list[Finding]:
    """What was understood of the config's ``listening:``; nothing where it says nothing."""
    try:
        settings = _settings_of(home)
    except PulseError:  # the check of the configuration tells
        return []
    listening: Listening = settings.listening
    if listening.is_empty:
        return []
    counted = (
        ("brands", listening.brands), ("own communities", listening.own_communities), ("offers", listening.offers),
        ("interests", listening.interests), ("launches", listening.launches),
    )  # fmt: skip
    said = ", ".join(f"{len(items)} {what}" for what, items in counted if items)
    found = [Finding("listening", "ok", said)] if said else []
    found += [Finding("listening", "ok", explained(brand)) for brand in listening.brands]
    if listening.alerts is not None:
        found.append(Finding("alerts", "ok", explained_alerts(listening, len(settings.notify))))
    if listening.brands and not any(brand.ours for brand in listening.brands):
        found.append(
            Finding(
                "listening", "warn", "no brand is ours, so all are competitors",
                "say `ours: true` for the brand that this is about",
            )
        )  # fmt: skip
    return [*found, *_common_words(home, listening)]


def _common_words(home: Home, listening: Listening) -> list[Finding]:
    """Lists of words that match so many texts that they tell nothing apart, by a look at the latest texts."""
    from pulse.listening import word_lists

    try:
        shares = word_lists.shares(home, listening)
    except PulseError:  # the check of files tells
        return []
    return [
        Finding(
            "listening", "warn",
            f"{one.where} matches {one.share:.0%} of the latest {one.texts_n} texts, over {_MOST_SHARE:.0%}",
            "leave out the words that stand in any text, or write phrases",
        )
        for one in shares
        if one.share > _MOST_SHARE
    ]  # fmt: skip


def _to_load_again(settings: Settings, entry_id: str, days: Sequence[date]) -> Finding:
    """Days of which nothing could be derived, and how they can be loaded again."""
    first, last = min(days), max(days)
    entry = next((one for one in settings.communities if one.entry_id == entry_id), None)
    if isinstance(entry, FileEntry) and entry.path:
        way = "if its files hold all of them and show nothing, say so by `covers`; then load them again"
    elif entry is not None:
        way = "its source reaches back days only: give an archive that holds them as its `path`, then"
    else:
        way = "it is in the config no longer: if an archive holds them, add an entry with that `path`, then"
    return Finding(
        "coverage", "warn",
        f"{entry_id}: {len(days)} days were loaded before there was coverage: what was looked at is not known",
        f"{way}, first and last: pulse backfill --from {first} --to {last}",
    )  # fmt: skip


def _files(home: Home, *, is_deep: bool) -> list[Finding]:
    """One finding per damaged file; one for all where there is none."""
    from pulse.reading import damage

    found = [
        # What heals by itself asks for nothing but a run.
        Finding("files", "warn" if one.loss is None else "fail", f"{one.file} is damaged: {one.fault}", one.way_back)
        for one in damage.find(home, is_deep=is_deep)
    ]
    gone_n = len(damage.set_aside_before(home))
    gone = f"; {gone_n} set aside before, see {home.root / 'damaged'}" if gone_n else ""
    looked = "all of raw, scores, quality, kpi, warehouse and published" if is_deep else (
        "databases, frozen months, outcomes and gate results; --deep reads raw and scores too"
    )  # fmt: skip
    return found or [Finding("files", "ok", f"whole: {looked}{gone}")]


def _guarded(name: str, check: Callable[[Home], Finding], home: Home) -> Finding:
    try:
        return check(home)
    except OSError as error:
        return Finding(name, "fail", f"{error.filename or home.root}: {error.strerror}", "mend its permissions")
    except PulseError as error:
        return _refused(name, error)


def _refused(name: str, error: PulseError) -> Finding:
    found = error.thing if error.value is None else f"{error.thing}: {error.value}"
    return Finding(name, "fail", found, error.next_step)


def _python(_: Home) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    is_known = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding("python", "ok" if is_known else "fail", found, "" if is_known else "use Python 3.11, 3.12 or 3.13")


def _packages(_: Home) -> Finding:
    missing, found = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "make install")
    return Finding("packages", "ok", ", ".join(found))


def _home(home: Home) -> Finding:
    home.create()
    probe = home.scratch / f".probe-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Finding("home", "fail", f"{home.root}: {error.strerror}", "set PULSE_HOME to a writable folder")
    return Finding("home", "ok", str(home.root))


def _lake(home: Home) -> list[Finding]:
    """Of a lake that lives in a store; nothing where it is the home's own."""
    try:
        url = _lake_url(home)
    except PulseError as error:
        # What else is wrong with the config, its own check tells.
        return [_refused("lake", error)] if os.environ.get(VARIABLE) else []
    return [] if url is None else [_guarded("lake", functools.partial(_state_of_lake, url), home)]


def _lake_url(home: Home) -> str | None:
    try:
        return _settings_of(home).lake
    except PulseError:  # the part about the lake may be sound
        return lake_of_config()


def _state_of_lake(url: str, home: Home) -> Finding:
    """What counts in the store; a request or two."""
    place = ""

    def ask(kind: type[Credentials]) -> Credentials:
        nonlocal place
        given, place = _credentials(kind, home)
        return kind.require(given)

    store = open_store(url, ask)
    by = f", with the key from {place}" if place else ""
    state = snapshot.latest(store)
    if not state.state_n:
        return Finding(
            "lake", "ok", f"{store.url}{by}: nothing is there yet; the next step puts this home's lake there"
        )
    found = f"{store.url}{by}: state {state.state_n}, {len(state.files)} files, {state.bytes_n / 1e6:.1f} MB"
    if store.keeps_versions():
        return Finding(
            "lake", "warn", f"{found}; the bucket keeps versions, so what is erased can still be read there",
            "`pulse lake copy … --purge-versions`, or a rule of the bucket's lifecycle",
        )  # fmt: skip
    return Finding("lake", "ok", found)


def _disk(home: Home) -> Finding:
    free_bytes = shutil.disk_usage(home.root).free
    found = f"{free_bytes / 1024**3:.1f} GiB free"
    if free_bytes < _MIN_FREE_BYTES:
        return Finding("disk", "warn", found, "free some: `pulse prune`; publishing needs twice the marts' size")
    return Finding("disk", "ok", found)


def _author_key(home: Home) -> Finding:
    was_known = keys.has_fingerprint(home)
    key = keys.author_key_bytes(home)
    place = "PULSE_AUTHOR_KEY" if os.environ.get("PULSE_AUTHOR_KEY") else str(home.author_key_file)
    found = f"{len(key)} bytes in {place}; keep a backup, losing it means a full reload"
    if not was_known:
        found += f"; its fingerprint is kept from now on in {keys.fingerprint_file(home)}, and another key is refused"
    if keys.is_readable_by_others(home):
        return Finding("author key", "warn", f"{found}; other accounts may read it", f"chmod 600 {place}")
    return Finding("author key", "ok", found)


@functools.lru_cache(maxsize=1)
def _settings_of(home: Home) -> Settings:
    """Read once for all checks: with thousands of communities that takes seconds."""
    return load_settings(home=home)


def _config(home: Home) -> Finding:
    settings = _settings_of(home)
    files_n = sum(len(entry.path) for entry in settings.communities if isinstance(entry, FileEntry))
    return Finding("config", "ok", f"{config_path()}: {len(settings.communities)} communities, {files_n} files")


def _dag_files(_: Home) -> Finding:
    from pulse.core.home import REPOSITORY

    files = sorted(file.name for file in (REPOSITORY / "dags").glob("*.py"))
    if not files:
        return Finding("dag files", "fail", f"none under {REPOSITORY / 'dags'}", "check out the repository whole")
    return Finding("dag files", "ok", ", ".join(files))


def _sources(home: Home) -> Finding:
    without = sorted(
        source.name for source in SOURCES.values() if source.credentials is None or source.credentials.is_optional
    )
    return Finding(
        "sources",
        "ok",
        f"configured: {', '.join(_sources_used(home)) or 'none'}. Without any account: {', '.join(without)}",
    )


def _sources_used(home: Home) -> list[str]:
    try:
        return sorted({entry.source for entry in _settings_of(home).communities})
    except PulseError:  # the check of the configuration tells
        return []


def _live_sources(home: Home, *, is_online: bool) -> list[Finding]:
    """Those that are used: their credentials, and what they answer if they are to be asked."""
    used = _sources_used(home)
    found = []
    for source in live_sources():
        if source.name in used:
            check = source.name.replace("_", " ")
            found.append(_guarded(check, functools.partial(_live, source), home))
            if is_online and found[-1].level == "ok":
                found += _answers(source, home)
    return found


def _answers(source: Source, home: Home) -> list[Finding]:
    """What each of its entries is answered with, in the order of the config."""
    from pulse.config.context import source_context
    from pulse.core.clock import utc_now
    from pulse.sources import routes

    def ask(kind: type[Credentials]) -> Credentials:
        return kind.require(_credentials(kind, home)[0])

    settings = _settings_of(home)
    context = source_context(home, settings, utc_now, keys.author_key_bytes(home), ask)
    entries = [entry for entry in settings.communities if entry.source == source.name]

    def said(entry: CommunityEntry, _: Home) -> Finding:
        return Finding("online", "ok", f"{entry.entry_id}: {routes.probe(entry, context)}")

    asked = progress.over(entries, f"asking {source.name.replace('_', ' ')}", "communities")
    return [_guarded("online", functools.partial(said, entry), home) for entry in asked]


def _live(source: Source, home: Home) -> Finding:
    """Whether a live source has credentials. Nothing is sent: whether its platform takes them, `--online` says."""
    check = source.name.replace("_", " ")
    kind = source.credentials
    if kind is None:
        return Finding(check, "ok", "needs no credentials")
    given, place = _credentials(kind, home)
    if given is None and kind.is_optional:
        return Finding(check, "ok", f"asks without credentials: {kind.way_to_get}")
    if given is None:
        return Finding(
            check, "fail", f"no credentials, neither in PULSE_{kind.section}_* nor in {place}", kind.way_to_get
        )
    elsewhere = f", asking {given.asked_url}" if given.asked_url else ""
    return Finding(check, "ok", f"{given.grant}, from {place}{given.shown}{elsewhere}")


def _credentials(kind: type[Credentials], home: Home) -> tuple[Credentials | None, str]:
    """What a task would be given, and where it was looked for last."""
    if (given := kind.from_environment()) is not None:
        return given, "the environment"
    return _stored_in_airflow(kind, home), f"Airflow's connection {kind.connection_id()}"


def _stored_in_airflow(kind: type[Credentials], home: Home) -> Credentials | None:
    """Airflow is started only here, where nothing nearer says and it can know any: that takes seconds."""
    from pulse.orchestration import environment

    if not environment.may_hold_connections(home):
        return None
    environment.apply_for_embedded_runs(home)
    from pulse.orchestration.connections import stored_credentials

    return stored_credentials(kind)
