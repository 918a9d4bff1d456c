"""Which engine builds the marts, and how Spark is asked to."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pulse.core.strict import Strict

EngineName = Literal["duckdb", "spark"]

# Without these, what Spark builds is not what DuckDB builds, or readers could see half of it.
HELD = frozenset(
    {
        "spark.app.name", "spark.master", "spark.sql.catalogImplementation", "spark.sql.parser.escapedStringLiterals",
        "spark.sql.parquet.outputTimestampType", "spark.sql.warehouse.dir",
    }
)  # fmt: skip


class Spark(Strict):
    """How marts are built where ``engine`` is ``spark``.

    Attributes:
        master: where Spark runs: ``local[2]`` is two threads of this machine, ``spark://host:7077`` a cluster whose
            workers see ``PULSE_HOME`` under the same path.
        settings: of Spark by name, as ``spark.driver.memory: 6g``; those that decide what comes out are held.
        scores: who judges a history of texts, after a change of the model: this machine (``here``), or Spark's
            ``workers``, which must have this project with its environment under the same path then.
        publish: what readers open: ``views`` over the build's Parquet, or ``tables``, a file that needs nothing else.
    """

    master: Annotated[str, Field(min_length=1)] = "local[*]"
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    scores: Literal["here", "workers"] = "here"
    publish: Literal["views", "tables"] = "views"

    @field_validator("settings")
    @classmethod
    def _are_free(cls, settings: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        for name in settings:
            if not name.startswith("spark."):
                raise ValueError(f"{name} is no setting of Spark, their names begin with spark.")
            if name in HELD:
                raise ValueError(f"{name} is held, for it decides what comes out")
        return settings
