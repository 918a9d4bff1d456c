"""The dashboard's files against the marts they show. What Superset makes of them: tests/deployed/test_superset.py."""

import re
from pathlib import Path
from typing import Any

import yaml

from pulse.core.home import REPOSITORY
from pulse.warehouse import dictionary
from pulse.warehouse.transform import DBT_PROJECT

ASSETS = REPOSITORY / "config" / "superset" / "assets"


def assets(kind: str) -> list[dict[str, Any]]:
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted((ASSETS / kind).rglob("*.yaml"))]
    assert found, kind
    return found


def columns_of(dataset: dict[str, Any], of_marts: dict[str, set[str]]) -> set[str]:
    """The columns that a chart over the dataset may name."""
    own = {column["column_name"] for column in dataset["columns"]}
    return own | {metric["metric_name"] for metric in dataset["metrics"]} | of_marts[dataset["table_name"]]


def test_charts__name_columns_that_their_mart_has():
    of_marts = {table.name: {column.name for column in table.columns} for table in dictionary.marts()}
    of_marts["published"] = {"state_id", "published_at"}
    datasets = {dataset["uuid"]: dataset for dataset in assets("datasets")}
    for chart in assets("charts"):
        params = chart["params"]
        named = {*params.get("all_columns", []), *params.get("groupby", []), *params.get("metrics", [])}
        named |= {key for key in (params.get("x_axis"), params.get("timeseries_limit_metric")) if key}
        named |= {re.findall(r'"(\w+)"', order)[0] for order in params.get("order_by_cols", [])}
        assert named, chart["slice_name"]
        assert named <= columns_of(datasets[chart["dataset_uuid"]], of_marts), chart["slice_name"]
        assert chart["viz_type"] == params["viz_type"]
        if chart["viz_type"] == "table":
            assert params["allow_render_html"] is False, "names of communities are no HTML"
        if {"value", "mean_sentiment_score", "posts"} & named:
            assert {"days_complete_n", "days_n", "caveat"} <= named, "a figure stands beside how complete it is"


def test_dashboard__shows_every_chart_and_filters_by_columns_there_are():
    (dashboard,) = assets("dashboards")
    shown = {
        part["meta"]["uuid"]: part["meta"]["sliceName"]
        for part in dashboard["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    }
    assert shown == {chart["uuid"]: chart["slice_name"] for chart in assets("charts")}
    own = {dataset["uuid"]: {column["column_name"] for column in dataset["columns"]} for dataset in assets("datasets")}
    for of_filter in dashboard["metadata"]["native_filter_configuration"]:
        (target,) = of_filter["targets"]
        assert target["column"]["name"] in own[target["datasetUuid"]]


def test_exposure__names_the_marts_of_the_dashboard():
    file = DBT_PROJECT / "models" / "marts" / "core" / "_core__exposures.yml"
    exposures = yaml.safe_load(file.read_text(encoding="utf-8"))["exposures"]
    (exposure,) = [one for one in exposures if one["name"] == "superset_dashboard"]
    marts = {dataset["table_name"] for dataset in assets("datasets") if dataset["schema"] == "marts"}
    assert set(exposure["depends_on"]) == {f"ref('{mart}')" for mart in marts}


def test_locks__hold_one_version_of_duckdb():
    """A file that one version writes, an older one need not read."""
    locks = [file for file in sorted((REPOSITORY / "requirements").glob("*.txt")) if version_in(file)]
    assert REPOSITORY / "requirements" / "superset.txt" in locks
    assert len({version_in(file) for file in locks}) == 1


def version_in(lock: Path) -> str | None:
    found = re.search(r"^duckdb==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else None
