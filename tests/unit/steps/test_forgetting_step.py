"""Forgetting step by step, without a warehouse: killed anywhere, the same again finishes it."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fixtures import discord_documents, reddit_lines
from fixtures.everything import files_with
from fixtures.export_files import entry_of, written
from fixtures.file_forms import FORMS, TABLE, WINDOW, records
from pulse.config.listening import Brand, Listening
from pulse.config.settings import Settings
from pulse.core import keys
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.lake import forgotten, landing, quality, raw
from pulse.listening import store as mentions
from pulse.platforms.names import author_key
from pulse.sources.routes import extract
from pulse.steps.forgetting import Asked, forget
from pulse.steps.pipeline import Pipeline
from pulse.texts import get_scorer, score_partitions
from support import NOON, contribution, sealed_load

NAME, TEXT = "Nadia_Quill_77", "tangerine zeppelin"


@pytest.fixture
def pipeline(home: Home, tmp_path: Path) -> Pipeline:
    """Two loads in raw, judged; one in quarantine; a line that could not be read; nothing published."""
    key = author_key(keys.author_key_bytes(home), "reddit", NAME)
    secret = {"author_key": key, "body": TEXT, "title": None}
    line = {
        "file": "f", "line_number": 1, "fault": "no_json", "detail": TEXT, "line": f'"{NAME}" {TEXT}'.encode(),
        "community": "tea", "day": NOON.date(),
    }  # fmt: skip
    first = sealed_load(home, [contribution(**secret), contribution("t1_b")], bad_lines=[line])
    live = sealed_load(
        home, [contribution("t1_c", **secret, source="reddit_api")], load_id="reddit_api-reddit-tea-x",
        is_replayable=False, source="reddit_api",
    )  # fmt: skip
    for load in (first, live):
        raw.promote(home, load)
        parts = [(part.platform, part.community, part.day) for part in raw.partitions_of(load)]
        score_partitions(home, get_scorer("vader"), parts)
    stopped = sealed_load(home, [contribution("t1_d", **secret)], load_id="reddit_archive-reddit-tea-stopped")
    target = home.quarantine / "loads" / stopped.load_id
    target.parent.mkdir()
    stopped.folder.rename(target)
    (home.scratch / "spill.tmp").write_text(TEXT)
    entry = reddit_lines.entry(reddit_lines.write(tmp_path / "mine.ndjson", [reddit_lines.post(author=NAME)]))
    return Pipeline(home, Settings(communities=(entry,)), lambda: NOON)


WHO_WROTE_ALL = {
    "reddit_archive": "Some_Author",
    "discord_export": discord_documents.PERSON,
    "discord_export csv": "1",
    "slack_export": "U1",
    "telegram_export": "user5",
    "tabular csv": "some account",
}


@pytest.mark.parametrize("name", WHO_WROTE_ALL)
def test_forget__of_every_source_of_files_leaves_no_text_and_lets_none_come_back(home: Home, name: str):
    form, account = FORMS[name], WHO_WROTE_ALL[name]
    facts, content = form.facts, form.write(records())
    if name == "tabular csv":
        facts = facts | {"table": {"columns": TABLE | {"author": "who"}}}
        lines = content.decode().splitlines()
        content = "\n".join([f"{lines[0]},who", *(f"{line},{account}" for line in lines[1:])]).encode() + b"\n"
    path = written(home.root.parent / "mine" / form.file, content)
    one = entry_of(path, **facts)
    pipeline = Pipeline(home, Settings(communities=(one,)), lambda: datetime(2026, 11, 1, tzinfo=UTC))

    def take() -> int:
        (load,) = extract(one, WINDOW, pipeline.source_context())
        raw.promote(home, load)
        return load.manifest.rows_n

    texts = [row["text"] for row in records()]
    assert take() == len(texts)
    assert {place.parts[0] for place in files_with(home.root, texts)} == {"landing", "raw"}
    proof = forget(pipeline, Asked(one.platform, account), run_id="x")
    assert proof.left_n == 0
    assert files_with(home.root, texts) == {}
    take()
    assert not [place for place in files_with(home.root, texts) if place.parts[0] == "raw"]


def test_forget__every_place_is_emptied_and_the_proof_counts_it(pipeline: Pipeline):
    home = pipeline.home
    held = {path.parts[0] for path in files_with(home.root, [NAME, TEXT])}
    assert held == {"landing", "quarantine", "raw", "scratch"}
    proof = forget(pipeline, Asked("reddit", NAME.upper()), run_id="x")
    assert files_with(home.root, [NAME, TEXT]) == {}
    assert (proof.state_id, proof.left_n) == (None, 0)
    found = {(trace.place, trace.what): trace.found_n for trace in proof.traces if trace.found_n}
    assert found == {
        ("raw/tombstones", "contributions"): 3, ("raw/contributions", "rows"): 2, ("landing", "rows"): 2,
        ("landing", "lines"): 1, ("quarantine", "rows"): 1, ("scratch", "files"): 1, ("input", "lines"): 1,
    }  # fmt: skip
    scores = [row for file in home.scores.rglob("*.parquet") for row in pq.read_table(file).to_pylist()]
    assert [row["contribution_id"] for row in scores] == ["t1_b"]
    assert {load.load_id for load in landing.sealed_loads(home)}, "loads stay, to be gated and replayed"


def test_forget__mentions_of_what_they_wrote_go_and_those_of_others_stay(pipeline: Pipeline):
    brands = Listening(brands=(Brand(name="Zeppelin", aliases=("zeppelin",)),))
    settings = pipeline.settings.model_copy(update={"listening": brands})
    named = replace(pipeline, settings=settings)
    assert named.work_texts()["mentions_n"] == 2
    proof = forget(named, Asked("reddit", NAME), run_id="x")
    assert {trace.left_n for trace in proof.traces if trace.place == "mentions"} == {0}
    rows = [row for file in mentions.files(pipeline.home) for row in pq.read_table(file).to_pylist()]
    assert [(row["contribution_id"], row["brand"]) for row in rows] == [("t1_b", None)]


MOMENTS = {
    "before the list": "forgotten.put_on_list = die",
    "before raw": "raw.take_back = die",
    "within raw": "dying_at('/raw/contributions/')",
    "within the tombstones": "dying_at('/raw/tombstones/')",
    "within landing": "dying_at('/landing/')",
    "within quarantine": "dying_at('/quarantine/')",
    "before the scores": "taken_back.drop = die",
    "within the scores": "dying_at('/scores/')",
    "before the end": "erasing._publish_without = die",
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_forget__killed_at_any_moment_is_finished_by_the_next(pipeline: Pipeline, moment: str):
    (entry,) = pipeline.settings.communities
    code = f"""
import os, pathlib, signal
from pulse.config.settings import Settings
from pulse.core.home import Home
from pulse.lake import forgotten, raw
from pulse.texts import taken_back
from pulse.steps import erasing
from pulse.steps.forgetting import Asked, forget
from pulse.steps.pipeline import Pipeline
def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)
def dying_at(place):
    original = pathlib.Path.replace
    def replace(self, target):
        return die() if place in str(target) else original(self, target)
    pathlib.Path.replace = replace
{moment}
settings = Settings.model_validate({{"communities": [{entry.model_dump(mode="json")!r}]}})
forget(Pipeline(Home.from_environment(), settings), Asked("reddit", {NAME!r}), run_id="x")
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    proof = forget(pipeline, Asked("reddit", NAME), run_id="x")
    assert files_with(pipeline.home.root, [NAME, TEXT]) == {}
    assert proof.left_n == 0
    rows = pq.read_table(pipeline.home.quality / quality.ERASURES).to_pylist()
    assert {row["done_at"] for row in rows if row["request_id"] == proof.request_id} == {NOON}


def test_forget__who_is_not_known_is_listed_all_the_same(pipeline: Pipeline):
    before = {file: file.read_bytes() for file in pipeline.home.raw.rglob("*.parquet")}
    proof = forget(pipeline, Asked("mastodon", "somebody@example.org"), run_id="x")
    assert [trace for trace in proof.traces if trace.found_n] == [
        trace for trace in proof.traces if trace.place == "scratch"
    ]
    assert [person.platform for person in forgotten.everybody(pipeline.home)] == ["mastodon"]
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("author", ["", f" {NAME}", NAME * 20])
def test_asked__refuses_what_is_no_name_and_shows_none(author: str):
    with pytest.raises(ConfigError) as caught:
        Asked("reddit", author)
    assert NAME not in str(caught.value)


def test_asked__refuses_what_is_no_platform():
    with pytest.raises(ConfigError, match="as the config does"):
        Asked("../x", NAME)
