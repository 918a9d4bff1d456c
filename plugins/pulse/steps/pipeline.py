"""The steps of a run, in order; what Airflow's tasks, the command line and the tests call.

Each step can be repeated. Steps hand over ids and counts that fit into JSON, never rows. The window comes from the
caller; the clock only stamps when something was observed or recorded, and refuses a day that is not over.

    plan → extract (one per entry) → gate_loads → promote → score → work_texts → build → gate_marts → publish
    plan → import_results → build

Within the day: due_listens → listen (one per entry that is due).

Heavy libraries are imported inside the steps: a step of one kind should not pay for another's.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from pulse.config.lake import on_lake, working
from pulse.config.settings import Settings, load_settings
from pulse.core import keys, progress, side_by_side
from pulse.core.clock import Clock, utc_now
from pulse.core.credentials import Credentials, from_environment
from pulse.core.errors import BuildFailed, ConfigError, GateStopped, NotEnoughArrived, PulseError
from pulse.core.files import read_json, write_json
from pulse.core.home import Home, path_value
from pulse.core.locks import WAREHOUSE_LOCK, exclusive
from pulse.core.text import printable
from pulse.core.window import Window
from pulse.lake import forgotten, landing, outcomes, quality, raw

if TYPE_CHECKING:
    from pulse.gates import LoadVerdict
    from pulse.sources.context import SourceContext
    from pulse.texts import ScoreCounts, Scorer
    from pulse.texts.store import Partition

log = logging.getLogger(__name__)


class EntryVerdict(TypedDict):
    """What gate 1 made of one load of an entry; grain: run, entry and load. An entry with archives may have two loads.

    ``load_id`` is None when the extraction failed. ``message`` says in one line what stopped it, or how much passed.
    ``rule``, ``value`` and ``limit`` belong to the first rule that stopped the load.
    """

    entry_id: str
    load_id: str | None
    outcome: Literal["passed", "failed", "quarantined"]
    rows_n: int
    accepted_n: int
    quarantined_n: int
    rule: str | None
    value: str | None
    limit: str | None
    message: str


@dataclass(frozen=True)
class Pipeline:
    """The steps over one home and one configuration.

    Attributes:
        ask_credentials: where the source that needs them gets them; by default the environment.
    """

    home: Home
    settings: Settings
    clock: Clock = utc_now
    ask_credentials: Callable[[type[Credentials]], Credentials] = field(default=from_environment, repr=False)

    @classmethod
    def from_environment(
        cls,
        *,
        clock: Clock = utc_now,
        ask_credentials: Callable[[type[Credentials]], Credentials] = from_environment,
    ) -> "Pipeline":
        """Over ``PULSE_HOME`` and ``PULSE_CONFIG``; makes the folders.

        Raises:
            ConfigError: the configuration cannot be used.
            StorageError: the home cannot be written.
        """
        home = Home.from_environment().create()
        return cls(home, load_settings(home=home), clock, ask_credentials)

    # ---- before anything is read -------------------------------------------

    @on_lake
    def plan(self, window: Window) -> list[str]:
        """Entry ids to extract, in the order of the config.

        Side effects: makes the empty typed files, finishes what a killed run left half promoted, and heals what is
        damaged in raw as far as landing still has it.

        Raises:
            DayNotOver: the window's last day still runs.
            ConfigError: the author key is not the one that raw was made with.
        """
        window.require_over(self.clock())
        keys.author_key_bytes(self.home)
        quality.ensure_tables(self.home)
        raw.ensure_empty_file(self.home)
        raw.heal(self.home)
        self._bring_coverage_up_to_date()
        entry_ids = [entry.entry_id for entry in self.settings.communities]
        log.info("plan: %s, %d communities", window, len(entry_ids))
        self._tell_never_seen()
        self._tell_calls(window)
        return entry_ids

    # ---- source to landing -------------------------------------------------

    def extract(self, entry_id: str, window: Window, *, run_id: str) -> list[str]:
        """Land one entry's window; returns the ids of the sealed loads.

        A failure is noted for the gate, which lists it as an outcome, and raised again.
        """
        from pulse.sources.routes import extract

        note = self._failure_note(run_id, entry_id)
        entry = self.settings.entry(entry_id)
        try:
            loads = extract(entry, window, self.source_context())
        except Exception as error:
            reason = str(error) if isinstance(error, PulseError) else f"{type(error).__name__}: {error}"
            write_json(note, {"reason": printable(reason)})
            raise
        note.unlink(missing_ok=True)
        for load in loads:
            manifest = load.manifest
            log.info("extract: %s, %d rows, %d bad lines", printable(entry_id), manifest.rows_n, manifest.bad_lines_n)
            if manifest.is_never_seen:
                log.warning("extract: %s: nothing bears this name, so nothing is known of it", printable(entry_id))
        return [load.load_id for load in loads]

    # ---- within the day ------------------------------------------------------

    def due_listens(self, at: datetime) -> list[str]:
        """Entry ids that are due to be listened to at a time, in the order of the config."""
        from pulse.sources.routes import due_listens

        entry_ids = [entry.entry_id for entry in due_listens(self.source_context(), at)]
        log.info("listen: %s, %d communities are due", at.isoformat(timespec="minutes"), len(entry_ids))
        return entry_ids

    def listen(self, entry_id: str, at: datetime) -> dict[str, int]:
        """Ask one entry's platform within the day; makes no load: the daily run takes what was heard.

        Args:
            at: when the listen was due, aware; its UTC day is the one that is listened to.

        Returns:
            Calls, records shown, and contributions that were looked at because they are a day old.

        Raises:
            ConfigError: the entry's source does not listen; credentials are missing.
            SourceError, StorageError: see :meth:`pulse.sources.protocol.Extraction.listen`.
        """
        from pulse.sources.live.entry import LiveEntry
        from pulse.sources.routes import listen

        entry = self.settings.entry(entry_id)
        if not isinstance(entry, LiveEntry):
            raise ConfigError(
                f"entry {entry_id}", value=f"source {entry.source}", limit="a live source that listens",
                next_step="run its days: what it has does not pass by",
            )  # fmt: skip
        heard = listen(entry, at, self.source_context())
        log.info("listen: %s, %d calls, %d records", printable(entry_id), heard.calls_n, heard.shown_n)
        for kind, hours in heard.unread.items():
            log.warning("listen: %s: %.1f h of %ss before it could not be read", printable(entry_id), hours, kind)
        return {"calls_n": heard.calls_n, "shown_n": heard.shown_n, "due_n": heard.due_n}

    # ---- gate 1 ------------------------------------------------------------

    @on_lake
    def gate_loads(
        self, window: Window, entry_ids: Sequence[str], load_ids: Iterable[str], *, run_id: str
    ) -> list[EntryVerdict]:
        """Check each load apart; a verdict for each, and one for each entry whose extraction failed.

        Side effects: gate results, quarantine, and the outcomes of what will not arrive.
        """
        from pulse.gates import check_loads

        # What files were parsed into is no load, and was held against nobody's wish yet.
        forgotten.hold(self.home, [self.home.landing])
        loads = [landing.require(self.home, load_id) for load_id in load_ids]
        checked = check_loads(loads, home=self.home, settings=self.settings, run_id=run_id, clock=self.clock)
        verdicts: dict[str, list[EntryVerdict]] = {entry_id: [] for entry_id in entry_ids}
        for verdict in map(_entry_verdict, checked):
            verdicts[verdict["entry_id"]].append(verdict)
        ordered = [
            verdict
            for entry_id, of_entry in verdicts.items()
            for verdict in of_entry or [self._failed_extraction(run_id, entry_id)]
        ]
        absent = [row for verdict in ordered for row in self._absence_rows(window, verdict, run_id)]
        outcomes.record(self.home, absent, stem=f"{run_id}-absent")
        passed_n = sum(verdict["outcome"] == "passed" for verdict in ordered)
        log.info("gate 1: %d of %d loads passed", passed_n, len(ordered))
        return ordered

    # ---- landing to raw ----------------------------------------------------

    @on_lake
    def promote(self, verdicts: Sequence[EntryVerdict], *, run_id: str) -> dict[str, int]:
        """Bring the accepted rows of passed loads into raw and record the outcome of each community and day."""
        keys.require_same(self.home)
        self._bring_coverage_up_to_date()
        counts = {"loads_n": 0, "rows_n": 0, "partitions_n": 0}
        arrived: list[dict[str, Any]] = []
        loads = self._passed_loads(verdicts)
        erased = raw.make_way(self.home, loads)
        for load in progress.over(loads, "promoting", "loads"):
            promotion = raw.promote(self.home, load, erased=erased)
            entry = self.settings.entry(load.manifest.entry_id)
            arrived += outcomes.arrival_rows(self.home, entry, load, run_id=run_id, recorded_at=self.clock())
            counts["loads_n"] += 1
            counts["rows_n"] += promotion.rows_n
            counts["partitions_n"] += len(promotion.partitions)
        outcomes.record(self.home, outcomes.best_of_each_day(arrived), stem=f"{run_id}-arrived")
        log.info("raw: %(rows_n)d rows of %(loads_n)d loads, %(partitions_n)d partitions changed", counts)
        return counts

    @on_lake
    def score(self, verdicts: Sequence[EntryVerdict], *, is_deep: bool = False) -> dict[str, int]:
        """Judge the sentiment of texts that this model has not judged yet.

        They are in the loads' partitions, and in those it never saw: the whole history when the model is a new one,
        for marts hold the scores of one model only. Scores of which a file is damaged are made again.

        Args:
            is_deep: read all scores to find damage, not the ends of files alone.
        """
        from pulse.texts import get_scorer, unjudged_partitions
        from pulse.texts.store import drop_damaged

        drop_damaged(self.home, is_deep=is_deep)
        arrived = {part for load in self._passed_loads(verdicts) for part in raw.partitions_of(load)}
        scorer = get_scorer(self.settings.sentiment_model)
        partitions: set[tuple[str, str | None, date]] = {(part.platform, part.community, part.day) for part in arrived}
        partitions.update(unjudged_partitions(self.home, scorer.model_id))
        scored = self._scored(scorer, sorted(partitions, key=str))
        counts: dict[str, int] = asdict(scored)
        log.info("score: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))
        return counts

    def _scored(self, scorer: "Scorer", partitions: Sequence["Partition"]) -> "ScoreCounts":
        """By this process; a history by Spark's workers where the config says so."""
        from pulse.texts import score_partitions

        if self.settings.engine == "spark" and self.settings.spark.scores == "workers":
            from pulse.steps import scoring_on_spark

            if len(partitions) >= scoring_on_spark.LEAST_PARTITIONS:
                model = self.settings.sentiment_model
                return scoring_on_spark.score_on_spark(self.home, self.settings.spark, model, partitions)
        return score_partitions(self.home, scorer, partitions)

    # ---- what texts say besides ----------------------------------------------

    @on_lake
    def work_texts(self, *, is_deep: bool = False) -> dict[str, int]:
        """Find the config's brands in new texts, and work words, near copies and topics out of them.

        Args:
            is_deep: read all that is kept to find damage, not the ends of files alone.

        Raises:
            ConfigError: judged examples of a brand cannot be read any more.
            StorageError: disk full or not writable; the same again goes on from what is done.
        """
        mentions, words = side_by_side.together(
            partial(self._find_mentions, is_deep=is_deep), partial(self._work_words, is_deep=is_deep)
        )
        return mentions | words

    def _find_mentions(self, *, is_deep: bool) -> dict[str, int]:
        """Write what the config says to listen for as tables, and find its brands in texts not looked at for them.

        Those are the texts that came since; the whole history where brands, their examples or the model changed.
        """
        from pulse.listening import store
        from pulse.texts import get_scorer

        scorer = get_scorer(self.settings.sentiment_model)
        found = store.find_mentions(self.home, self.settings.listening, scorer, is_deep=is_deep)
        counts: dict[str, int] = asdict(found)
        log.info("mentions: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))
        return counts

    def _work_words(self, *, is_deep: bool) -> dict[str, int]:
        """Work out of texts what marts count: words, near copies, topics; only where raw changed since the last time.

        Texts are scored before, which tells the English ones.
        """
        from pulse.texts import get_scorer
        from pulse.words import refresh

        counts = asdict(refresh(self.home, get_scorer(self.settings.sentiment_model).model_id, is_deep=is_deep))
        log.info("words: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))
        return counts

    # ---- results of the business -------------------------------------------

    @on_lake
    def import_results(self, *, run_id: str) -> list[dict[str, Any]]:
        """Bring new and changed files of business results through their gate into raw; one verdict per file.

        A stopped file leaves what it brought before in place, and is tried again in each run.

        Raises:
            LockBusy: another process writes to raw or the warehouse.
        """
        from pulse.imports import importing

        verdicts = importing.import_new(self.home, self.settings, clock=self.clock, run_id=run_id)
        stopped_n = sum(verdict["outcome"] == "stopped" for verdict in verdicts)
        log.info("import: %d files new or changed, %d stopped", len(verdicts), stopped_n)
        return [dict(verdict) for verdict in verdicts]

    # ---- warehouse ---------------------------------------------------------

    @on_lake
    def build(self, *, is_full_refresh: bool = False) -> list[dict[str, Any]]:
        """Build the marts of the pending dates; one item per model, and one per data test that failed.

        One item in all, ``nothing changed``, where what is published has everything already.

        Never raises for a failing model, so that each can be shown; :meth:`require_built` does.
        """
        from pulse.warehouse import builds, transform

        self._bring_coverage_up_to_date()
        report = builds.build(self.home, settings=self.settings, is_full_refresh=is_full_refresh)
        if report.is_nothing_new:
            log.info("dbt: nothing changed since what is published was built, so nothing is built")
            return [asdict(transform.NOTHING_CHANGED)]
        failed_n = sum(not node.is_ok for node in report.nodes)
        dates = "everything" if report.contribution_dates is None else f"{len(report.contribution_dates)} dates"
        log.info("dbt: %d nodes, %d failed, %s", len(report.nodes), failed_n, dates)
        return [asdict(node) for node in report.nodes if node.resource_type == "model" or not node.is_ok]

    @staticmethod
    def require_built(nodes: Sequence[dict[str, Any]]) -> None:
        """Refuse to go on when a node failed.

        Raises:
            BuildFailed: names the first failed node.
        """
        failed = [node for node in nodes if not node["is_ok"]]
        if failed or not nodes:
            first = f"{failed[0]['label']}: {failed[0]['message']}" if failed else "dbt ran no node"
            raise BuildFailed(
                "marts", value=f"{len(failed)} of {len(nodes)} nodes failed; first {first}",
                next_step="mend the model and run the day again; what was published before stays",
            )  # fmt: skip

    @on_lake
    def gate_marts(self, *, run_id: str) -> dict[str, Any]:
        """Check the built marts as a whole; the result names the build, for publishing exactly that.

        What is published already has passed, and is not checked again.

        Raises:
            GateStopped: a critical rule failed; nothing will be published.
            BuildFailed, NothingPublished: there is no build to check.
            LockBusy: another process writes to raw or the warehouse.
        """
        from pulse.gates import check_marts
        from pulse.warehouse import builds

        with exclusive(self.home, WAREHOUSE_LOCK):
            built = builds.built(self.home)
            if built.is_published:
                log.info("gate 2: nothing changed since what is published passed")
                return {"build_id": built.build_id, "rules_n": 0, "warnings_n": 0}
            verdict = check_marts(
                builds.working_file(self.home),
                home=self.home,
                run_id=run_id,
                clock=self.clock,
                contribution_dates=built.contribution_dates,
                sentiment_model_id=builds.sentiment_model_id(self.settings),
            )
        if not verdict.is_passed:
            first = verdict.stopped_by[0]
            raise GateStopped(
                "gate 2", value=f"{first.message} ({len(verdict.stopped_by)} rules in all)", limit=first.limit,
                next_step="read docs/operations.md, \"nothing was published\"; what was published before stays",
            )  # fmt: skip
        log.info("gate 2: %d rules passed, %d warnings", verdict.rules_n, len(verdict.warnings))
        for found in verdict.warnings:
            log.warning("gate 2: %s", found.message)
        return {
            "build_id": built.build_id,
            "rules_n": verdict.rules_n,
            "warnings_n": len(verdict.warnings),
            "warnings": [
                {"rule": found.rule, "value": found.value, "message": found.message} for found in verdict.warnings
            ],
        }

    @on_lake
    def publish(self, window: Window, verdicts: Sequence[EntryVerdict], gated: Mapping[str, Any]) -> dict[str, Any]:
        """Give analysts the build that gate 2 passed, if enough communities arrived.

        Raises:
            BuildReplaced: another run built in between and has not published yet.
            NotEnoughArrived: fewer entries passed gate 1 than the policy asks for; what was published stays.
        """
        policy = self.settings.publish
        has_passed: dict[str, bool] = {}
        for verdict in verdicts:
            has_passed[verdict["entry_id"]] = has_passed.get(verdict["entry_id"], True) and (
                verdict["outcome"] == "passed"
            )
        passed_n = sum(has_passed.values())
        share = passed_n / len(has_passed) if has_passed else 0.0
        if share < policy.min_communities_arrived_share:
            raise NotEnoughArrived(
                f"publishing {window}", value=f"{passed_n} of {len(has_passed)} communities arrived",
                limit=f"a share of {policy.min_communities_arrived_share:g}",
                next_step="see `pulse status` for the reason of each; mend the sources and run the day again",
            )  # fmt: skip
        state_id = self._publish(gated)
        self._compact(window)
        return {"state_id": state_id, "communities_arrived_share": share}

    # ---- by hand -----------------------------------------------------------

    def rebuild(self, *, run_id: str, keep_states_n: int | None = None) -> str:
        """Build all marts from raw again, check and publish them; returns the state's id.

        What is damaged in raw and scores is found by reading all of it, and made again where that is possible.

        Args:
            keep_states_n: how many published files stay; None for as many as the policy says.

        Raises:
            BuildFailed, GateStopped, DamagedFile: what was published before stays.
        """
        with working(self):
            raw.heal(self.home, is_deep=True)
        self.score([], is_deep=True)
        self.work_texts(is_deep=True)
        self.require_built(self.build(is_full_refresh=True))
        return self._publish(self.gate_marts(run_id=run_id), keep_states_n=keep_states_n)

    def publish_results(self, *, run_id: str) -> str:
        """Build what is pending with the results that were imported, check and publish it; returns the state's id.

        Raises:
            BuildFailed, GateStopped: what was published before stays.
        """
        self.score([])
        self.work_texts()
        self.require_built(self.build())
        return self._publish(self.gate_marts(run_id=run_id))

    def release(
        self, load_id: str, *, waive: frozenset[str], reason: str, run_id: str, released_by: str | None = None
    ) -> str:
        """Make a new load of a stopped one with named rules waived, and take it all the way; returns the state's id.

        Raises:
            ConfigError: a rule that does not exist.
            StorageError: no such load.
            GateStopped: another rule stops the new load, or gate 2 the marts.
            BuildFailed: dbt failed.
        """
        from pulse.gates import quarantine

        with working(self):
            load = quarantine.release(
                self.home, load_id, waive=waive, reason=reason, clock=self.clock, released_by=released_by
            )
        entry_id, window = load.manifest.entry_id, load.manifest.window
        verdicts = self.gate_loads(window, [entry_id], [load.load_id], run_id=run_id)
        if verdicts[0]["outcome"] != "passed":
            raise GateStopped(
                f"released load of {entry_id}", value=verdicts[0]["message"],
                next_step="waive that rule too if you are sure, or mend the source and run the day again",
            )  # fmt: skip
        self.promote(verdicts, run_id=run_id)
        self.score(verdicts)
        self.work_texts()
        self.require_built(self.build())
        state_id = self._publish(self.gate_marts(run_id=run_id))
        quarantine.forget_released(self.home, load_id)
        return state_id

    # ---- helpers -----------------------------------------------------------

    def _bring_coverage_up_to_date(self) -> None:
        """Derive coverage once for what was loaded before there was any.

        Whatever comes first asks for it: a load that arrives before would speak for its days alone, and marts that are
        built before would know nothing.
        """
        from pulse.steps import coverage_of_before

        if not coverage_of_before.is_done(self.home):  # only then is the author key asked for
            coverage_of_before.derive_once(self.home, self.settings, self.source_context())

    def source_context(self) -> "SourceContext":
        """What sources are given."""
        from pulse.config.context import source_context

        key = keys.author_key_bytes(self.home)
        return source_context(self.home, self.settings, self.clock, key, self.ask_credentials)

    def _tell_never_seen(self) -> None:
        """Say which names of the config nothing bears, as far as archives were parsed before."""
        from pulse.sources.lines.review import review

        for remark in review(self.source_context()):
            if remark.is_never_seen:
                log.warning("plan: %s: %s", printable(remark.entry_id), remark.found)

    def _tell_calls(self, window: Window) -> None:
        """Say what live sources will ask for. Whatever is wrong with it fails their extractions, and no others."""
        from pulse.sources.routes import describe_plan

        try:
            for line in describe_plan(window, self.source_context()):
                log.info("plan: %s", line)
        except PulseError as error:
            log.warning("plan: %s", error)

    def _publish(self, gated: Mapping[str, Any], *, keep_states_n: int | None = None) -> str:
        """Publish the build that gate 2 has passed. Then what the policy no longer keeps goes, and reports are
        rid of what was taken back.
        """
        from pulse.reports import quotes
        from pulse.steps import retention
        from pulse.warehouse import builds

        before = builds.published_state(self.home)
        state = builds.publish(
            self.home,
            keep_states_n=keep_states_n or self.settings.publish.keep_states_n,
            clock=self.clock,
            build_id=gated["build_id"],
            has_tables=self.settings.spark.publish == "tables",
        )
        if state == before:
            log.info("published: nothing changed, %s stays", state.state_id)
        else:
            log.info("published: %s", state.state_id)
        retention.prune(self.home, self.settings.retention, clock=self.clock)
        quotes.renew_reports(self.home, self.settings.report, clock=self.clock)
        return state.state_id

    def _compact(self, window: Window) -> None:
        """Compact what is settled for this run. What goes wrong is left to a later run: this one published."""
        from pulse.steps import retention

        try:
            done = retention.compact(self.home, through=window.last_day, is_run=True)
        except PulseError as error:
            log.warning("compaction: left to a later run: %s", error)
        else:
            log.info("compaction: %d small files became fewer", done.items_n)

    def _passed_loads(self, verdicts: Iterable[EntryVerdict]) -> list[landing.Load]:
        return [
            landing.require(self.home, verdict["load_id"])
            for verdict in verdicts
            if verdict["outcome"] == "passed" and verdict["load_id"]
        ]

    def _failure_note(self, run_id: str, entry_id: str) -> Path:
        return self.home.landing / "failures" / path_value(run_id) / f"{path_value(entry_id)}.json"

    def _failed_extraction(self, run_id: str, entry_id: str) -> EntryVerdict:
        note = self._failure_note(run_id, entry_id)
        reason = read_json(note)["reason"] if note.exists() else "the extraction ended without a word"
        return EntryVerdict(
            entry_id=entry_id, load_id=None, outcome="failed", rows_n=0, accepted_n=0, quarantined_n=0,
            rule=None, value=None, limit=None, message=reason,
        )  # fmt: skip

    def _absence_rows(self, window: Window, verdict: EntryVerdict, run_id: str) -> list[dict[str, Any]]:
        from pulse.gates import quarantine

        if verdict["outcome"] == "passed":
            return []
        stopped = quarantine.find_stopped(self.home, verdict["load_id"]) if verdict["load_id"] else None
        return outcomes.absence_rows(
            self.settings.entry(verdict["entry_id"]),
            stopped.manifest.window if stopped else window,
            run_id=run_id,
            load_id=verdict["load_id"],
            outcome=verdict["outcome"],
            quarantined_rows_n=verdict["quarantined_n"],
            reason=verdict["message"],
            recorded_at=self.clock(),
        )


def _entry_verdict(verdict: "LoadVerdict") -> EntryVerdict:
    stopped = verdict.stopped_by[0] if verdict.stopped_by else None
    return EntryVerdict(
        entry_id=verdict.entry_id,
        load_id=verdict.load_id,
        outcome="passed" if verdict.is_passed else "quarantined",
        rows_n=verdict.rows_n,
        accepted_n=verdict.accepted_n,
        quarantined_n=verdict.quarantined_n,
        rule=stopped.rule if stopped else None,
        value=str(stopped.value) if stopped else None,
        limit=str(stopped.limit) if stopped else None,
        message=stopped.message if stopped else f"{verdict.accepted_n} of {verdict.rows_n} rows accepted",
    )
