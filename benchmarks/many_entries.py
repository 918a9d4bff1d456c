"""500 entries of all platforms on a home that holds nothing yet: what `doctor` and the plan of a daily run take.

Files are small exports; live sources are planned, and asked nothing.
"""

import json
import os
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, in_own_process, measured

ENTRIES_N = 500
LIMITS_CPU_S = {"doctor": 3.0, "plan": 5.0}
DAY = date(2026, 6, 9)
_LIVE: tuple[dict[str, Any], ...] = (
    {"platform": "reddit", "source": "reddit_api", "name": "tea{n}"},
    {"platform": "reddit", "source": "arctic_shift", "name": "archived{n}"},
    {"platform": "hacker_news", "source": "hacker_news", "name": "query{n}", "query": "word{n}"},
    {"platform": "discourse", "source": "discourse", "name": "forum{n}.example.org"},
    {"platform": "lemmy", "source": "lemmy", "name": "tea@instance{n}.example"},
    {"platform": "mastodon", "source": "mastodon", "name": "#tea@instance{n}.example"},
    {"platform": "stack_exchange", "source": "stack_exchange", "name": "tag{n}@stackoverflow"},
    {
        "platform": "bluesky", "source": "bluesky", "name": "feed{n}",
        "feed": "at://did:plc:made/app.bsky.feed.generator/feed{n}",
    },
    {"platform": "discord", "source": "discord_bot", "name": "1000000000000{n:05}"},
)  # fmt: skip
_FILES: tuple[dict[str, Any], ...] = (
    {"platform": "telegram", "source": "telegram_export", "name": "chat{n}", "path": "{folder}/telegram-{n}.json"},
)
_KEYS = {
    "PULSE_REDDIT_CLIENT_ID": "made-up", "PULSE_REDDIT_CLIENT_SECRET": "made-up", "PULSE_DISCORD_BOT_TOKEN": "made-up",
}  # fmt: skip


def run(folder: Path, entries_n: int = ENTRIES_N) -> list[str]:
    """Measure both; returns lines to show."""
    lines = [
        f"## {entries_n} entries of all platforms on an empty home",
        "",
        "| command | CPU s | limit |",
        "| --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory(dir=folder) as root:
        for name, limit_s in LIMITS_CPU_S.items():
            cost = in_own_process(f"benchmarks.many_entries:{name}", root, entries_n)
            lines.append(f"| {name} | {cost.cpu_s:.2f} | {limit_s * entries_n / ENTRIES_N:.1f} |")
    return lines


def doctor(root: str, entries_n: int) -> Cost:
    """All that `pulse doctor` looks at, but for the network."""
    from pulse.cli import doctor as command

    home, _ = _home_and_settings(root, entries_n)
    with measured() as cost:
        command.examine(home)
    return cost()


def plan(root: str, entries_n: int) -> Cost:
    """The first step of a daily run."""
    from pulse.core.window import Window
    from pulse.steps.pipeline import Pipeline

    home, settings = _home_and_settings(root, entries_n)
    pipeline = Pipeline(home, settings, lambda: datetime(DAY.year, DAY.month, DAY.day + 1, 1, tzinfo=UTC))
    with measured() as cost:
        pipeline.plan(Window.one_day(DAY))
    return cost()


def _home_and_settings(root: str, entries_n: int) -> tuple[Any, Any]:
    from pulse.config.settings import Settings
    from pulse.core.home import Home

    os.environ |= _KEYS
    home = Home(Path(root) / "home").create()
    kinds = (*_LIVE, *_FILES)
    entries = []
    for number in range(entries_n):
        facts = kinds[number % len(kinds)]
        entries.append({key: value.format(n=number, folder=root) for key, value in facts.items()})
        if "path" in facts:
            _write_telegram(Path(entries[-1]["path"]), number)
    policies = {facts["source"]: {"max_calls_per_run": 1_000_000} for facts in _LIVE}
    config = Path(root) / "config.yml"
    config.write_text(json.dumps({"communities": entries, **policies}), encoding="utf-8")  # which is YAML as well
    os.environ |= {"PULSE_CONFIG": str(config), "PULSE_HOME": str(home.root)}
    return home, Settings.model_validate({"communities": entries, **policies})


def _write_telegram(path: Path, number: int) -> None:
    message = {
        "id": 1, "type": "message", "date": "2026-06-09T12:00:00", "date_unixtime": "1780963200", "from": "A",
        "from_id": f"user{number}", "text": "Words.",
    }  # fmt: skip
    chat = {"name": f"chat{number}", "type": "public_supergroup", "id": number, "messages": [message]}
    path.write_text(json.dumps(chat), encoding="utf-8")
