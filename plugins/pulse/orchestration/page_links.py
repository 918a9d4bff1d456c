"""Where the page is inside Airflow: its addresses, for alerts and for links beside tasks. Light to import."""

from urllib.parse import quote, urlencode, urlsplit

# Where the application is mounted, and the route of Airflow's own navigation that shows it in a frame.
PREFIX = "/pulse"
ROUTE = "community-pulse"
RELEASE_DAG = "quarantine_release"
DAG_IDS = frozenset(
    {
        "community_daily", "community_backfill", "community_listen", "kpi_monthly", "privacy_sweep", RELEASE_DAG,
    }
)  # fmt: skip


def base_url() -> str:
    """Airflow's own address, without a slash at the end."""
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="") or "http://127.0.0.1:8080").rstrip("/")


def root_path() -> str:
    """The path under which Airflow is served; empty where it has a host of its own."""
    return urlsplit(base_url()).path.rstrip("/")


def of_view(view: str, **parameters: str) -> str:
    """Where a view of the page opens, in Airflow's frame: ``of_view("loads", run="…")``."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{base_url()}/plugin/{ROUTE}{PREFIX}/{view}{query}"


def of_run(dag_id: str, run_id: str) -> str | None:
    """The view that a run of ours is about; None for runs of other DAGs."""
    if dag_id not in DAG_IDS:
        return None
    if dag_id == "kpi_monthly":
        return of_view("months")
    return of_view("loads", run=run_id, all="1")


def path_of_run(dag_id: str, run_id: str) -> str:
    """The path of a run in Airflow's own UI."""
    return f"{root_path()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
