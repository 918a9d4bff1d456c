"""What a load's platform and its source let rules ask of each row, as columns beside the contract's.

The SQL is made for each load. Its patterns stand in it as constants, since DuckDB compiles a pattern that comes out of
a table anew for each row: 300,000 ids took 3.9 s of CPU instead of 0.02 s (2026-11-28). What is one value for the
whole load is a fact instead (:mod:`pulse.gates.load_tables`).
"""

from collections.abc import Collection

from pulse.core.contract import COLUMN_NAMES, OBSERVABLE
from pulse.core.files import sql_text
from pulse.platforms.platform import Platform


def row_columns(platform: Platform, observes: Collection[str] | None, *, counts_settle_after_s: int) -> dict[str, str]:
    """DuckDB expressions over contract columns, all boolean, by the name under which rules know them.

    - ``is_id_well_formed``: the id looks like one of the platform's, of whatever kind.
    - ``is_id_of_its_kind``: it looks like those of the row's kind, and the platform has that kind.
    - ``is_thread_id_well_formed``: the thread's id looks like one that comments can stand in.
    - ``is_notice``: title or text is the platform's own notice in place of one that is gone.
    - ``is_permalink_strayed``: the address names another community than the row.
    - ``is_chat``: people write its kind as chat there.
    - ``is_scored``: the platform shows scores of its kind, it is not gone, and its counts could be seen by then.
    - ``is_unobservable_null``: whatever the source cannot see is NULL.

    Args:
        observes: the observable columns that the source can see; None if it does not say.
        counts_settle_after_s: how old a contribution must be for its counts to be seen.
    """
    return {
        "is_id_well_formed": _is_id_well_formed(platform),
        "is_id_of_its_kind": _is_id_of_its_kind(platform),
        "is_thread_id_well_formed": _matches("thread_id", platform.thread_id_pattern),
        "is_notice": _is_notice(platform),
        "is_permalink_strayed": _is_permalink_strayed(platform),
        "is_chat": _is_one_of("kind", platform.chat_kinds),
        "is_scored": f"{_is_one_of('kind', platform.scored_kinds)} and removal = 'none' "
        f"and epoch(observed_at) - epoch(created_at) >= {counts_settle_after_s}",
        "is_unobservable_null": _is_unobservable_null(observes),
    }


def _is_id_well_formed(platform: Platform) -> str:
    patterns = [platform.id_patterns.get(kind) for kind in platform.kinds]
    alternatives = dict.fromkeys(f"(?:{pattern})" for pattern in patterns)
    return _matches("contribution_id", None if None in patterns else "|".join(alternatives))


def _is_id_of_its_kind(platform: Platform) -> str:
    branches = " ".join(
        f"when {sql_text(kind)} then {_matches('contribution_id', platform.id_patterns.get(kind))}"
        for kind in platform.kinds
    )
    return f"case kind {branches} else false end"


def _matches(column: str, pattern: str | None) -> str:
    """Whether the whole of a column's value fits a pattern; a line feed is a character like any other."""
    return "true" if pattern is None else f"regexp_full_match({column}, {sql_text(pattern)}, 's')"


def _is_notice(platform: Platform) -> str:
    if platform.notice_sql is None:
        return "false"
    return f"coalesce({platform.notice_sql('body')}, false) or coalesce({platform.notice_sql('title')}, false)"


def _is_permalink_strayed(platform: Platform) -> str:
    if platform.permalink_community_prefix is None:
        return "false"
    prefix = sql_text(platform.permalink_community_prefix)
    # Compared whole: a name may hold anything, a slash too.
    return (
        f"coalesce(starts_with(permalink, {prefix}) "
        f"and not starts_with(lower(permalink), lower({prefix} || community || '/')), false)"
    )


def _is_one_of(column: str, values: Collection[str]) -> str:
    return f"coalesce({column} in ({', '.join(map(sql_text, values))}), false)" if values else "false"


def _is_unobservable_null(observes: Collection[str] | None) -> str:
    hidden = OBSERVABLE - set(OBSERVABLE if observes is None else observes)
    return " and ".join(f"{name} is null" for name in COLUMN_NAMES if name in hidden) or "true"
