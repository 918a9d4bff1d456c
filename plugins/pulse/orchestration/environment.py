"""The environment Airflow runs in when we start it ourselves: all of it under ``PULSE_HOME``, nothing sent anywhere.

Must be applied before ``airflow`` is imported for the first time: Airflow reads most of it at import.
"""

import os
import sys

from pulse.config.document import config_path
from pulse.core.errors import ConfigError
from pulse.core.home import REPOSITORY, Home

PARALLELISM = 4


def variables(home: Home, *, port: int = 8080) -> dict[str, str]:
    """Environment variables for Airflow's processes over this home.

    Args:
        port: of the API server, on 127.0.0.1.
    """
    return {
        "PULSE_HOME": str(home.root),
        "PULSE_CONFIG": str(config_path()),
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        # A long line of a log is wrapped, not cut at the edge of the window.
        "AIRFLOW__API__DEFAULT_WRAP": "True",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "GX_ANALYTICS_ENABLED": "false",
        "PYTHONUTF8": "1",
    }


def may_hold_connections(home: Home) -> bool:
    """Whether Airflow could know a connection: it was run on this home before, or the environment tells it something.

    Loads nothing of Airflow, which would begin its database here.
    """
    if any(name.startswith("AIRFLOW") for name in os.environ):
        return True
    try:
        return any(home.airflow.iterdir())
    except OSError:  # there is no such folder, or nobody may look: then Airflow says so better
        return home.airflow.exists()


def apply_for_embedded_runs(home: Home) -> None:
    """Set the environment of this process for runs with ``dag.test()``.

    Raises:
        ConfigError: Airflow was imported before, for another home.
    """
    wanted = variables(home) | {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        # Nobody else uses this process: waiting a minute between tries helps no source and holds the caller.
        "PULSE_RETRY_DELAY_S": os.environ.get("PULSE_RETRY_DELAY_S", "5"),
    }
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME") != wanted["AIRFLOW_HOME"]:
        raise ConfigError(
            "AIRFLOW_HOME",
            value=os.environ.get("AIRFLOW_HOME", "not set when Airflow was imported"),
            limit=wanted["AIRFLOW_HOME"],
            next_step="start a new process; one process works on one PULSE_HOME",
        )
    os.environ.update(wanted)
