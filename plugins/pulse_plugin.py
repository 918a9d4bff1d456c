"""The page inside Airflow: an entry in the navigation, the application behind it, and a link to it beside tasks.

It only says where things are: see ``pulse/orchestration/page_in_airflow.py``, which imports what it needs when asked.
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from pulse.orchestration import page_links
from pulse.orchestration.page_in_airflow import LazyPage


class PageLink(BaseOperatorLink):
    """Beside a task of ours: what its run loaded, and what the gates found."""

    name = "Community Pulse"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  (Airflow's own form)
        """The view for the task's run; empty for tasks of others."""
        return page_links.of_run(ti_key.dag_id, ti_key.run_id) or ""


class CommunityPulsePage(AirflowPlugin):
    """Shows the page in Airflow's navigation."""

    name = "community_pulse_page"
    fastapi_apps = ({"app": LazyPage(), "url_prefix": page_links.PREFIX, "name": "Community Pulse"},)
    external_views = [  # noqa: RUF012  (Airflow takes entries out of a list)
        {
            "name": "Pulse",  # longer ones are cut off in the navigation
            "href": f"{page_links.PREFIX.lstrip('/')}/",
            "destination": "nav",
            "url_route": page_links.ROUTE,
            "nav_top_level": True,
        }
    ]
    global_operator_extra_links = (PageLink(),)
