"""Killing, pausing and starving runs at chosen moments, and comparing what they leave.

A run is done by a process of its own, which leads its own process group. That process counts what it does to files
under its home, each flush and each SQL statement, stage by stage; before the one it was told, it kills its whole group
with SIGKILL, or stops until it is let go on. So a moment is the same in every run, whatever the machine is doing, and
nothing sleeps.

The processes are forked from a server that has imported the heavy libraries and done nothing else (``forkserver``).
"""

import ctypes
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb

from fixtures import reddit_lines
from fixtures.live_reddit import KEY, POLICY, USER_AGENT, live, shortly_after
from fixtures.live_reddit import entry as live_entry
from pulse.config.settings import Settings
from pulse.core import locks, side_by_side
from pulse.core.clock import utc_now
from pulse.core.errors import PulseError
from pulse.core.files import read_json, sql_text, write_json
from pulse.core.home import Home
from pulse.core.window import Window
from pulse.reading import query
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.server import SandboxServer
from pulse.sandbox.world import make_world
from pulse.steps.pipeline import Pipeline
from pulse.warehouse import builds

IS_LONG_FORM = os.environ.get("PULSE_FAULTS") == "long"
STAGES = (
    "extract page", "seal", "gate 1", "promote", "score", "work texts", "dbt build", "gate 2", "publish copy",
    "publish rename", "compaction",
)  # fmt: skip
# Where a run ends that is not to compact: its days are too young for that.
PUBLISHED = "publish rename"
# For a run of that day all is settled, whenever it came.
LONG_AFTER = date(2100, 1, 1)
# Where a run begins that is to come to a stage: it hands nothing over in between.
BEGINNINGS = {"seal": "extract page", "publish rename": "publish copy"}
# What is counted as `file`, by the name of Python's audit event; the first argument is a path.
_FILE_EVENTS = frozenset({
    "open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.copyfile",
})  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# A rerun of a live source is another load. The sandbox's clock stands still, so all else has to be the same.
MAY_DIFFER = frozenset({"load_id"})
# Each load says what it looked at: two loads of one day say it twice, and what is made of it must be the same.
SAID_BY_LOADS = frozenset({"intermediate.int_coverage_claims"})
FIRST_DAY = date(2026, 6, 18)
SECOND_DAY = FIRST_DAY + timedelta(days=1)
_DAMAGED_LINE = b"{this is no record"

Counts = dict[str, Counter[str]]


@dataclass(frozen=True)
class Moment:
    """Before which action of a run something happens: the n-th of its kind within a stage, from 1.

    Attributes:
        action: ``file`` (anything that changes a file or folder of the home), ``flush`` or ``sql``.
    """

    stage: str
    action: str
    nth: int

    def __str__(self) -> str:
        return f"{self.stage}, {self.action} {self.nth}"


@dataclass(frozen=True)
class Room:
    """How large files may grow while a stage goes on.

    Attributes:
        is_deadly: the process dies in the middle of the write that goes beyond; otherwise that write fails.
    """

    stage: str
    max_file_bytes: int
    is_deadly: bool = False


@dataclass(frozen=True)
class Orders:
    """What a process has to do: one run, or some of its steps.

    Attributes:
        handover: file in which steps leave what the next ones need, as Airflow does between tasks.
        begin_at, end_with: first and last stage.
        obeys_modes: whether the modes of files and folders hold for the process, though root runs it.
        longest_lock_wait_s: how long to wait for a lock; None for as long as the product does.
        cores_n: on how many cores a step works; on one, so that its actions come in the same order in every run.
    """

    home: Path
    settings: Settings
    environment: Mapping[str, str]
    window: Window
    run_id: str
    handover: Path
    begin_at: str = STAGES[0]
    end_with: str = PUBLISHED
    kill_at: Moment | None = None
    pause_at: Moment | None = None
    room: Room | None = None
    obeys_modes: bool = False
    clock_shift: timedelta = timedelta(0)
    longest_lock_wait_s: float | None = None
    cores_n: int = 1

    def only(self, stage: str) -> "Orders":
        """No other stage; those before it have been done."""
        return replace(self, begin_at=BEGINNINGS.get(stage, stage), end_with=stage)


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        signal: what killed it; None if nothing did.
        error: what it raised; None if nothing.
        counts: what it counted, by stage and action; empty if it was killed.
    """

    signal: int | None
    error: Exception | None = None
    counts: Counts = field(default_factory=dict)

    def require_well(self) -> "Ended":
        """Insist that the run went through."""
        if self.error is not None:
            raise self.error
        assert self.signal is None
        return self


class Process:
    """A run under way."""

    def __init__(self, orders: Orders) -> None:
        self._receiver, sender = _context().Pipe(duplex=False)
        self._process = _context().Process(target=_perform, args=(orders, sender))
        self._process.start()
        sender.close()
        self.pid: int = self._process.pid

    def wait_until_paused(self) -> None:
        """Until it has reached the moment at which it was to stop."""
        said = self._receiver.recv()
        if isinstance(said, Ended):
            said.require_well()
        assert said == _PAUSED, said
        while Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "T":
            os.sched_yield()  # it says so just before it stops

    def go_on(self) -> None:
        """Let a paused run go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As ``kill -9`` on its whole group."""
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self, *, timeout_s: float = 200) -> Ended:
        """How it ended."""
        try:
            if not self._receiver.poll(timeout_s):
                self.kill()
                raise TimeoutError(f"a run has not ended within {timeout_s} s")
            said: Ended | None = self._receiver.recv()
        except EOFError:
            said = None
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        self._receiver.close()
        if said is not None:
            return said
        assert code < 0, f"the process ended with {code} and without a word"
        return Ended(-code)


def run(orders: Orders) -> Ended:
    """One run in a process of its own, to its end."""
    return Process(orders).wait()


_PAUSED = "paused"


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([
        "dbt.cli.main", "dbt.adapters.duckdb", "great_expectations", "pulse.gates", "pulse.gates.dialect",
        "pulse.steps.pipeline", "pulse.texts.vader", "pulse.sources.reddit.api", "pulse.sources.lines.archive",
        "pulse.steps.retention", "pulse.reading.query", "pulse.sandbox.server", "pulse.sandbox.world",
        "pulse.sandbox.reddit_data",
    ])  # fmt: skip
    return context


# ---- a world to run in -------------------------------------------------------


@dataclass
class Scene:
    """A home with a live community and one read from an archive, and copies of the home to start from again.

    Attributes:
        orders: a run of the day under test.
        counts: what an undisturbed run of it counts.
        before, after: the marts that readers see before and after an undisturbed run; no ``before`` where that run was
            the first.
    """

    root: Path
    server: SandboxServer
    orders: Orders
    counts: Counts = field(default_factory=dict)
    before: Path | None = None

    @property
    def home(self) -> Home:
        """The home that runs work in. Its path never changes: the marts name it."""
        return Home(self.root / "home")

    @property
    def after(self) -> Path:
        return self.root / "after.duckdb"

    def keep(self, name: str) -> None:
        """Keep a copy of the home and of what the steps handed over."""
        shutil.copytree(self.root / "home", self.root / "kept" / name / "home", symlinks=True)
        if self.orders.handover.exists():
            shutil.copy2(self.orders.handover, self.root / "kept" / name)

    def start_from(self, name: str) -> None:
        """Make the home what it was when that copy was made."""
        shutil.rmtree(self.root / "home")
        self.orders.handover.unlink(missing_ok=True)
        kept = self.root / "kept" / name
        shutil.copytree(kept / "home", self.root / "home", symlinks=True)
        if (kept / self.orders.handover.name).exists():
            shutil.copy2(kept / self.orders.handover.name, self.orders.handover)

    def moment(self, stage: str, action: str, share: float) -> Moment:
        """The moment after that share of the actions of a stage, the last one for 1."""
        count = self.counts[stage][action]
        assert count, f"nothing of the kind {action} is done in stage {stage}"
        return Moment(stage, action, 1 + round(share * (count - 1)))

    def rerun(self) -> Ended:
        """A plain run of the day, from its beginning."""
        return run(replace(self.orders, run_id="again"))

    def differences(self) -> list[str]:
        """How what readers see differs from what an undisturbed run gives."""
        return differences(builds.published_file(self.home), self.after)

    def leftovers(self) -> list[str]:
        """What must not be there when nothing runs and the last run went through."""
        home = self.home
        found = [*(home.raw / "_promotions").glob("*"), *(home.warehouse / "pending").glob("*")]
        found += [*home.published.rglob(".*"), *home.raw.rglob("*.tmp")]
        return [str(path.relative_to(home.root)) for path in found]

    def is_published_whole(self) -> bool:
        """Whether readers see the state before or the one after, and no other; or nothing, if there was none before."""
        file = builds.published_file(self.home)
        if not file.exists():
            return self.before is None
        states = [self.after] if self.before is None else [self.before, self.after]
        return any(differences(file, state) == [] for state in states)


@contextmanager
def scene(root: Path, *, has_day_before: bool) -> Iterator[Scene]:
    """Set everything up: nothing is kept yet but ``begin``, the home before the run under test.

    Args:
        has_day_before: whether a day was run and published before.
    """
    home = Home(root / "home").create()
    archive = reddit_lines.write(root / "mate.ndjson", _archive_lines())
    data = WorldData(make_world(seed=7, days_n=20))
    with live(home, data, ["NightRideLamps"], day=FIRST_DAY) as running:
        server = running.server
        entries = (live_entry("NightRideLamps"), reddit_lines.entry(archive, name="Mate"))
        environment = {
            "PULSE_HOME": str(home.root),
            "PULSE_AUTHOR_KEY": KEY.decode(),
            "PULSE_REDDIT_CLIENT_ID": server.client_id,
            "PULSE_REDDIT_CLIENT_SECRET": server.client_secret,
            "PULSE_REDDIT_USER_AGENT": USER_AGENT,
            "PULSE_REDDIT_URL": server.url,
        }
        settings = Settings(communities=entries, reddit_api=POLICY, sentiment_model="vader")
        window = Window.one_day(FIRST_DAY)
        orders = Orders(home.root, settings, environment, window, "day before", root / "handover.json")
        made = Scene(root, server, replace(orders, window=Window.one_day(SECOND_DAY), run_id="undisturbed"))
        if has_day_before:
            run(orders).require_well()
            made.before = root / "before.duckdb"
            shutil.copyfile(builds.published_file(home), made.before)
        server.set_now(shortly_after(SECOND_DAY))
        orders.handover.unlink(missing_ok=True)
        made.keep("begin")
        yield made


def _archive_lines() -> list[reddit_lines.Line]:
    """Two days of posts and comments; in each, one line that is no record and one row that gate 1 keeps out."""
    lines: list[reddit_lines.Line] = []
    for number, day in enumerate((FIRST_DAY, SECOND_DAY)):
        start_s = int(shortly_after(day - timedelta(days=1), minutes=0).timestamp())
        facts = {"subreddit": "Mate", "retrieved_on": start_s + 10 * 86_400}
        lines.append(reddit_lines.post(f"q{number}", created_utc=start_s, score=10**8, **facts))
        for post in range(40):
            at = {"created_utc": start_s + 600 * post + 1, "author": f"w{post % 7}", **facts}
            lines.append(reddit_lines.post(f"p{number}x{post}", selftext=f"A fine day {post}, thank you", **at))
            thread = {"link_id": f"t3_p{number}x{post}", "parent_id": f"t3_p{number}x{post}"}
            lines.append(reddit_lines.comment(f"c{number}x{post}", body=f"Awful, in {post} ways", **at, **thread))
        lines.append(_DAMAGED_LINE)
    return lines


def differences(found: Path, wanted: Path) -> list[str]:
    """How the marts of two files differ, table by table; rows are compared as multisets, but for ``MAY_DIFFER``."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, file in (("found", found), ("wanted", wanted)):
            connection.execute(f"attach {sql_text(file)} as {name} (read_only)")
        columns = {name: _columns(connection, name) for name in ("found", "wanted")}
        assert columns["wanted"], "an empty comparison would pass"
        if columns["found"] != columns["wanted"]:
            return ["other tables or columns"]
        told = []
        for table, names in columns["wanted"].items():
            select = f"select {'distinct' if table in SAID_BY_LOADS else ''} {', '.join(names)} from"
            for one, other, word in (("found", "wanted", "more"), ("wanted", "found", "missing")):
                rows = connection.execute(
                    f"{select} {one}.{table} except all {select} {other}.{table} order by all limit 3"
                ).fetchall()
                told += [f"{table}: {word} {dict(zip(names, row, strict=True))}" for row in rows]
        return told


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    rows = connection.execute(
        "select schema_name || '.' || table_name, list(column_name order by column_index) from duckdb_columns() "
        "where database_name = ? and schema_name in ('marts', 'intermediate') group by all order by all",
        [database],
    ).fetchall()
    return {table: [name for name in names if name not in MAY_DIFFER] for table, names in rows}


# ---- in the process ----------------------------------------------------------


def _perform(orders: Orders, sender: Connection) -> None:
    """Do what was ordered and say how it ended."""
    os.setsid()
    os.environ.update(orders.environment)
    side_by_side.cores_n = lambda: orders.cores_n
    if orders.obeys_modes:
        _give_up_overriding_modes()
    watch = _Watch(orders, sender)
    error = None
    try:
        _steps(orders, watch)
    except Exception as raised:  # noqa: BLE001  (whatever it is, the test has to see it)
        error = _that_travels(raised)
    watch.leave()
    sender.send(Ended(None, error, watch.counts))
    sender.close()


def _give_up_overriding_modes() -> None:
    """Root may read and write whatever the modes say; without these two capabilities it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0, os.strerror(ctypes.get_errno())
    overriding = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    sets[0] &= ~overriding
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())


def _that_travels(error: Exception) -> Exception:
    """Our own errors as they are; of any other, kind and text."""
    if isinstance(error, PulseError):
        return error
    return AssertionError(f"not one of our errors: {type(error).__name__}: {error}")


def _steps(orders: Orders, watch: "_Watch") -> None:
    """The steps of a run, as the DAG orders them. Each leaves what it hands over in a file."""
    pipeline = Pipeline(Home(orders.home), orders.settings, lambda: utc_now() + orders.clock_shift)
    window, run_id = orders.window, orders.run_id
    told: dict[str, Any] = {} if orders.begin_at == STAGES[0] else read_json(orders.handover)
    first, last = STAGES.index(orders.begin_at), STAGES.index(orders.end_with)
    for number, stage in enumerate(STAGES):
        if not first <= number <= last:
            continue
        watch.enter(stage)
        if stage == "extract page":
            told |= _extract_all(pipeline, window, run_id, watch, is_last=last <= STAGES.index("seal"))
        else:
            _step(pipeline, stage, orders, told)
        watch.leave()
        write_json(orders.handover, told)


def _step(pipeline: Pipeline, stage: str, orders: Orders, told: dict[str, Any]) -> None:
    """One step; what it hands over goes where it finds what it needs."""
    window, run_id = orders.window, orders.run_id
    match stage:
        case "gate 1":
            told["verdicts"] = pipeline.gate_loads(window, told["entries"], told["loads"], run_id=run_id)
        case "promote":
            pipeline.promote(told["verdicts"], run_id=run_id)
        case "score":
            pipeline.score(told["verdicts"])
        case "work texts":
            pipeline.work_texts()
        case "dbt build":
            told["nodes"] = pipeline.build()
            pipeline.require_built(told["nodes"])
        case "gate 2":
            told["gated"] = pipeline.gate_marts(run_id=run_id)
        case "publish copy":
            pipeline.publish(window, told["verdicts"], told["gated"])
        case "compaction":
            builds.compact(pipeline.home, through=LONG_AFTER)


def _extract_all(pipeline: Pipeline, window: Window, run_id: str, watch: "_Watch", *, is_last: bool) -> dict[str, Any]:
    """Every entry; one that fails does not stop the others, and counts only where nothing comes after."""
    entry_ids = pipeline.plan(window)
    loads = []
    failures: list[PulseError] = []
    for entry_id in entry_ids:
        watch.enter("extract page")
        try:
            loads.extend(pipeline.extract(entry_id, window, run_id=run_id))
        except PulseError as error:
            failures.append(error)
    if is_last and failures:
        raise failures[0]
    return {"entries": entry_ids, "loads": loads}


class _Watch:
    """Counts what the process does, by stage, and does at a moment what was ordered."""

    def __init__(self, orders: Orders, sender: Connection) -> None:
        self.counts: Counts = {}
        self._orders = orders
        self._sender = sender
        self._stage: str | None = None
        self._root = str(orders.home)
        self._lock = threading.Lock()
        self._install()

    def enter(self, stage: str) -> None:
        """What follows belongs to this stage."""
        self._stage = stage
        room = self._orders.room
        if room is not None:
            is_narrow = room.stage == stage
            deadly = signal.SIG_DFL if room.is_deadly else signal.SIG_IGN
            signal.signal(signal.SIGXFSZ, deadly if is_narrow else signal.SIG_DFL)
            bytes_n = room.max_file_bytes if is_narrow else resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_n, resource.RLIM_INFINITY))

    def leave(self) -> None:
        """What follows is no part of the run."""
        self.enter("")
        self._stage = None

    def _count(self, action: str) -> None:
        stage = self._stage
        if stage is None:
            return
        with self._lock:
            counts = self.counts.setdefault(stage, Counter())
            counts[action] += 1
            moment = Moment(stage, action, counts[action])
            if self._orders.kill_at == moment:
                os.killpg(0, signal.SIGKILL)
            if self._orders.pause_at == moment:
                self._sender.send(_PAUSED)
                os.killpg(0, signal.SIGSTOP)

    def _install(self) -> None:
        from pulse.lake import landing

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(self._hear)
        os.fsync = _preceded(os.fsync, partial(self._count, "flush"))
        of_duckdb: Any = duckdb.DuckDBPyConnection
        of_duckdb.execute = _preceded(of_duckdb.execute, partial(self._count, "sql"))
        landing.draft = _preceded(landing.draft, partial(self.enter, "seal"))
        inside: Any = builds
        inside._point_readers_to = _preceded(inside._point_readers_to, partial(self.enter, "publish rename"))
        longest_s = self._orders.longest_lock_wait_s
        if longest_s is not None:
            wait_for = locks._wait_for

            def impatiently(descriptor: int, path: Path, timeout_s: float) -> None:
                wait_for(descriptor, path, min(timeout_s, longest_s))

            locks._wait_for = impatiently

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python tells of an action before it is done."""
        if event not in _FILE_EVENTS or self._stage is None:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        path = arguments[0]
        if isinstance(path, str | os.PathLike) and str(path).startswith(self._root):
            self._count("file")


def _preceded(function: Callable[..., Any], action: Callable[[], None]) -> Any:
    def acting(*arguments: Any, **options: Any) -> Any:
        action()
        return function(*arguments, **options)

    return acting


# ---- readers -----------------------------------------------------------------


class Reader:
    """Somebody in a process of its own who opens the published file again and again, in either way of the manual."""

    def __init__(self, home: Home) -> None:
        context = _context()
        self._receiver, sender = context.Pipe(duplex=False)
        stop, self._stop = context.Pipe(duplex=False)
        self._process = context.Process(target=_read, args=(home, sender, stop))
        self._process.start()
        sender.close()
        stop.close()

    def wait_for(self, generation: int) -> None:
        """Until it has seen that generation."""
        while (seen := self._receiver.recv()) != generation:
            assert isinstance(seen, int), seen
            assert seen < generation

    def end(self) -> dict[str, Any]:
        """Let it stop; what it says of itself."""
        self._stop.send(None)
        while isinstance(said := self._receiver.recv(), int):
            pass
        self._process.join()
        for one in (self._receiver, self._stop, self._process):
            one.close()
        assert isinstance(said, dict), said
        return said


GENERATIONS_SQL = " union ".join(f"select distinct generation from {{0}}marts.{table}" for table in ("one", "two"))


def open_descriptors_n() -> int:
    """Of this process."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _read(home: Home, sender: Connection, stop: Connection) -> None:
    """Look until told to stop. Says each generation seen, or what went wrong."""
    looks_n, before_n = 0, None
    try:
        while not stop.poll(0):
            for look in (_look_through_query, _look_at_file):
                seen = look(home)
                assert len(seen) == 1, f"a mixed state: generations {seen}"
                looks_n += 1
                sender.send(seen[0])
            before_n = before_n or open_descriptors_n()
        sender.send({"looks_n": looks_n, "descriptors_leaked_n": open_descriptors_n() - (before_n or 0)})
    except Exception as error:  # noqa: BLE001  (the test has to see it)
        sender.send(f"{type(error).__name__}: {error}")


def _look_through_query(home: Home) -> list[int]:
    with query.connect(home) as connection:
        return [one for (one,) in connection.execute(GENERATIONS_SQL.format("")).fetchall()]


def _look_at_file(home: Home) -> list[int]:
    with duckdb.connect(str(builds.published_file(home)), read_only=True) as connection:
        return [one for (one,) in connection.execute(GENERATIONS_SQL.format("")).fetchall()]
