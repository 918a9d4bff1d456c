"""Which of dbt's own macros the project can reach, and what jinja makes of a template, kept for a process.

dbt makes each macro it knows callable for every node it compiles, runs or tests, some 260 times a build. It knows 500
of its own, for features and engines that are not in use, and that took a fifth of a build. A macro that is called and
was not kept stops the build: dbt says that it is not defined.
"""

from collections import defaultdict
from collections.abc import Iterator, KeysView
from functools import cache
from typing import Any

import jinja2

# What dbt calls by name, which no macro's text shows: dbt/adapters/sql/impl.py, dbt/adapters/spark/impl.py and
# dbt/parser/unit_tests.py.
CALLED_BY_NAME = frozenset(
    {
        "alter_column_type",
        "check_schema_exists",
        "create_schema",
        "describe_table_extended_without_caching",
        "drop_relation",
        "drop_schema",
        "get_columns_in_relation",
        "get_columns_in_relation_raw",
        "get_expected_sql",
        "get_fixture_sql",
        "list_relations_show_tables_without_caching",
        "list_relations_without_caching",
        "list_schemas",
        "rename_relation",
        "truncate_relation",
    }
)
# Forms of one macro for one engine or for all; dbt's dispatch takes the first that is there.
_FORMS = ("duckdb__", "spark__", "default__")


def keep_reachable(manifest: Any, *, project: str) -> None:
    """Drop what neither the project's nodes and macros nor dbt itself can call. All forms of a macro stay together."""
    forms_of: dict[str, list[str]] = defaultdict(list)
    for macro_id, macro in manifest.macros.items():
        if _materialization(macro) is None:
            forms_of[_base_name(macro.name)].append(macro_id)
    nodes = [*manifest.nodes.values(), *manifest.unit_tests.values()]
    # The project's own materialization comes before dbt's, which are not called then.
    of_project = {_materialization(macro) for macro in manifest.macros.values() if macro.package_name == project}
    used = {node.config.materialized for node in manifest.nodes.values()} | {"unit"}
    open_ids = {macro_id for node in nodes for macro_id in node.depends_on.macros}
    for macro_id, macro in manifest.macros.items():
        is_materialization = _materialization(macro) in used - of_project
        if macro.package_name == project or macro.name in CALLED_BY_NAME or is_materialization:
            open_ids.add(macro_id)
    kept: set[str] = set()
    while open_ids:
        macro_id = open_ids.pop()
        if macro_id in manifest.macros and macro_id not in kept:
            kept.add(macro_id)
            macro = manifest.macros[macro_id]
            open_ids.update(macro.depends_on.macros)
            open_ids.update(forms_of[_base_name(macro.name)])
    for macro_id in manifest.macros.keys() - kept:
        del manifest.macros[macro_id]


@cache
def flat_namespace() -> Any:
    """A ``MacroNamespace`` that finds each name once; dbt's own looks in five places whenever it is asked for one."""
    from dbt.context.macros import MacroNamespace

    class Flat(MacroNamespace):  # type: ignore[misc]
        def __init__(self, **namespaces: Any) -> None:
            super().__init__(**namespaces)
            self._found: dict[str, Any] = {}
            for names in reversed([*self._search_order()]):
                self._found.update(names)

        def __getitem__(self, name: str) -> Any:
            return self._found[name]

        def __iter__(self) -> Iterator[str]:
            return iter(self._found)

        def keys(self) -> KeysView[str]:
            return self._found.keys()

    return Flat


_compile_anew = jinja2.Environment.compile
_COMPILED: dict[Any, Any] = {}


def compile_once(environment: jinja2.Environment, source: Any, *args: Any, **options: Any) -> Any:
    """``jinja2.Environment.compile``, once a process for each text: dbt gives it all templates anew in each build."""
    if not isinstance(source, str):
        return _compile_anew(environment, source, *args, **options)
    key = (type(environment), *environment.extensions, source, args, *sorted(options.items()))
    if key not in _COMPILED:
        _COMPILED[key] = _compile_anew(environment, source, *args, **options)
    return _COMPILED[key]


def _materialization(macro: Any) -> str | None:
    """What a macro materializes as, whatever the engine; None for other macros."""
    if not macro.name.startswith("materialization_"):
        return None
    return str(macro.name.removeprefix("materialization_").rsplit("_", 1)[0])


def _base_name(name: str) -> str:
    for form in _FORMS:
        name = name.removeprefix(form)
    return name
