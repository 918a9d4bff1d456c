"""Calls that Reddit is asked for against the naive way, and how fast its answers become rows, against its own limit.

Both ways really ask, through PRAW, the same sandbox at the same simulated hour, and the sandbox counts. The naive way
is what PRAW's own documentation leads to: page through new posts, then ask for the tree of each and for all that its
stubs stand for; to look again, it asks for the trees of that day's posts again.
"""

import json
import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, in_own_process, measured
from benchmarks.pushshift_lines import lines
from pulse.sandbox.ids import base36

if TYPE_CHECKING:
    import praw

    from pulse.core.home import Home
    from pulse.sandbox.reddit_catalogue import Item, ListingKind
    from pulse.sandbox.reddit_data import RedditData
    from pulse.sandbox.server import SandboxServer
    from pulse.sources.reddit.client import Answer
    from pulse.sources.reddit.credentials import RedditCredentials

LIMIT_CALLS_RATIO = 1 / 3
LIMIT_NORMAL_SEEN_SHARE = 0.98
# A hundred calls a minute, a hundred contributions a call.
REDDIT_ROWS_PER_S = 100 * 100 / 60
DAY = date(2026, 7, 15)
RUN_AT = datetime(2026, 7, 16, 0, 30, tzinfo=UTC)
AGAIN_AGES_D = (1, 3, 7, 30)
PAGE_ITEMS = 100
LISTED_ITEMS = 1_000
LISTEN_EVERY_H = 1
_START_S = datetime(2026, 7, 15, tzinfo=UTC).timestamp()
_DAY_S = 86_400
_KEY = b"key-for-benchmarks"


def run(folder: Path, *, busy_comments_n: int, pages_n: int, repeat: int) -> list[str]:
    """Measure; returns lines to show.

    Args:
        busy_comments_n: a day of the busy community; more than the 1,000 that a listing shows.
        pages_n: recorded pages to map; the median of ``repeat`` runs.
    """
    return [
        *_count_calls(folder, busy_comments_n), "", *_count_listening(folder, busy_comments_n), "",
        *_measure_mapping(folder, pages_n, repeat),
    ]  # fmt: skip


# ---- calls -----------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """Communities that somebody listens to, and what the platform has of them."""

    name: str
    data: "RedditData"
    communities: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """One way, one day.

    Attributes:
        calls: API calls by what they asked for; those for tokens are not among them.
        seen: full ids of the day's contributions that came. earlier: of those from before it.
    """

    calls: Counter[str]
    seen: set[str]
    earlier: set[str]

    @property
    def calls_n(self) -> int:
        """Calls for contributions; those for members are told apart."""
        return self.calls.total() - self.calls["members"]

    def without_looks_again(self) -> "Asked":
        """The same less the looks again; threads stay, also those that the looks again led to."""
        return Asked(Counter({kind: n for kind, n in self.calls.items() if kind != "again"}), self.seen, set())


def _count_calls(folder: Path, busy_comments_n: int) -> list[str]:
    shown = [
        "## Calls to Reddit (peer: a listing call per 100 posts, a tree per post, and what its stubs need)",
        "",
        "Calls per 1,000 contributions of the day: listings + looks again + threads. In brackets the naive way.",
        "",
        "| communities | written | day | calls per 1,000 | naive | ratio | comments seen | seen again | members |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for scenario in (_busy(folder, busy_comments_n), _normal(), _quiet(folder)):
        shown += _rows(scenario, folder)
    return [*shown, "", f"Limits: ratio {LIMIT_CALLS_RATIO:.2f}; {LIMIT_NORMAL_SEEN_SHARE:.0%} seen on normal."]


def _rows(scenario: Scenario, folder: Path) -> Iterator[str]:
    """Three kinds of days: the first that anybody listens, a usual day without and with the looks again."""
    from pulse.sandbox.server import SandboxServer

    with SandboxServer(scenario.data, now=RUN_AT, hides_removed=True) as server:
        naive = _naive(server, scenario, ages_d=())
        naive_again = _naive(server, scenario, ages_d=AGAIN_AGES_D)
        with tempfile.TemporaryDirectory(dir=folder) as root:
            yield _row(scenario, "first ever", _ours(Path(root), server, scenario, knows_earlier=False), naive)
        with tempfile.TemporaryDirectory(dir=folder) as root:
            usual = _ours(Path(root), server, scenario, knows_earlier=True)
    yield _row(scenario, "usual, alone", usual.without_looks_again(), naive)
    yield _row(scenario, "usual, with looks again", usual, naive_again)


def _row(scenario: Scenario, name: str, ours: Asked, naive: Asked) -> str:
    comments = {item.full_id for item in _shown(scenario, "comments") if _day_of(item) == DAY}
    contributions_n = len(comments) + sum(_day_of(item) == DAY for item in _shown(scenario, "posts"))

    def per_1000(calls_n: int) -> str:
        return f"{1_000 * calls_n / contributions_n:.0f}"

    kinds = " + ".join(per_1000(ours.calls[kind]) for kind in ("listings", "again", "threads"))
    shares = (f"{len(asked.seen & comments) / len(comments):.1%}" for asked in (ours, naive))
    cells = [
        scenario.name,
        f"{contributions_n:,}",
        name,
        f"{per_1000(ours.calls_n)} = {kinds}",
        per_1000(naive.calls_n),
        f"{ours.calls_n / naive.calls_n:.2f}",
        "{} ({})".format(*shares),
        f"{len(ours.earlier):,} ({len(naive.earlier):,})",
        str(ours.calls["members"]),
    ]
    return f"| {' | '.join(cells)} |"


def _shown(scenario: Scenario, kind: "ListingKind") -> "Iterator[Item]":
    """What readers are shown, newest first: what was removed before stays out of every listing."""
    for item in scenario.data.catalogue.newest_first(scenario.communities, kind, RUN_AT.timestamp()):
        if not scenario.data.is_removed(item, RUN_AT):
            yield item


def _day_of(item: "Item") -> date:
    return datetime.fromtimestamp(item.created_s, tz=UTC).date()


def _by_kind(server: "SandboxServer") -> Counter[str]:
    kinds: Counter[str] = Counter()
    for _, path, _ in server.calls:
        if path.endswith("/about"):
            kinds["members"] += 1
        elif path.startswith("/r/"):
            kinds["listings"] += 1
        else:
            kinds["again" if path == "/api/info" else "threads"] += 1
    return kinds


# ---- our way ---------------------------------------------------------------


def _ours(root: Path, server: "SandboxServer", scenario: Scenario, *, knows_earlier: bool) -> Asked:
    """The source itself, with the days before in raw, or with a raw that knows nothing."""
    import duckdb

    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.core.window import Window
    from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy
    from pulse.sources.routes import extract

    home = Home(root).create()
    if knows_earlier:
        _fill_raw(home, scenario)
    entries = [RedditApiEntry(platform="reddit", name=name, source="reddit_api") for name in scenario.communities]
    # The pace is Reddit's affair; here nobody waits.
    policy = RedditApiPolicy(calls_per_window=100_000, window_s=0.01)
    settings = Settings(communities=tuple(entries), reddit_api=policy)
    context = source_context(home, settings, utc_now, _KEY, lambda _: _credentials(server))
    server.forget_calls()
    loads = [load for entry in entries for load in extract(entry, Window.one_day(DAY), context)]
    files = [file for load in loads for file in load.rows_files().values()]
    rows = duckdb.sql(
        "select contribution_id, epoch(created_at) from read_parquet($files, hive_partitioning = false)",
        params={"files": [str(file) for file in files]},
    ).fetchall()
    return _asked(server, dict(rows))


def _asked(server: "SandboxServer", created_s: Mapping[str, float]) -> Asked:
    seen = {full_id for full_id, at_s in created_s.items() if at_s >= _START_S}
    return Asked(_by_kind(server), seen, created_s.keys() - seen)


def _credentials(server: "SandboxServer") -> "RedditCredentials":
    from pulse.sandbox.server import USER_AGENT
    from pulse.sources.reddit.credentials import RedditCredentials

    return RedditCredentials(
        client_id=server.client_id, client_secret=server.client_secret, user_agent=USER_AGENT, url=server.url
    )


def _looks(item: "Item") -> list[datetime]:
    """When daily runs before this one looked at it: as soon as it had appeared, and at each of the ages."""
    from pulse.sources.live.known import EARLIEST_AGE_D

    looks = set()
    for from_s in (item.appears_s, *(item.created_s + age_d * _DAY_S for age_d in EARLIEST_AGE_D.values())):
        days_ago = math.ceil((RUN_AT.timestamp() - max(from_s, item.appears_s)) / _DAY_S) - 1
        if days_ago >= 1:
            looks.add(RUN_AT - timedelta(days=days_ago))
    return sorted(looks)


def _fill_raw(home: "Home", scenario: Scenario) -> None:
    """Put the days before into raw, mapped by the archive route; of each contribution the last look only."""
    import shutil

    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.window import Window
    from pulse.sources.reddit.entry import RedditArchiveEntry
    from pulse.sources.routes import extract

    path = home.root / "earlier.ndjson"
    first_s = _START_S
    with path.open("w", encoding="ascii") as file:
        kinds: tuple[ListingKind, ...] = ("posts", "comments")
        for kind in kinds:
            for item in scenario.data.catalogue.newest_first(scenario.communities, kind, _START_S):
                looks = _looks(item)
                if looks and not scenario.data.is_removed(item, looks[0]):
                    fields = scenario.data.record(item, looks[-1]) | {"retrieved_on": int(looks[-1].timestamp())}
                    file.write(json.dumps(fields) + "\n")
                    first_s = min(first_s, item.created_s)
    first_day = datetime.fromtimestamp(first_s, tz=UTC).date()
    entries = tuple(
        RedditArchiveEntry(platform="reddit", name=name, source="reddit_archive", path=(path,))
        for name in scenario.communities
    )
    context = source_context(home, Settings(communities=entries), utc_now, _KEY)
    for entry in entries:
        (load,) = extract(entry, Window(first_day, DAY - timedelta(days=1)), context)
        for day, rows in load.rows_files().items():
            partition = home.contributions_dir("reddit", entry.community, day)
            partition.mkdir(parents=True)
            shutil.copy(rows, partition / f"{load.load_id}.parquet")


# ---- the naive way ---------------------------------------------------------


def _naive(server: "SandboxServer", scenario: Scenario, *, ages_d: Sequence[int]) -> Asked:
    """New posts back to the day's beginning, and the whole tree of each post of the day and of those days before."""
    reddit = _reddit(server)
    again = {DAY - timedelta(days=age_d) for age_d in ages_d}
    earlier = [item.full_id for item in _shown(scenario, "posts") if _day_of(item) in again]
    server.forget_calls()
    found: dict[str, float] = {}
    for name in scenario.communities:
        for post in reddit.subreddit(name).new(limit=None):
            if post.created_utc < _START_S:
                break
            if post.created_utc < _START_S + _DAY_S:
                found |= _whole_tree(post)
    for full_id in earlier:
        found |= _whole_tree(reddit.submission(full_id.removeprefix("t3_")))
    return _asked(server, found)


def _whole_tree(post: Any) -> dict[str, float]:
    """When each of the thread was created, by full id."""
    post.comments.replace_more(limit=None)
    return {one.fullname: one.created_utc for one in (post, *post.comments.list())}


def _reddit(server: "SandboxServer") -> "praw.Reddit":
    import praw
    import requests

    from pulse.sandbox.server import USER_AGENT

    session = requests.Session()
    session.trust_env = False  # a sandbox on this machine is not to be reached through somebody's proxy
    return praw.Reddit(
        client_id=server.client_id,
        client_secret=server.client_secret,
        user_agent=USER_AGENT,
        reddit_url=server.url,
        oauth_url=server.url,
        check_for_updates=False,
        check_for_async=False,
        requestor_kwargs={"session": session},
    )


# ---- within the day --------------------------------------------------------


def _count_listening(folder: Path, comments_n: int) -> list[str]:
    """A usual day of the busy community that is listened to: calls made, and what they should be."""
    from pulse.sandbox.server import SandboxServer

    scenario = _busy(folder, comments_n)
    with (
        SandboxServer(scenario.data, now=RUN_AT, hides_removed=True) as server,
        tempfile.TemporaryDirectory(dir=folder) as root,
    ):
        listened, asked = _listened_day(Path(root), server, scenario)
    comments = {item.full_id for item in _shown(scenario, "comments") if _day_of(item) == DAY}
    listens_n = 24 // LISTEN_EVERY_H
    # Each listen ends with a page that is not full, of posts and of comments.
    expected = {
        "listens: new": listens_n,
        "listens: comments": comments_n / PAGE_ITEMS + listens_n / 2,
        "listens: at 24 h": comments_n * 17.5 / 24 / PAGE_ITEMS + listens_n / 2,
        "daily run: listings": 20.0,
        "daily run: what only listens heard": (comments_n - LISTED_ITEMS) / PAGE_ITEMS,
    }
    rows = [f"| {what} | {listened[what]} | {n:.0f} |" for what, n in expected.items()]
    total = sum(listened[what] for what in expected)
    return [
        f"## A day of {comments_n:,} comments, asked every {LISTEN_EVERY_H} h",
        "",
        "| calls | measured | by formula |",
        "| --- | --- | --- |",
        *rows,
        f"| together | {total} | {sum(expected.values()):.0f} |",
        "",
        f"Seen: {len(asked & comments) / len(comments):.1%} of its comments.",
    ]


def _listened_day(root: Path, server: "SandboxServer", scenario: Scenario) -> tuple[Counter[str], set[str]]:
    """Calls by what they were for, and full ids that the day's load has; looks at earlier days are not counted."""
    import duckdb

    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.core.window import Window
    from pulse.sources.reddit.entry import RedditApiEntry, RedditApiPolicy
    from pulse.sources.routes import extract, listen

    home = Home(root).create()
    _fill_raw(home, scenario)
    (name,) = scenario.communities
    entry = RedditApiEntry(platform="reddit", name=name, source="reddit_api", listen_every_h=LISTEN_EVERY_H)
    policy = RedditApiPolicy(calls_per_window=100_000, window_s=0.01)
    settings = Settings(communities=(entry,), reddit_api=policy)
    context = source_context(home, settings, utc_now, _KEY, lambda _: _credentials(server))
    server.forget_calls()
    for hour in range(0, 24, LISTEN_EVERY_H):
        at = datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC)
        server.set_now(at + timedelta(minutes=5))
        listen(entry, at, context)
    counts = Counter(
        "listens: at 24 h" if path == "/api/info" else f"listens: {path.rsplit('/', 1)[1]}"
        for _, path, _ in server.calls
    )
    server.set_now(RUN_AT)
    server.forget_calls()
    (load,) = extract(entry, Window.one_day(DAY), context)
    day = f"{DAY:%Y-%m-%d}"
    rows = duckdb.sql(
        "select contribution_id, created_at >= $day::timestamptz from read_parquet($files, hive_partitioning = false)",
        params={"files": [str(file) for file in load.rows_files().values()], "day": f"{day} 00:00:00+00"},
    ).fetchall()
    seen = {full_id for full_id, is_of_day in rows if is_of_day}
    for _, path, params in server.calls:
        if path == "/api/info":
            of_day = sum(full_id in seen for full_id in params["id"].split(","))
            counts["daily run: what only listens heard"] += of_day > PAGE_ITEMS / 2
        elif path.endswith(("/new", "/comments")):
            counts["daily run: listings"] += 1
        else:
            counts["other"] += 1
    return counts, seen


# ---- communities -----------------------------------------------------------


def _busy(folder: Path, comments_n: int) -> Scenario:
    """One community with so many comments a day, and a post to every 27 of them.

    Of the days before only those are there that this day's run looks at again, and those whose threads still go on.
    """
    offsets = (0, 1, 2, 3, 4, 6, 7, 8, 29, 30, 31)
    days = sorted(DAY - timedelta(days=offset) for offset in offsets)
    sizes = {"Agora": (round(comments_n / 26.7), comments_n)}
    return Scenario("busy", _archive(folder / f"busy-{comments_n}.ndjson", sizes, days), tuple(sizes))


def _normal() -> Scenario:
    """The liveliest community of the made-up world, whose posts and comments are taken down as days go by."""
    from pulse.sandbox.reddit_data import WorldData
    from pulse.sandbox.world import make_world

    return Scenario("normal", WorldData(make_world(seed=7, days_n=60)), ("EmberwellTea",))


def _quiet(folder: Path) -> Scenario:
    """Six communities of which none has twenty contributions a day."""
    sizes = {
        "Sundials": (2, 8), "Bellows": (3, 12), "Knots": (1, 5), "Ferns": (3, 13), "Tin_Boxes": (2, 10), "Looms": (1, 3)
    }  # fmt: skip
    days = [DAY - timedelta(days=offset) for offset in (31, 30, 29, 28, *range(9, -1, -1))]
    return Scenario("quiet", _archive(folder / "quiet.ndjson", sizes, days), tuple(sizes))


def _archive(path: Path, sizes: Mapping[str, tuple[int, int]], days: Sequence[date]) -> "RedditData":
    from pulse.sandbox.reddit_data import ArchiveData

    if not path.exists():
        draft = path.with_suffix(".draft")
        with draft.open("w", encoding="ascii") as file:
            for record in _records(sizes, days):
                file.write(json.dumps(record) + "\n")
        draft.replace(path)
    return ArchiveData([path], counts="growing")


def _records(sizes: Mapping[str, tuple[int, int]], days: Sequence[date]) -> Iterator[dict[str, Any]]:
    """Posts and comments: same arguments, same records.

    The day's comments fall on its posts by Zipf's law. Half of them come within two hours of the post, one in ten more
    than half a day after it. Three in five answer another comment. Three in a hundred are removed.

    Args:
        sizes: posts a day, and comments a day on average, by community.
    """
    rng = random.Random("threads")  # noqa: S311  (no secret: the same seed must give the same records)
    number = 36**6
    for community, (posts_n, comments_n) in sizes.items():
        for day in days:
            start_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            ranks = rng.sample(range(1, posts_n + 1), posts_n)
            counts = Counter(rng.choices(range(posts_n), weights=[1 / rank for rank in ranks], k=comments_n))
            for place in range(posts_n):
                created_s = start_s + int(rng.random() * _DAY_S)
                number += 1 + counts[place]
                yield from _thread(rng, community, number, created_s, counts[place])


def _thread(
    rng: random.Random, community: str, number: int, created_s: int, comments_n: int
) -> Iterator[dict[str, Any]]:
    post = f"t3_{base36(number)}"
    common = {"subreddit": community, "score": 7, "link_id": post}
    yield {
        "id": post[3:], "name": post, "subreddit": community, "author": f"w{number % 911}", "title": "And you?",
        "selftext": "Tell us.", "created_utc": created_s, "score": 20, "num_comments": comments_n,
    }  # fmt: skip
    times = sorted(created_s + 30 + int(rng.lognormvariate(math.log(7_200), 1.4)) for _ in range(comments_n))
    for place, at_s in enumerate(times):
        parent = f"t1_{base36(number - rng.randint(1, place))}" if place and rng.random() < 0.6 else post
        full_id = f"t1_{base36(number - place - 1)}"
        body = "[removed]" if rng.random() < 0.03 else "I would say so, yes."
        yield common | {
            "id": full_id[3:], "name": full_id, "author": f"w{rng.randrange(911)}", "body": body, "parent_id": parent,
            "created_utc": at_s,
        }  # fmt: skip


# ---- mapping ---------------------------------------------------------------


def _measure_mapping(folder: Path, pages_n: int, repeat: int) -> list[str]:
    recorded = folder / "reddit-pages.json"
    if not recorded.exists():
        recorded.write_text(json.dumps(_record_pages(folder)), encoding="ascii")
    cost = in_own_process("benchmarks.reddit_api:map_pages", str(recorded), pages_n, repeat=repeat)
    rows_n = pages_n * PAGE_ITEMS
    cells = [
        f"{rows_n:,}",
        f"{cost.wall_s:.2f}",
        f"{cost.cpu_s:.2f}",
        f"{cost.peak_mb:.0f}",
        f"{rows_n / cost.wall_s:,.0f}",
        f"{rows_n / cost.cpu_s:,.0f}",
        f"{rows_n / cost.wall_s / REDDIT_ROWS_PER_S:.1f}",
    ]
    return [
        f"## {pages_n:,} recorded pages to sealed Parquet (limit: Reddit's 100 calls a minute, 100 contributions each)",
        "",
        "| contributions | wall s | CPU s | peak MB | per second | per CPU second | times Reddit's limit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        f"| {' | '.join(cells)} |",
    ]


def _record_pages(folder: Path) -> list[str]:
    """Full pages of new posts and of new comments, ten each, as the sandbox sends them; records of real width."""
    import requests

    from pulse.sandbox.reddit_data import ArchiveData
    from pulse.sandbox.server import USER_AGENT, SandboxServer

    with tempfile.TemporaryDirectory(dir=folder) as made:
        archive = Path(made) / "wide.ndjson"
        archive.write_text("".join(json.dumps(record) + "\n" for record in _wide_records()), encoding="ascii")
        data = ArchiveData([archive])
    pages: list[str] = []
    with SandboxServer(data, now=RUN_AT) as server, requests.Session() as session:
        session.trust_env = False
        session.headers["user-agent"] = USER_AGENT
        token = session.post(
            f"{server.url}/api/v1/access_token",
            data={"grant_type": "client_credentials"},
            auth=(server.client_id, server.client_secret),
            timeout=30,
        ).json()["access_token"]
        session.headers["authorization"] = f"bearer {token}"
        for kind in ("new", "comments"):
            after: str | None = None
            for _ in range(10):
                params = {"limit": str(PAGE_ITEMS), "raw_json": "1"} | ({"after": after} if after else {})
                answer = session.get(f"{server.url}/r/Wide/{kind}", params=params, timeout=30)
                answer.raise_for_status()
                pages.append(answer.text)
                after = answer.json()["data"]["after"]
    return pages


def _wide_records() -> Iterator[dict[str, Any]]:
    """A thousand posts and a thousand comments, moved to one community."""
    records: Iterable[dict[str, Any]] = (json.loads(line) for line in lines())
    wanted = {"t3": 1_000, "t1": 1_000}
    start_s = int(RUN_AT.timestamp()) - 20_000
    for number, record in enumerate(islice(records, 7_500)):
        prefix = "t3" if "title" in record else "t1"
        if wanted[prefix]:
            wanted[prefix] -= 1
            yield record | {"subreddit": "Wide", "name": f"{prefix}_{record['id']}", "created_utc": start_s + number}


def map_pages(recorded: str, pages_n: int) -> Cost:
    """Ask for so many pages, answered from memory: JSON taken apart, mapped, written, flushed and sealed.

    The twenty recorded pages are asked for again and again under other names, so that each is mapped anew.
    """
    from unittest import mock

    from pulse.config.context import source_context
    from pulse.config.settings import Settings
    from pulse.core.clock import utc_now
    from pulse.core.home import Home
    from pulse.core.window import Window
    from pulse.sources.context import SourceContext
    from pulse.sources.reddit import answers as reddit_answers
    from pulse.sources.reddit.credentials import RedditCredentials
    from pulse.sources.reddit.entry import RedditApiEntry
    from pulse.sources.reddit.pages import listing_page

    entry = RedditApiEntry(platform="reddit", name="Wide", source="reddit_api")
    credentials = RedditCredentials(client_id="nobody", client_secret="", user_agent="benchmark")
    answers = [text.encode() for text in json.loads(Path(recorded).read_text(encoding="ascii"))]
    with (
        tempfile.TemporaryDirectory(dir=Path(recorded).parent) as folder,
        mock.patch.object(reddit_answers, "RedditClient", _recorded_client(answers)),
    ):
        context: SourceContext = source_context(
            Home(Path(folder)).create(), Settings(communities=(entry,)), utc_now, _KEY, lambda _: credentials
        )
        with reddit_answers.open_answers(
            context, [entry], Window.one_day(DAY), for_entry=entry, max_calls_n=pages_n + 1
        ) as asked:
            asked.page("/r/Wide/new", {"count": -1}, listing_page)
            with measured() as cost:
                for number in range(pages_n):
                    page = asked.page("/r/Wide/new", {"count": number}, listing_page)
                    assert len(page.ids) == PAGE_ITEMS
            assert asked.cache.fault_files() == []
    return cost()


def _recorded_client(answers: Sequence[bytes]) -> type:
    """A stand-in for the client that has all answers in memory; page ``count`` is answered with one of them."""
    from pulse.sources.reddit.client import Answer

    class Recorded:
        def __init__(self, *_: object, on_call: Callable[[], None]) -> None:
            self._on_call = on_call

        def get(self, _path: str, params: Mapping[str, int], parse: Callable[[object, datetime], Any]) -> "Answer[Any]":
            self._on_call()
            content = json.loads(answers[params["count"] % len(answers)])
            return Answer(parse(content, RUN_AT), RUN_AT)

        def close(self) -> None:
            pass

    return Recorded
