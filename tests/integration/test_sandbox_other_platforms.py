"""A sandbox server stands in for more than Reddit: one variable leads every live source there."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from fixtures.live_sources import CASES, Case
from fixtures.live_stage import KEY, LIMITS, rows_of
from pulse.config.settings import load_settings
from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY, Home
from pulse.core.window import Window
from pulse.lake import landing
from pulse.sandbox.faults import Fault
from pulse.sandbox.reddit_data import WorldData
from pulse.sandbox.server import SandboxServer
from pulse.sandbox.talk import Said, Talk, talk_of
from pulse.sandbox.world_doubles import WorldDoubles
from pulse.sources.context import SourceContext
from pulse.sources.live.extraction import SANDBOX_VARIABLE, extract, probe
from pulse.sources.registry import SOURCES
from pulse.steps.pipeline import Pipeline
from support import world_of_seed_7

pytestmark = pytest.mark.integration

COMMUNITY = "ShutterAttic"
DAY = date(2026, 6, 9)
NOW = datetime(2026, 6, 10, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_sandbox__shows_the_world_as_any_platform_would(case: Case, home: Home, monkeypatch: pytest.MonkeyPatch):
    world = world_of_seed_7(40)
    entry = case.entry("https://elsewhere.example")
    talk_at = talk_of(world, COMMUNITY)
    double = case.double(talk_at, 100)
    policy = case.policy("https://elsewhere.example", LIMITS)
    asks: dict[str, Any] = {}
    with SandboxServer(WorldData(world), now=NOW, others={(case.source.name, entry.community): double}) as server:
        monkeypatch.setenv(SANDBOX_VARIABLE, server.url)
        if case.credentials is not None:
            credentials = case.credentials(server.url)
            asks = {"ask_credentials": lambda _: credentials}
        context = SourceContext(home, (entry,), lambda: NOW, KEY, {type(policy): policy}, **asks)
        assert "its clock says 2026-06-10 00:30 UTC" in probe(case.source, entry, context)
        server.add_fault(Fault("503", path=f"/{case.source.name}/"))
        (load,) = extract(case.source, entry, Window.one_day(DAY), context)
    of_day = [one for one in talk_at(NOW).said if one.created_at.date() == DAY]
    standing = {case.contribution_id(one): one for one in of_day if one.removal == "none"}
    assert len(standing) > 10
    found = {row["contribution_id"] for row in rows_of(load) if row["removal"] == "none"}
    # An archive may not know yet what is gone by now.
    assert found <= {case.contribution_id(one) for one in of_day}
    # What hangs below something gone is out of reach where a platform shows threads from their beginning only.
    below_gone = {full_id for full_id, one in standing.items() if _is_below_gone(one, talk_at(NOW))}
    out_of_reach = {full_id for full_id, one in standing.items() if case.may_miss(one)}
    assert standing.keys() - found <= below_gone | out_of_reach
    assert load.manifest.partial_reason is None


def _is_below_gone(one: Said, talk: Talk) -> bool:
    while one.parent is not None:
        one = talk.by_number[one.parent]
        if one.removal != "none":
            return True
    return False


def test_sandbox__is_only_believed_on_this_machine(home: Home, monkeypatch: pytest.MonkeyPatch):
    case = CASES["hacker_news"]
    entry, policy = case.entry(""), case.policy("https://elsewhere.example", LIMITS)
    context = SourceContext(home, (entry,), lambda: NOW, KEY, {type(policy): policy})
    monkeypatch.setenv(SANDBOX_VARIABLE, "https://elsewhere.example")
    with pytest.raises(ConfigError, match=SANDBOX_VARIABLE):
        probe(case.source, entry, context)


def test_example_without_an_account__is_answered_by_a_sandbox_of_the_world(home: Home, monkeypatch: pytest.MonkeyPatch):
    world = world_of_seed_7(40)
    monkeypatch.setenv("PULSE_CONFIG", str(REPOSITORY / "config" / "examples" / "no-account.yml"))
    settings = load_settings(home=home)
    assert {SOURCES[entry.source].is_live for entry in settings.communities} == {True}
    asked = [SOURCES[entry.source].credentials for entry in settings.communities]
    assert all(kind is None or kind.is_optional for kind in asked)
    pipeline = Pipeline(home, settings, lambda: NOW)
    window = Window.one_day(DAY)
    with SandboxServer(WorldData(world), now=NOW, others=WorldDoubles(world)) as server:
        monkeypatch.setenv(SANDBOX_VARIABLE, server.url)
        for entry_id in pipeline.plan(window):
            (load_id,) = pipeline.extract(entry_id, window, run_id="run")
            manifest = landing.require(home, load_id).manifest
            assert manifest.partial_reason is None
            # Nobody of the world speaks of what the query asks for.
            assert (manifest.rows_n > 0) == (manifest.source != "hacker_news"), entry_id
