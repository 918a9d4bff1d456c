"""Exports of chats and tables to sealed Parquet, against the library that reads the same bytes and does nothing else.

- Discord: CPU seconds of staging, against ``ijson.items`` over the same files.
- A table: CPU seconds of staging a CSV, against DuckDB's own copy of that CSV to Parquet, all of its columns.
"""

import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, in_own_process, measured

LIMIT_DISCORD_CPU_RATIO = 4.0
LIMIT_TABLE_CPU_RATIO = 2.5
MESSAGES_N = 500_000
ROWS_N = 1_000_000
_CHANNELS_N = 5
_TEXT = """the a to and of it is that this for with have but just like not was on so what kettle tea leaf steep brew
mug cold water temperature thermometer gaiwan first time tried yesterday really loved cannot find shipping arrived
broken does anybody know where gift mother recommended cheaper elsewhere 😀 👍 naïve café — “quoted” "said" """
_WORDS = _TEXT.split()
_STARTED_AT = datetime(2024, 1, 1, tzinfo=UTC)
_SNOWFLAKE_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


def run(folder: Path, messages_n: int = MESSAGES_N, rows_n: int = ROWS_N) -> list[str]:
    """Measure both; returns lines to show."""
    exports, table = folder / f"discord-{messages_n}", folder / f"table-{rows_n}.csv"
    if not exports.exists():
        write_discord(exports, messages_n)
    if not table.exists():
        write_table(table, rows_n)
    repeat = 3 if messages_n <= 50_000 else 1
    lines = ["## Exports and tables to sealed Parquet (peers: ijson; DuckDB's CSV to Parquet), CPU seconds", ""]
    lines += ["| what | step | wall s | CPU s | peak MB | CPU / peer | limit |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for what, path, peer_function, function, limit in (
        (f"Discord, {messages_n:,} messages", exports, "parse", "stage_discord", LIMIT_DISCORD_CPU_RATIO),
        (f"CSV, {rows_n:,} rows", table, "copy_table", "stage_table", LIMIT_TABLE_CPU_RATIO),
    ):
        peer = in_own_process(f"benchmarks.exports:{peer_function}", str(path), repeat=repeat)
        ours = in_own_process(f"benchmarks.exports:{function}", str(path), repeat=repeat)
        lines += [_row(what, "peer", peer, peer, ""), _row(what, "stage", ours, peer, f"{limit:g} x")]
    return lines


def _row(what: str, step: str, cost: Cost, peer: Cost, limit: str) -> str:
    ratio = f"{cost.cpu_s / peer.cpu_s:.2f}"
    return f"| {what} | {step} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} | {cost.peak_mb:.0f} | {ratio} | {limit} |"


# ---- made-up data ------------------------------------------------------------


def write_discord(folder: Path, messages_n: int) -> None:
    """Exports in the shape of DiscordChatExporter 2.4x: one per channel, indented, with authors and reactions."""
    draft = folder.with_name(f".{folder.name}.tmp")
    draft.mkdir(parents=True)
    for channel in range(_CHANNELS_N):
        _write_channel(draft / f"Bench - general [{channel}].json", channel, messages_n // _CHANNELS_N)
    draft.rename(folder)


def _write_channel(path: Path, channel: int, messages_n: int) -> None:
    chance = random.Random(channel)  # noqa: S311  (made-up data)
    channel_id = _snowflake(_STARTED_AT, channel)
    head = {
        "guild": {"id": _snowflake(_STARTED_AT, 99), "name": "Bench", "iconUrl": "https://cdn.example/icon.png"},
        "channel": {
            "id": channel_id, "type": "GuildTextChat", "categoryId": "1", "category": "Rooms",
            "name": "general", "topic": None,
        },
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2025-12-31T00:00:00.0000000+00:00",
    }  # fmt: skip
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=2)[:-2] + ',\n  "messages": [\n')
        last_id = ""
        for number in range(messages_n):
            record = _message(chance, number, channel_id, last_id)
            last_id = str(record["id"])
            text = json.dumps(record, indent=2, ensure_ascii=False)
            file.write(text.replace("\n", "\n    ") + (",\n" if number + 1 < messages_n else "\n"))
        file.write(f'  ],\n  "messageCount": {messages_n}\n}}')


def _message(chance: random.Random, number: int, channel_id: str, last_id: str) -> dict[str, Any]:
    at = _STARTED_AT + timedelta(seconds=60 * number + chance.randrange(60))
    person = _snowflake(_STARTED_AT - timedelta(days=9), chance.randrange(3_000))
    author = {
        "id": person, "name": f"name{person[-5:]}", "discriminator": "0000", "nickname": "Nick", "color": None,
        "isBot": False, "roles": [{"id": "9", "name": "Member", "color": "#3498DB", "position": 4}],
        "avatarUrl": f"https://cdn.discordapp.com/avatars/{person}/0123456789abcdef0123456789abcdef.png?size=512",
    }  # fmt: skip
    record: dict[str, Any] = {
        "id": _snowflake(at, number), "type": "Default", "timestamp": at.isoformat(timespec="milliseconds"),
        "timestampEdited": None, "callEndedTimestamp": None, "isPinned": False,
        "content": " ".join(chance.choices(_WORDS, k=1 + int(chance.expovariate(1 / 12)))), "author": author,
        "attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": [], "inlineEmojis": [],
    }  # fmt: skip
    if chance.random() < 0.2 and last_id:
        record |= {"type": "Reply", "reference": {"messageId": last_id, "channelId": channel_id, "guildId": "1"}}
        record["mentions"] = [author]
    if chance.random() < 0.1:
        emoji = {
            "id": "",
            "name": "👍",
            "code": "thumbsup",
            "isAnimated": False,
            "imageUrl": "https://cdn.example/x.svg",
        }
        record["reactions"] = [{"emoji": emoji, "count": 2, "users": [author, author]}]
    return record


def _snowflake(at: datetime, number: int) -> str:
    return str((int((at - _SNOWFLAKE_EPOCH).total_seconds() * 1_000) << 22) + number)


def write_table(path: Path, rows_n: int) -> None:
    """A CSV of posts and comments: 12 columns, of which the mapping reads 10."""
    chance = random.Random(7)  # noqa: S311  (made-up data)
    draft = path.with_name(f".{path.name}.tmp")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write("id,thread,kind,at,author,title,text,link,likes,loves,comments,shares\n")
        for number in range(rows_n):
            at = _STARTED_AT + timedelta(seconds=30 * number)
            text = " ".join(chance.choices(_WORDS, k=1 + int(chance.expovariate(1 / 15)))).replace('"', '""')
            is_post = number % 5 == 0
            row = (
                f"p_{number}", f"p_{number - number % 5}", "post" if is_post else "comment", f"{at:%Y-%m-%d %H:%M:%S}",
                f"person {chance.randrange(5_000)}", '"A title, quoted"' if is_post else "", f'"{text}"',
                f"https://example.org/{number}", str(chance.randrange(90)), str(chance.randrange(9)), "0", "",
            )  # fmt: skip
            file.write(",".join(row) + "\n")
    draft.rename(path)


# ---- what is measured ----------------------------------------------------------


def parse(folder: str) -> Cost:
    """Every message as Python objects, and nothing done with them."""
    import ijson

    with measured() as cost:
        for path in sorted(Path(folder).iterdir()):
            with path.open("rb") as file:
                for _ in ijson.items(file, "messages.item", use_float=True):
                    pass
    return cost()


def stage_discord(folder: str) -> Cost:
    """Read the exports into sealed chunks."""
    entry = {"platform": "discord", "name": "Bench", "source": "discord_export"}
    return _staged(sorted(Path(folder).iterdir()), entry)


def copy_table(path: str) -> Cost:
    """DuckDB's copy of the whole table, as its manual shows it."""
    import duckdb

    with (
        tempfile.TemporaryDirectory(dir=Path(path).parent) as folder,
        measured() as cost,
        duckdb.connect(config={"threads": "2"}) as connection,
    ):
        connection.execute(f"copy (from '{path}') to '{folder}/out.parquet' (format parquet)")
    return cost()


def stage_table(path: str) -> Cost:
    """Read the table into sealed chunks."""
    columns = {
        "contribution_id": "id", "thread_id": "thread", "kind": "kind", "author": "author", "title": "title",
        "body": "text", "url": "link", "reply_count": "comments", "share_count": "shares",
        "created_at": {"column": "at", "time": "%Y-%m-%d %H:%M:%S", "zone": "UTC"},
        "reactions": {"columns": {"like": "likes", "love": "loves"}},
    }  # fmt: skip
    entry = {"platform": "bench", "name": "bench", "source": "tabular", "table": {"columns": columns}}
    return _staged([Path(path)], entry)


def _staged(paths: list[Path], facts: dict[str, Any]) -> Cost:
    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.sources.lines import staging
    from pulse.sources.lines.entry import FileEntry

    settings = Settings(communities=({**facts, "path": paths},))
    [entry] = settings.communities
    if not isinstance(entry, FileEntry):
        raise TypeError(type(entry).__name__)
    with tempfile.TemporaryDirectory(dir=paths[0].parent.parent) as folder:
        context = source_context(Home(Path(folder)).create(), settings, utc_now, b"key-for-benchmarks")
        with measured() as cost:
            for path in paths:
                staging.stage(path, [entry], context)
    return cost()
