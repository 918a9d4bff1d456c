"""The lake on a real S3 server (SeaweedFS), through a proxy that is slow, cuts off, is busy, lags and answers late.

Needs `requirements/s3.txt` and `requirements/s3-server.txt`; `make test-s3` installs both.
"""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from deployed.ports import free_ports
from fixtures import erased_lake
from fixtures.answering_platform import Platform
from fixtures.object_storage import BUSY, CUT, KEY, LATE, PASS, SECRET, SILENT, STALE, Proxy, seaweed
from pulse.config.lake import working
from pulse.core.errors import (
    ConfigError,
    LakeChanged,
    ObjectStoreError,
    ObjectStoreRefused,
    ObjectStoreUnavailable,
    PulseError,
)
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.lake import copying, forgotten, raw, snapshot
from pulse.lake.credentials import LakeCredentials
from pulse.lake.forgotten import Person
from pulse.lake.s3 import S3Store
from pulse.lake.store import open_store
from pulse.sandbox import world as world_module
from pulse.sandbox import world_archive
from support import NOON, community_observation, contribution, sealed_load

pytestmark = [pytest.mark.integration, pytest.mark.s3]
pytest.importorskip("botocore", reason="requirements/s3.txt is not installed")
if not Path(sys.executable).with_name("weed").exists():
    pytest.skip("requirements/s3-server.txt is not installed", allow_module_level=True)


def yes(_: int) -> bool:
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with seaweed(tmp_path_factory.mktemp("seaweed"), free_ports(8)) as url:
        yield url


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    running = Proxy(server)
    yield running
    running.close()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A part of the bucket for each test."""
    return f"of/{request.node.name.replace('[', '-').replace(']', '')}"


def credentials_here() -> LakeCredentials:
    return LakeCredentials.require(LakeCredentials.from_environment())


@pytest.fixture
def store(credentials: None, prefix: str) -> S3Store:
    return S3Store.open("lake", prefix, credentials_here())


@pytest.fixture
def through(credentials: None, prefix: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The same store through the proxy, with little patience."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    return S3Store.open("lake", prefix, credentials_here(), timeout_s=4)


@pytest.fixture
def full(home: Home) -> Home:
    raw.promote(home, sealed_load(home, [contribution("t3_a")], load_id="reddit_archive-one"))
    raw.ensure_empty_file(home)
    (home.kpi / "kpi_monthly").mkdir()
    (home.kpi / "kpi_monthly" / "v0001.parquet").write_bytes(b"figures" * 1_000)
    odd = home.scores / "model_id=a%2Fb%20c+d" / "é=ß" / "s.parquet"
    odd.parent.mkdir(parents=True)
    odd.write_bytes(b"scores")
    return home


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return Home(tmp_path / "other").create()


def contents(home: Home) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in copying.lake_files(home).items()}


def keys(store: S3Store) -> set[str]:
    return {listed.key for listed in store.list("")}


def nth(count: int, fault: str, *, method: str, of: str) -> Callable[[str, str], str | None]:
    """A fault for the first requests of a kind, however they are spread over threads."""
    left, lock = [count], threading.Lock()

    def decide(asked: str, path: str) -> str | None:
        with lock:
            if asked == method and of in path and left[0]:
                left[0] -= 1
                return fault
        return PASS

    return decide


def add_load(home: Home, number: int = 2) -> None:
    raw.promote(
        home, sealed_load(home, [contribution(f"t3_{number}", body="more")], load_id=f"reddit_archive-{number}")
    )


# ---- the store -------------------------------------------------------------------


def test_store__does_what_all_stores_do(store: S3Store, tmp_path: Path):
    assert store.read("a/b") is None
    assert store.fetch("a/b", tmp_path / "f") is None
    store.put("a/b", io.BytesIO(b"1" * 3_000_000))
    store.put("a/b", io.BytesIO(b"2"))
    assert store.read("a/b").data == b"2"
    store.fetch("a/b", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"2"
    first = store.put_if("k", b"1", tag=None)
    assert store.put_if("k", b"2", tag=None) is None
    assert store.put_if("k", b"2", tag='"other"') is None
    assert store.put_if("none", b"2", tag='"other"') is None
    assert store.put_if("k", b"2", tag=first) is not None
    assert keys(store) == {"a/b", "k"}
    store.delete(["a/b", "never-there"])
    assert keys(store) == {"k"}


def test_store__lists_and_deletes_more_than_a_page(store: S3Store):
    names = [f"files/{number:05d}" for number in range(1_100)]
    copying.in_parallel(lambda name: store.put(name, io.BytesIO(b"x")), names, "putting")
    assert {listed.key for listed in store.list("files/")} == set(names)
    store.delete(names)
    assert keys(store) == set()


# ---- copies ----------------------------------------------------------------------


def test_copy__there_and_back_is_the_same(full: Home, other: Home, store: S3Store):
    sent = copying.send(full, store)
    received = copying.receive(other, store, may_remove=yes)
    assert sent.moved_n == received.moved_n == len(contents(full))
    assert contents(other) == contents(full)
    assert copying.send(other, store).moved_n == 0


def test_copy__what_is_erased_is_gone_there_and_in_the_next_home(full: Home, other: Home, store: S3Store):
    copying.send(full, store)
    copying.receive(other, store, may_remove=yes)
    before = {file.sha256 for file in snapshot.latest(store).files.values()}
    person = Person("reddit", "a" * 64)
    forgotten.put_on_list(full, person, asked_at=NOON)
    raw.take_back(full, "asked", persons=[person.author_key])
    copying.send(full, store)
    now = snapshot.latest(store)
    assert keys(store) == {file.key for file in now.files.values()} | {now.manifest, snapshot.POINTER}
    assert before - {file.sha256 for file in now.files.values()}, "the rows with the text are another file now"
    copying.receive(other, store, may_remove=yes)
    assert contents(other) == contents(full)


def test_versions__are_told_of_and_purged_when_asked(full: Home, store: S3Store):
    store.client.create_bucket(Bucket="versioned")
    store.client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    versioned = S3Store("versioned", "lake", store.client)
    assert copying.send(full, versioned).keeps_versions
    gone = next(file.key for file in snapshot.latest(versioned).files.values() if "kpi" in file.path)
    (full.kpi / "kpi_monthly" / "v0001.parquet").unlink()
    copying.send(full, versioned)

    def versions_of(key: str) -> list[Any]:
        return store.client.list_object_versions(Bucket="versioned", Prefix=f"lake/{key}").get("Versions", [])

    assert versions_of(gone), "deleted, and still there as a version"
    assert copying.send(full, versioned, purges_versions=True).purged_n >= 2
    assert not versions_of(gone)
    kept = store.client.list_object_versions(Bucket="versioned")
    assert {version["Key"] for version in kept["Versions"]} == {f"lake/{key}" for key in keys(versioned)}
    assert not kept.get("DeleteMarkers")
    assert contents(full).keys() == snapshot.latest(versioned).files.keys()


# ---- faults ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "fault", "method", "of"),
    [
        (2, BUSY, "PUT", "files"),
        (1, SILENT, "PUT", "manifests"),
        (1, LATE, "PUT", "files"),
        (1, LATE, "PUT", "lake.json"),
        (1, CUT, "GET", "list-type"),
        (2, BUSY, "POST", "delete"),
    ],
)
def test_send__comes_through(
    full: Home, other: Home, through: S3Store, proxy: Proxy, count: int, fault: str, method: str, of: str
):
    copying.send(full, through)
    (full.kpi / "kpi_monthly" / "v0001.parquet").unlink()
    add_load(full)
    add_load(full, 3)
    proxy.fault = nth(count, fault, method=method, of=of)
    assert copying.send(full, through).state_n == 2, "once, also where an answer was lost"
    assert proxy.fault(method, of) == PASS, "the fault happened"
    proxy.fault = lambda _method, _path: PASS
    copying.receive(other, through, may_remove=yes)
    assert contents(other) == contents(full)


@pytest.mark.parametrize(("fault", "of"), [(CUT, "files"), (CUT, "manifests"), (SILENT, "files"), (BUSY, "lake.json")])
def test_receive__comes_through(full: Home, other: Home, through: S3Store, proxy: Proxy, fault: str, of: str):
    copying.send(full, through)
    proxy.fault = nth(1, fault, method="GET", of=of)
    copying.receive(other, through, may_remove=yes)
    assert proxy.fault("GET", of) == PASS, "the fault happened"
    assert contents(other) == contents(full)


@pytest.mark.parametrize("of", ["files", "manifests", "lake.json"])
def test_send__that_never_comes_through_changes_nothing(
    full: Home, other: Home, through: S3Store, proxy: Proxy, of: str
):
    copying.send(full, through)
    copying.receive(other, through, may_remove=yes)
    before = contents(other)
    add_load(full)
    proxy.fault = lambda method, path: BUSY if method == "PUT" and of in path else PASS
    with pytest.raises(ObjectStoreUnavailable, match="SlowDown"):
        copying.send(full, through)
    proxy.fault = lambda _method, _path: PASS
    copying.receive(other, through, may_remove=yes)
    assert contents(other) == before
    copying.send(full, through)
    copying.receive(other, through, may_remove=yes)
    assert contents(other) == contents(full)


def test_listing__that_lags_does_no_harm(full: Home, other: Home, through: S3Store, proxy: Proxy):
    copying.send(full, through)
    proxy.fault = lambda _method, path: STALE if "list-type" in path else PASS
    add_load(full)
    copying.send(full, through)
    raw.promote(full, sealed_load(full, [contribution("t3_2", body="again")], load_id="reddit_archive-2b"))
    copying.send(full, through)
    proxy.fault = lambda _method, _path: PASS
    copying.receive(other, through, may_remove=yes)
    assert contents(other) == contents(full)


def test_writers__two_at_once_one_wins_and_the_other_is_told(
    full: Home, other: Home, through: S3Store, proxy: Proxy, tmp_path: Path
):
    copying.send(full, through)
    copying.receive(other, through, may_remove=yes)
    add_load(full, 2)
    add_load(other, 3)
    both = threading.Barrier(2, timeout=120)
    waited: set[int] = set()

    def meet(method: str, path: str) -> None:
        if method == "PUT" and "lake.json" in path and threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both.wait()

    proxy.fault = meet
    ended: dict[str, Any] = {}

    def write(name: str, home: Home) -> None:
        try:
            ended[name] = copying.send(home, through).state_n
        except PulseError as error:
            ended[name] = type(error)

    threads = [threading.Thread(target=write, args=arguments) for arguments in (("full", full), ("other", other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, ended.values())) == sorted(["2", str(LakeChanged)])
    proxy.fault = lambda _method, _path: PASS
    third = Home(tmp_path / "third").create()
    copying.receive(third, through, may_remove=yes)
    winner = full if ended["full"] == 2 else other
    assert contents(third) == contents(winner), "whole, and nothing of the other's"


def test_copy__of_the_command_killed_in_the_middle_goes_on(full: Home, other: Home, through: S3Store, proxy: Proxy):
    files_n = len(contents(full))
    held, let_go = threading.Event(), threading.Event()
    puts: list[str] = []

    def hold(method: str, path: str) -> str | None:
        if method == "PUT" and "files" in path:
            puts.append(path)
            if len(puts) == files_n:
                held.set()
                let_go.wait(60)
                return SILENT
        return PASS

    proxy.fault = hold
    command = [sys.executable, "-m", "pulse.cli", "lake", "copy", through.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert held.wait(120), process.communicate()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    let_go.set()
    assert not snapshot.latest(through).state_n, "half a copy counts as none"
    proxy.fault = lambda _method, _path: PASS
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert f"state 1: {files_n} files" in done.stdout
    assert "moved 1 files" in done.stdout, done.stdout
    assert SECRET not in done.stdout + done.stderr
    back = [sys.executable, "-m", "pulse.cli", "lake", "copy", str(other.root), "--from", through.url]
    done = subprocess.run(back, check=True, capture_output=True, text=True)
    assert "pulse rebuild" in done.stdout
    assert contents(other) == contents(full)


# ---- a lake that lives there -------------------------------------------------------


def tables_of(home: Home) -> dict[str, tuple[int, int]]:
    """Rows of each published mart, and what they hold together."""
    with duckdb.connect() as connection:
        connection.execute(f"attach {sql_text(home.published_file)} as published (read_only)")
        names = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'published' and schema_name = 'marts'"
        ).fetchall()
        return {
            name: connection.execute(f"select count(*), bit_xor(hash(t)) from published.marts.{name} as t").fetchone()
            for (name,) in names
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of made-up communities, and the config that reads them."""
    made = world_module.make_world(seed=7, first_day=date(2026, 6, 1), days_n=14)
    return Path(world_archive.write_archives(made, tmp_path_factory.mktemp("world")).config)


@pytest.mark.timeout(2_400)
def test_lake__days_through_the_dag_killed_at_promotion_and_seen_from_another_machine(
    home: Home, other: Home, through: S3Store, proxy: Proxy, server: str, world: Path
):
    environment = {**os.environ, "PULSE_CONFIG": str(world), "PULSE_LAKE": through.url}

    def command(where: Home, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pulse.cli", *arguments], env={**environment, "PULSE_HOME": str(where.root)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    held, let_go = threading.Event(), threading.Event()
    puts: list[str] = []

    def hold(method: str, path: str) -> str | None:
        if method == "PUT" and "/raw/contributions/platform" in path:
            puts.append(path)
            if len(puts) > 3:
                held.set()
                let_go.wait(60)
                return SILENT
        return PASS

    proxy.fault = hold
    days = ("backfill", "--from", "2026-06-01", "--to", "2026-06-02")
    # Tasks find the key in Airflow's connection, and nothing nearer.
    stored = {"conn_type": "lake", "login": KEY, "password": SECRET, "host": proxy.url}
    commands = dict(environment)
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    environment["AIRFLOW_CONN_LAKE_DEFAULT"] = json.dumps(stored)
    run = command(home, *days)
    assert held.wait(400), run.communicate()[0]
    run.kill()
    assert run.wait() == -signal.SIGKILL
    let_go.set()
    assert list((home.raw / "contributions").glob("platform=*")), "promoted here"
    there = snapshot.latest(through)
    assert there.state_n, "the gate's verdicts are there"
    assert not any("contributions/platform" in path for path in there.files), "and nothing of half a promotion"

    proxy.fault = nth(2, BUSY, method="PUT", of="files")
    run = command(home, *days)
    said = run.communicate()[0]
    assert run.returncode == 0, said
    environment = commands
    run = command(other, "rebuild")
    said += run.communicate()[0]
    assert run.returncode == 0, said
    assert tables_of(other) == tables_of(home)
    assert sum(rows_n for rows_n, _ in tables_of(other).values()) > 1_000
    assert SECRET not in said
    logs = [file for where in (home, other) for file in (where.airflow / "logs").rglob("*") if file.is_file()]
    assert any(b"S3 credentials: from connection lake_default" in file.read_bytes() for file in logs)
    assert not any(SECRET.encode() in file.read_bytes() for file in logs)


def test_lake__sweep_and_forget_leave_nothing_in_the_bucket(
    home: Home, other: Home, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform()
    try:
        monkeypatch.setenv("PULSE_CONFIG", str(erased_lake.config_of(platform, store, tmp_path)))
        erased_lake.erase_and_look(home, other, platform, store, tmp_path)
    finally:
        platform.close()


def test_lake__promotion_costs_a_few_requests_a_load(
    home: Home, through: S3Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PULSE_LAKE", through.url)
    loads_n = 12
    loads = [
        sealed_load(
            home, [contribution(f"t3_{number}", community=f"of{number}")], community=f"of{number}",
            load_id=f"reddit_archive-{number}", communities=[community_observation(community=f"of{number}")],
        )
        for number in range(loads_n)
    ]  # fmt: skip
    with working(home):
        raw.ensure_empty_file(home)
    proxy.seen.clear()
    with working(home):
        for load in loads:
            raw.promote(home, load)
    assert len(proxy.seen) <= 3 * loads_n + 6, proxy.seen
    proxy.seen.clear()
    with working(home):
        raw.promote(home, loads[0])
    assert [method for method, _ in proxy.seen] == ["GET"], "nothing changed: one look at what counts"


# ---- errors ----------------------------------------------------------------------


def test_errors__name_what_is_wrong_and_show_no_secret(
    store: S3Store, server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    with pytest.raises(ObjectStoreError, match="there is no bucket elsewhere") as wrong_bucket:
        snapshot.latest(open_store("s3://elsewhere/lake"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET}-other")
    with pytest.raises(ObjectStoreRefused, match="refused") as wrong_key:
        snapshot.latest(open_store("s3://lake/lake"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(ObjectStoreUnavailable, match="AWS_ENDPOINT_URL") as unreachable:
        snapshot.latest(open_store("s3://lake/lake"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"no address {SECRET}")
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as no_address:
        open_store("s3://lake/lake")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match="set AWS_SECRET_ACCESS_KEY"):
        open_store("s3://lake/lake")
    said = caplog.text + "".join(str(caught.value) for caught in (wrong_bucket, wrong_key, unreachable, no_address))
    assert SECRET not in said
    assert not wrong_bucket.value.retry_helps
    assert unreachable.value.retry_helps
