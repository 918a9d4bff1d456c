"""Brings Airflow's database up to date for ``pulse ui`` and looks into it, in a process of its own.

    python -m pulse.orchestration.ui_database ANSWER_FILE [DAG_ID_TO_PAUSE …]

Airflow's environment must be set. The answer is JSON: which of the DAGs are switched on, and what is known of the
connections with credentials; no secret is in it.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pulse.core.credentials import Credentials
from pulse.core.errors import ConfigError
from pulse.sources.registry import credential_kinds


def main(answer_file: Path, to_pause: Sequence[str]) -> None:
    """Migrate, switch off what is asked for, and answer."""
    from pulse.orchestration.embedded import bring_database_up_to_date

    bring_database_up_to_date()
    answer = {"switched_on": _switched_on(to_pause), "connections": _connections()}
    answer_file.write_text(json.dumps(answer), encoding="utf-8")


def _switched_on(to_pause: Sequence[str]) -> list[str]:
    """DAGs that are not paused, after some were."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        dags = session.query(DagModel).all()
        for dag in dags:
            if dag.dag_id in to_pause:
                dag.is_paused = True
        return sorted(dag.dag_id for dag in dags if not dag.is_paused)


def _connections() -> dict[str, dict[str, Any]]:
    """What is known of each kind of credentials that a connection holds."""
    found = {kind.section: _connection(kind) for kind in credential_kinds()}
    return {section: one for section, one in found.items() if one is not None}


def _connection(kind: type[Credentials]) -> dict[str, Any] | None:
    from pulse.orchestration.connections import stored_credentials

    try:
        found = stored_credentials(kind)
    except ConfigError as error:
        return {"error": str(error)}
    return None if found is None else {"grant": found.grant, "url": found.asked_url}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
