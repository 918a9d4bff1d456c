"""Superset on 127.0.0.1 over the published file, with the dashboard that lies beside this file: `make superset`.

Run by the Python that has Superset (requirements/superset.txt). What Superset keeps is in ``superset/`` of the home.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "plugins"))

from pulse.core.errors import ConfigError, PulseError  # noqa: E402  (found only now)
from pulse.core.home import Home  # noqa: E402

USER = "admin"
# Nobody writes into what is published, and a statement of SQL Lab reads nothing but it.
READ_ONLY = {"access_mode": "read_only", "enable_external_access": "false", "lock_configuration": "true"}


def main() -> None:
    """Make Superset ready, then become its server; ends when that is told to.

    Raises:
        SystemExit: there is nothing published.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8088, help="of 127.0.0.1")
    port = options.parse_args().port
    try:
        home = Home.from_environment()
        _require_published(home)
    except PulseError as error:
        sys.exit(f"superset: {error.for_terminal()}")
    folder = home.root / "superset"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ |= {
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        "SUPERSET_SECRET_KEY": _kept_secret(folder / "secret_key"),
        "TZ": "UTC",  # DuckDB shows times in the zone of the process
    }
    password = _kept_secret(folder / "admin_password")
    print("superset: bringing its own tables and the dashboard up to date (a minute the first time) …", flush=True)
    bring_up_to_date(home.published_file, password)
    address = f"http://127.0.0.1:{port}/superset/dashboard/community-pulse/"
    print(f"Superset is at {address}  user {USER}  password {password}", flush=True)
    server = ["gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "8", "--timeout", "120"]
    # A process of its own: what was imported to get ready is half a gigabyte that the server would hold twice.
    os.execv(sys.executable, [sys.executable, "-m", *server, "superset.app:create_app()"])  # noqa: S606


def _require_published(home: Home) -> None:
    if not home.published_file.exists():
        raise ConfigError(
            "PULSE_HOME", value=f"nothing is published in {home.root}", next_step="`pulse run` or `make demo` first"
        )


def _kept_secret(file: Path) -> str:
    """A random secret, the same at each start; readable by its owner only."""
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32))
    return file.read_text(encoding="ascii")


def bring_up_to_date(published_file: Path, password: str) -> None:
    """Superset's own tables, its user, and what is shown: all of it as in ``assets/``, whatever was changed by hand."""
    from superset.app import create_app

    with create_app().app_context():
        import superset
        from flask_migrate import upgrade
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.extensions import appbuilder, security_manager
        from superset.utils.core import override_user

        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        user = security_manager.find_user(USER) or security_manager.add_user(
            USER, "Community", "Pulse", "admin@localhost", security_manager.find_role("Admin"), password
        )
        with override_user(user):
            ImportAssetsCommand(assets(published_file)).run()


def assets(published_file: Path) -> dict[str, str]:
    """What Superset imports, by the name of the file: what lies in ``assets/``, with the place of the published file.

    Columns and their meaning come from the published file itself, which has them from the models.
    """
    import yaml
    from sqlalchemy.engine import URL

    address = URL.create("duckdb", database=str(published_file), query=READ_ONLY).render_as_string()
    contents = {}
    for file in sorted((HERE / "assets").rglob("*.yaml")):
        asset = yaml.safe_load(file.read_text(encoding="utf-8"))
        if "sqlalchemy_uri" in asset:
            asset["sqlalchemy_uri"] = address
        if "table_name" in asset:
            asset |= _of_table(published_file, asset)
        contents[file.relative_to(HERE / "assets").as_posix()] = yaml.safe_dump(asset)
    return contents


def _of_table(published_file: Path, asset: Mapping[str, Any]) -> dict[str, Any]:
    import duckdb

    with duckdb.connect(str(published_file), read_only=True) as connection:
        where = "where schema_name = $schema and table_name = $table"
        names = {"schema": asset["schema"], "table": asset["table_name"]}
        ((description,),) = connection.execute(f"select comment from duckdb_tables() {where}", names).fetchall()
        columns = connection.execute(
            f"select column_name, data_type, comment from duckdb_columns() {where} order by column_index", names
        ).fetchall()
    told = [
        {"column_name": name, "type": kind, "description": comment, "is_dttm": kind.startswith(("DATE", "TIMESTAMP"))}
        for name, kind, comment in columns
    ]
    return {"description": description, "columns": [*told, *asset["columns"]]}


if __name__ == "__main__":
    main()
