"""Running expectations with Great Expectations, and reading its answers with suspicion.

It calls an empty suite a success, and most expectations on an empty table too; an exception inside an expectation comes
back as a failure in one of two shapes. So the verdict is ours: each rule must have exactly one answer, an exception
breaks the gate, and row counts are checked by rules of their own.
"""

import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pulse.core import progress
from pulse.core.home import Home
from pulse.core.text import printable

_MAX_DOC_PAGES = 40
# Browsers decode what looks percent-encoded, so folders that people open have plain names.
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_NOISY_LOGGERS = ("great_expectations", "great_expectations.data_context", "great_expectations.validator", "alembic")


@dataclass(frozen=True)
class Check:
    """One expectation to run.

    Attributes:
        rule: name of the rule it stands for; unique within its batch.
        expectation: class name in ``great_expectations.expectations``.
        arguments: for that class.
        description: what Data Docs show.
    """

    rule: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: str
    description: str


@dataclass(frozen=True)
class Answer:
    """What came of one check.

    Attributes:
        is_success: the expectation held.
        broken: why the check could not tell; None if it could.
        unexpected_n: how many rows were against it; None where that has no meaning.
        example: one of the rows against it, as text; None where there is none to show.
    """

    rule: str
    is_success: bool
    broken: str | None = None
    unexpected_n: int | None = None
    observed: object = None
    example: str | None = None


@dataclass(frozen=True)
class Batch:
    """A table to check (``schema.table``, or a table of the main schema), and what to check there."""

    name: str
    table: str
    checks: Sequence[Check]


def run(
    database: Path, batches: Sequence[Batch], *, home: Home, docs: str | None, has_examples: bool = False
) -> dict[str, dict[str, Answer]]:
    """Run every check; returns the answers by batch and rule, one for each rule whatever happens.

    Args:
        database: a DuckDB file that nobody else holds open; opened read-only.
        docs: name of the Data Docs site to build under ``quality/data_docs``; None builds none.
        has_examples: whether rows against a query are kept as examples, in the answers and in the docs.

    Never raises for what happens inside Great Expectations: a batch that could not be checked has broken answers.
    """
    answers: dict[str, dict[str, Answer]] = {}
    if not batches:
        return answers
    with _quiet():
        try:
            results = _validate(
                database, batches, home=home, docs=docs, result_format="COMPLETE" if has_examples else "BASIC"
            )
        except Exception as error:  # noqa: BLE001  (a gate that cannot run must stop the load, not the gate)
            results = {batch.name: error for batch in batches}
    for batch in batches:
        answers[batch.name] = _answers(batch, results.get(batch.name))
    return answers


def _validate(
    database: Path, batches: Sequence[Batch], *, home: Home, docs: str | None, result_format: str
) -> dict[str, Any]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    from pulse.gates import dialect

    dialect.register()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        "gate", connection_string=_address(database), kwargs={"connect_args": {"read_only": True}}
    )
    try:
        definitions = [_definition(context, source, batch) for batch in batches]
        identified, results = {}, {}
        with progress.counting(
            "holding rules against tables", "rules", sum(len(one.checks) for one in batches)
        ) as meter:
            # A checkpoint for each: one for all says nothing until its last table.
            for batch, definition in zip(batches, definitions, strict=True):
                checkpoint = gx.Checkpoint(
                    name=batch.name, validation_definitions=[definition], result_format=result_format
                )
                ((identifier, result),) = context.checkpoints.add(checkpoint).run().run_results.items()
                identified[identifier] = results[batch.name] = result
                meter.advance(len(batch.checks))
        if docs is not None:
            _build_docs(context, home.quality / "data_docs" / _NO_FILE_NAME.sub("-", docs)[:150], identified)
        return results
    finally:
        # Two engines, each with a pool: an open one would keep the next writer of this process out.
        source.get_execution_engine().engine.dispose()
        source.get_engine().dispose()


def _address(database: Path) -> str:
    """The file as a connection string: percent-encoded for SQLAlchemy, and no ``$`` for GX to take for a variable."""
    return f"duckdb:///{quote(str(database))}"


def _definition(context: Any, source: Any, batch: Batch) -> Any:
    import great_expectations as gx

    expectations = [
        getattr(gx.expectations, check.expectation)(
            **check.arguments,
            severity=check.severity,
            description=check.description,
            meta={"rule": check.rule},
        )
        for check in batch.checks
    ]
    # A query, not a table asset: those lose the schema in some of their queries.
    asset = source.add_query_asset(name=batch.name, query=f"select * from {batch.table}")
    suite = context.suites.add(gx.ExpectationSuite(name=batch.name, expectations=expectations))
    data = asset.add_batch_definition_whole_table(batch.name)
    return context.validation_definitions.add(gx.ValidationDefinition(name=batch.name, data=data, suite=suite))


def _build_docs(context: Any, folder: Path, results: Mapping[Any, Any]) -> None:
    """One page per result, failures first; all in one go, for each build compiles its templates anew.

    A page takes a tenth of a second, so there is a limit to them; the results themselves are all in
    ``quality.gate_results``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    context.add_data_docs_site(
        site_name=folder.name,
        site_config={
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        },
    )
    ordered = sorted(results, key=lambda identifier: bool(results[identifier].success))
    context.build_data_docs(site_names=[folder.name], resource_identifiers=ordered[:_MAX_DOC_PAGES])
    _share_static(folder)


def _share_static(folder: Path) -> None:
    """Keep one copy of the styles and fonts (4 MB) beside all sites instead of one in each."""
    shared, own = folder.parent / "_static", folder / "static"
    if own.is_symlink():
        return
    if shared.exists():
        shutil.rmtree(own)
    else:
        own.rename(shared)
    own.symlink_to(Path("..") / shared.name, target_is_directory=True)


def _answers(batch: Batch, result: Any) -> dict[str, Answer]:
    """One answer per check of the batch; a check without exactly one result is broken."""
    if not batch.checks:
        return {}
    if result is None or isinstance(result, BaseException):
        why = "no result" if result is None else f"{type(result).__name__}: {printable(str(result), max_chars=300)}"
        return {check.rule: Answer(check.rule, is_success=False, broken=why) for check in batch.checks}
    found: dict[str, list[Any]] = {}
    for item in result.results:
        rule = (item.expectation_config.meta or {}).get("rule", "?")
        found.setdefault(rule, []).append(item)
    return {check.rule: _answer(check.rule, found.get(check.rule, [])) for check in batch.checks}


def _answer(rule: str, items: Sequence[Any]) -> Answer:
    if len(items) != 1:
        return Answer(rule, is_success=False, broken=f"{len(items)} results for one rule")
    item = items[0]
    broken = _exception_in(item.exception_info)
    details = item.result or {}
    examples = (details.get("details") or {}).get("unexpected_rows") or []
    return Answer(
        rule,
        is_success=bool(item.success) and broken is None,
        broken=broken,
        unexpected_n=details.get("unexpected_count"),
        observed=details.get("observed_value"),
        example=_example(examples[0]) if examples else None,
    )


def _example(row: Any) -> str:
    """A row that a query found, for people: ``contribution_date 2026-07-06, communities_n 6``."""
    return ", ".join(f"{name} {value}" for name, value in row.items()) if isinstance(row, Mapping) else str(row)


def _exception_in(info: Any) -> str | None:
    """The exception's text, from either shape: one flat dict, or a dict of them by metric."""
    if not info:
        return None
    flat = [info] if "raised_exception" in info else [part for part in info.values() if isinstance(part, dict)]
    for part in flat:
        if part.get("raised_exception"):
            return printable(str(part.get("exception_message")), max_chars=300)
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Great Expectations' own lines out of the task log, for the time of a run."""
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.setLevel(level)
            logger.propagate = propagate
