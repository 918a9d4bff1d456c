"""Query: the dictionary beside the statement, as the published file tells it, and questions to begin with."""

from typing import Any

from pulse.core.table import RELATIONS_SQL
from pulse.page.snapshot import Snapshot

EXAMPLES = (
    ("What did well last week", """select community, title, score, reply_count
from marts.fct_contributions
where kind = 'post'
    and contribution_date > (select max(contribution_date) from marts.fct_contributions) - 7
order by score desc nulls last
limit 20"""),
    ("Posts and comments by week", """select community, week_start_date, posts, comments, contributors
from marts.fct_community_weekly
order by week_start_date desc, posts desc"""),
    ("Days that are not whole", """select platform, community, contribution_date, outcome
from marts.fct_community_daily
where not is_day_complete
order by contribution_date desc"""),
)  # fmt: skip


def dictionary(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Tables by schema, each with what it is and its columns; as the comments in the published file say."""
    tables = snapshot.rows(
        f"select schema_name as schema, table_name as name, comment from {RELATIONS_SQL} "
        "where database_name = 'published' and schema_name in ('marts', 'kpi', 'quality') "
        "order by schema_name <> 'marts', schema_name, table_name"
    )
    columns = snapshot.rows(
        "select schema_name || '.' || table_name as of, column_name as name, data_type as type, comment "
        "from duckdb_columns() where database_name = 'published' and schema_name in ('marts', 'kpi', 'quality') "
        "order by column_index"
    )
    of_table: dict[str, list[dict[str, Any]]] = {}
    for column in columns:
        of_table.setdefault(column["of"], []).append(column)
    return [{**table, "columns": of_table.get(f"{table['schema']}.{table['name']}", [])} for table in tables]
