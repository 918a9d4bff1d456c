"""A build on a cluster of Spark, a master and two workers on this machine, of which one worker is killed on the way.

Needs `requirements/spark.txt` and Java; `make test-cluster` installs both.
"""

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import pytest

import spark_homes
from pulse.config.spark import Spark
from pulse.core.home import Home
from pulse.warehouse.engines.java import java_home

pytestmark = [pytest.mark.integration, pytest.mark.spark]

SPARK_CLASS = Path(sys.executable).parent / "spark-class"
STARTED_S = 120
# Where the kill comes: nine tables that others read are written, and more than twenty models are to be built yet.
KILLED_AT = "int_contributions_latest"
EXECUTORS_N = "executors at work"
OF_CLUSTER = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "1g",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    # No query begins before both executors are there, and each has work to do.
    "spark.cores.max": 2,
    "spark.scheduler.minRegisteredResourcesRatio": 1.0,
    "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{STARTED_S}s",
    "spark.sql.shuffle.partitions": 2,
}


class Node:
    """A master or a worker as a process, with what it starts in a group of its own."""

    def __init__(self, name: str, *arguments: str, folder: Path) -> None:
        command = [str(SPARK_CLASS), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", "--webui-port", "0"]
        # Spark asks the first Python on the path where it is.
        path = f"{SPARK_CLASS.parent}{os.pathsep}{os.environ['PATH']}"
        places = {"PATH": path, "JAVA_HOME": str(java_home()), "SPARK_LOCAL_DIRS": str(folder)}
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=os.environ | places | {"SPARK_DAEMON_MEMORY": "256m"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def said(self, pattern: str) -> str:
        """Wait until its log has a text, and give it."""
        told = []
        while (line := self._lines.get(timeout=STARTED_S)) is not None:
            told.append(line)
            if match := re.search(pattern, line):
                return match[0]
        raise AssertionError(f"it ended, and never said {pattern}: {''.join(told)}")

    def kill(self) -> None:
        """End it with all that it started, as a machine that fails does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cluster:
    """A master and two workers of one core each."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node("master.Master", "--port", "0", folder=folder)]
        try:
            self.url = self.nodes[0].said(r"spark://127\.0\.0\.1:[1-9]\d*")
            for number in range(2):
                place = str(folder / f"worker-{number}")
                size = ("--cores", "1", "--memory", "1g", "--port", "0", "--work-dir", place)
                self.nodes.append(Node("worker.Worker", *size, self.url, folder=folder))
            for worker in self.nodes[1:]:
                worker.said("Successfully registered with master")
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        for node in reversed(self.nodes):
            node.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    spark_homes.skip_without_spark()
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


def test_build__goes_on_when_a_worker_is_killed_and_has_what_duckdb_builds(
    cluster: Cluster, shared_lab: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    facts = {}
    write = RotatingFileHandler.handle

    def kill_on_the_way(handler: Any, record: Any) -> bool:
        from pyspark import SparkContext

        context = SparkContext._active_spark_context  # none while DuckDB builds
        if context is not None and "OK created" in record.getMessage() and f".{KILLED_AT} " in record.getMessage():
            facts[EXECUTORS_N] = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # the driver is one of them
            cluster.nodes[1].kill()
        return write(handler, record)

    monkeypatch.setattr(RotatingFileHandler, "handle", kill_on_the_way)
    other = spark_homes.built_on_both(
        shared_lab,
        tmp_path_factory.mktemp("spark"),
        days=range(0, 33, 8),
        spark=Spark(master=cluster.url, settings=spark_homes.SETTINGS.settings | OF_CLUSTER),
        models=spark_homes.SELECTED_MODELS,
    )
    assert facts == {EXECUTORS_N: 2}
    assert "Lost executor" in (other.home.dbt / "logs" / "spark.log").read_text(encoding="utf-8")
    assert [node.process.poll() is None for node in cluster.nodes] == [True, False, True]
    spark_homes.assert_same_tables(shared_lab, other, least_n=25, least_filled_n=17)


def test_scores__of_a_clusters_workers_are_those_of_this_machine(cluster: Cluster, home: Home, tmp_path: Path):
    spark_homes.unjudged(home)
    other = Home(tmp_path / "other")
    shutil.copytree(home.root, other.root)
    spark = Spark(master=cluster.url, settings=spark_homes.SETTINGS.settings | OF_CLUSTER)
    spark_homes.assert_same_scores(home, other, spark=spark)
