"""Source ``facebook_download``: what an account wrote in a group, from "download your information" in JSON.

Layouts (read 2026-11-28: archives of 2018 to 2026)::

    posts/your_posts_1.json                                          [{…}, …]
    groups/group_posts_and_comments.json                             {"group_posts_v2": [{…}, …]}
    groups/your_comments_in_groups.json                              {"group_comments_v2": [{…}, …]}
    your_facebook_activity/groups/group_posts_and_comments.json      the same; the prefix varies
    groups/your_posts_and_comments_in_groups.json                    {"group_posts": {"activity_log_data": [{…}, …]}}
    comments_and_reactions/comments.json                             {"comments_v2": [{…}, …]}

    {"timestamp": 1570000000, "title": "… posted in GROUP.",
     "data": [{"post": "…"}, {"update_timestamp": 1570000100}], "attachments": […], "tags": […]}
    {"timestamp": …, "title": "…", "data": [{"comment": {"comment": "…", "author": "…", "group": "GROUP"}}]}

Text is UTF-8 that was read as Latin-1. Titles hold names, and nothing of them is kept; neither are attachments, tags,
places and the addresses from which pictures were sent.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pulse.core.errors import ArchiveUnreadable
from pulse.core.window import Window
from pulse.lake.landing import Load
from pulse.platforms.facebook_groups import FACEBOOK_GROUPS
from pulse.sources.context import SourceContext
from pulse.sources.facebook.entry import OBSERVES, FacebookDownloadEntry
from pulse.sources.lines import archive, documents, ndjson
from pulse.sources.lines.entry import FileEntry
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import ByteStream
from pulse.sources.lines.prepared import Prepared, PreparedMapping, microseconds
from pulse.sources.lines.zipped import is_zip, opened_zip

SOURCE = "facebook_download"
VERSION = 2
# Of another group, or of no group at all: such items are counted as lines outside, and nothing of them is kept.
ELSEWHERE = "(elsewhere)"
_FILES = ("group_posts_and_comments", "your_posts", "your_comments_in_groups", "comments", "posts_in_groups")
_ARRAYS = {
    "": "post",
    "group_posts": "post",
    "group_posts_v2": "post",
    "group_posts.activity_log_data": "post",
    "group_comments": "comment",
    "group_comments_v2": "comment",
    "group_comments.activity_log_data": "comment",
    "comments": "comment",
    "comments_v2": "comment",
}
_KNOWN_KEYS = frozenset({"timestamp", "title", "data", "attachments", "tags", "name"})

_Opened = Callable[[], AbstractContextManager[ByteStream]]


def mapping(entries: Sequence[FileEntry], author_key: bytes, path: Path) -> PreparedMapping:  # noqa: ARG001
    """What the items of a download mean to the entry."""
    entry = entries[0]
    if not isinstance(entry, FacebookDownloadEntry):
        raise TypeError(type(entry).__name__)
    return PreparedMapping(
        platform=FACEBOOK_GROUPS.name,
        source=SOURCE,
        version=VERSION,
        author_key=author_key,
        observes=OBSERVES,
        record_limit="an item with timestamp and title",
        read=_Download(entry, author_key).read,
    )


def extract(entry: FacebookDownloadEntry, window: Window, context: SourceContext) -> list[Load]:
    """Land the account's items of the group that were created in the window: one load, which proves no day.

    Raises:
        ConfigError, DayNotServable, SourceError, LockBusy, StorageError: see
            :func:`pulse.sources.lines.archive.extract`.
    """
    return [archive.extract(entry, window, context)]


class _Download:
    """Reading for one group."""

    def __init__(self, entry: FacebookDownloadEntry, author_key: bytes) -> None:
        self._community = entry.community
        self._names = frozenset(entry.names)
        self._endings = entry.endings
        # Ids are made of what nobody may read back, such as a title with names in it.
        self._id_key = hashlib.sha256(b"pulse facebook ids\x00" + author_key).digest()

    def read(self, path: Path) -> Iterator[Prepared | FileStatement]:
        """The items of all files of a download, and that it proves nothing of the group.

        Raises:
            ArchiveUnreadable: it holds no such file, or one that is damaged.
        """
        is_seen, is_any, lacking = False, False, []
        with _files(path) as files:
            for name, opened in files.items():
                arrays = [array for array in documents.arrays_of(path, opened=opened) if array in _ARRAYS]
                is_any |= bool(arrays)
                if not arrays:
                    lacking.append(f"{name}: not understood")
                for array in arrays:
                    records = documents.Records(path, array=array, opened=opened)
                    for item in records:
                        prepared = self._prepared(item, _ARRAYS[array])
                        is_seen |= prepared.community == self._community
                        yield prepared
                    if records.is_cut_off:
                        lacking.append(f"{name}: cut off")
        if not is_any:
            raise ArchiveUnreadable(
                f"archive {path}",
                value="no posts or comments of groups in it",
                limit="a download in the format JSON, or its files group_posts_and_comments.json and others",
                next_step="ask for the download again as JSON, not HTML, or take the file out of `path`",
            )
        yield FileStatement(
            # Where nothing is of the group, its name is not in the file: it may be spelt otherwise.
            community=self._community if is_seen else ELSEWHERE,
            part="download",
            kinds=("post", "comment"),
            first_s=None,
            end_s=None,
            partial_reason="; ".join(dict.fromkeys(lacking)) or None,
        )

    def _prepared(self, item: object, kind: str) -> Prepared:
        if not isinstance(item, dict):
            return Prepared(None, fault="not_an_object", detail=type(item).__name__)
        parts = [part for part in _list(item.get("data")) if isinstance(part, dict)]
        comments = [part["comment"] for part in parts if isinstance(part.get("comment"), dict)]
        title = _repaired(item.get("title"))
        created_us = microseconds(item.get("timestamp"))
        if not title and not parts:
            return Prepared(None, created_us=created_us, fault="unknown_form", detail="neither title nor data")
        if comments and not any("post" in part for part in parts):
            kind = "comment"  # some layouts list both together
        if not self._is_of_group(title, comments):
            return Prepared(ELSEWHERE, id="elsewhere", kind=kind, thread_id="elsewhere", created_us=created_us)
        written = comments if kind == "comment" else parts
        texts = [_repaired(part.get("comment" if kind == "comment" else "post")) for part in written]
        body = "\n".join(text for text in texts if text) or None
        made_id = self._made_id(kind, item.get("timestamp"), title, body)
        thread_id = f"{made_id}_thread" if kind == "comment" else made_id
        return Prepared(
            self._community,
            id=made_id,
            kind=kind,
            # Which post a comment hangs from is not told: each stands for itself.
            thread_id=thread_id,
            parent_id=thread_id if kind == "comment" else None,
            created_us=created_us,
            edited_us=max(
                (found for part in parts if (found := microseconds(part.get("update_timestamp")))), default=None
            ),
            body=body,
            unknown_keys=tuple(key for key in item if key not in _KNOWN_KEYS),
        )

    def _is_of_group(self, title: str, comments: Sequence[dict[str, Any]]) -> bool:
        if any(_repaired(comment.get("group")) in self._names for comment in comments):
            return True
        return any(title.endswith(ending) and not title[: -len(ending)][-1:].isalnum() for ending in self._endings)

    def _made_id(self, kind: str, timestamp: object, title: str, body: str | None) -> str:
        made_of = json.dumps([kind, str(timestamp), title, body]).encode("utf-8", "surrogatepass")
        return "made_" + hmac.new(self._id_key, made_of, hashlib.sha256).hexdigest()[:32]


@contextmanager
def _files(path: Path) -> Iterator[dict[str, _Opened]]:
    """The files of a download that may hold items, by their names within it."""
    if not is_zip(path):
        yield {path.name: partial(ndjson.opened, path)}
        return
    with opened_zip(path) as members:
        yield {name: partial(members.opened, name) for name in members.names if _may_hold_items(name)}


def _may_hold_items(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() == ".json" and path.stem.lower().startswith(_FILES)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _repaired(value: object) -> str:
    """The text as it was written: its UTF-8 was read as Latin-1. What does not look like that stays as it is."""
    if not isinstance(value, str):
        return ""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
