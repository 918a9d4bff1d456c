"""``pulse score FILE`` and the SQL function behind it."""

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pulse.cli.app import app
from pulse.core.errors import PulseError, QueryError, StorageError
from pulse.texts import sql_function
from pulse.texts.files import score_file

ROWS = [
    {"id": "1", "text": "I love this"},
    {"id": "2", "text": "awful, \"just\" awful\nsecond line"},
    {"id": "3", "text": None},
    {"id": "4", "text": "The meeting is on Tuesday"},
]  # fmt: skip
LABELS = ["positive", "negative", None, "neutral"]


@pytest.fixture(params=[".csv", ".ndjson", ".jsonl", ".parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"it's a file{request.param}"
    table = pa.Table.from_pylist(ROWS)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    elif path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".parquet"])
def test_score_file__rows_keep_their_order_and_get_a_judgement(file: Path, suffix: str, tmp_path: Path):
    output = tmp_path / f"judged{suffix}"
    done = score_file(file, text_column="text", output=output)
    assert done.texts_n == 4
    assert done.labels == {"negative": 1, "neutral": 1, "not scorable: gone": 1, "positive": 1}
    with duckdb.connect() as connection:
        rows = connection.execute(f"select id, sentiment_label from '{output}'").fetchall()
    assert [(str(key), label) for key, label in rows] == list(zip("1234", LABELS, strict=True))
    assert {path.name for path in tmp_path.iterdir()} == {file.name, output.name}


def test_score_file__without_output_only_counts(file: Path, tmp_path: Path):
    assert score_file(file, text_column="text", output=None).labels["positive"] == 1
    assert list(tmp_path.iterdir()) == [file]


def test_score_file__other_model(file: Path):
    assert score_file(file, text_column="text", output=None, model="vader").model_id == "vader-3.3.2"


def test_score_file__many_rows_in_bounded_memory(tmp_path: Path):
    file = tmp_path / "many.parquet"
    pq.write_table(pa.table({"text": ["I love it", "I hate it"] * 200_000, "note": ["x" * 50] * 400_000}), file)
    output = tmp_path / "judged.parquet"
    done = score_file(file, text_column="text", output=output, memory_limit="200MB")
    assert done.labels == {"negative": 200_000, "positive": 200_000}
    assert pq.read_table(output).column("sentiment_label").to_pylist()[:2] == ["positive", "negative"]


def test_score_file__a_record_of_ten_megabytes(tmp_path: Path):
    file = tmp_path / "long.csv"
    file.write_text("text\n" + "good " * 2_000_000 + "\n")
    assert score_file(file, text_column="text", output=None).labels == {"positive": 1}


@pytest.mark.parametrize(
    ("name", "content", "text_column", "error"),
    [
        ("no.csv", None, "text", QueryError),
        ("a.txt", "text\nx\n", "text", QueryError),
        ("a.csv", "body\nx\n", "text", QueryError),
        ("a.parquet", "not parquet", "text", QueryError),
        ("a.ndjson", '{"text": "a"}\n{"text": \n', "text", QueryError),
        ("a.csv", "text,sentiment_label\nx,y\n", "text", QueryError),
        ("a.csv", "text\nx\n", "text", StorageError),
    ],
)
def test_score_file__what_cannot_be_done_is_one_line_and_leaves_nothing(
    name: str, content: str | None, text_column: str, error: type[PulseError], tmp_path: Path
):
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    output = tmp_path / ("nowhere/x.csv" if error is StorageError else "x.csv")
    with pytest.raises(error) as refused:
        score_file(file, text_column=text_column, output=output)
    assert "\n" not in str(refused.value)
    assert set(tmp_path.iterdir()) <= {file}


def test_command__says_how_many_feel_how(file: Path, tmp_path: Path):
    done = CliRunner().invoke(app, ["score", str(file), "--output", str(tmp_path / "out.parquet")])
    assert done.exit_code == 0, done.output
    assert "4 texts judged by pulse-english-" in done.output
    assert "positive: 1" in done.output
    wrong = CliRunner().invoke(app, ["score", str(file), "--text-column", "body"])
    assert wrong.exit_code == 2
    assert wrong.stderr.count("\n") == 1


def test_sql_function__judges_within_a_query():
    with duckdb.connect() as connection:
        sql_function.register(connection)
        rows = connection.execute(
            "select sentiment(t).label, sentiment(t).unscorable_reason "
            "from (values ('I love it'), (null), ('')) as texts (t)"
        ).fetchall()
        assert rows == [("positive", None), (None, "gone"), (None, "empty")]
        many = "select sentiment('so good').sentiment_score as s from range(9000)"
        assert connection.execute(f"select count(*), count(distinct s) from ({many})").fetchone() == (9000, 1)
        assert connection.execute("select sentiment(t).label from (select 'a' as t) where false").fetchall() == []
