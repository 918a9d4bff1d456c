"""A user's statement: in a process of its own, refused as `pulse sql` refuses it, ended in time, and in no log."""

import fcntl
import logging
import re
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

import page_samples as samples
from page_samples import ADA
from pulse.core.errors import QueryError
from pulse.core.home import Home
from pulse.page.app import create_app
from pulse.reading import statement

FOREVER = "select count(*) from range(100000000) a, range(100000000) b where a.range + b.range = 1"
GREEDY = "select list(a.range) from range(40000000) a"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return samples.published_home(tmp_path_factory.mktemp("page") / "home")


@pytest.fixture(autouse=True)
def own_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns are for all processes of a user: tests that run beside this one take none of ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def client(published: Home) -> Iterator[TestClient]:
    with TestClient(create_app(published, samples.access_for([ADA])), base_url="http://localhost") as made:
        yield made


def ask(client: TestClient, sql: str, output_format: str = "table") -> "tuple[int, bytes, dict[str, str]]":
    token = re.findall(r'name="csrf" value="([^"]+)"', client.get("/query").text)[0]
    answer = client.post("/query", data={"csrf": token, "sql": sql, "format": output_format})
    return answer.status_code, answer.content, dict(answer.headers)


def test_statement__gives_a_table_csv_and_parquet(client: TestClient, tmp_path: Path):
    sql = "select community, sum(posts) as posts from marts.fct_community_daily group by all order by all"
    status, html, _ = ask(client, sql)
    assert status == 200
    assert b"&lt;script&gt;alert" in html, "what people wrote is text"
    assert b"<script>alert" not in html
    status, csv, headers = ask(client, sql, "csv")
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert b"'=cmd|" in csv, "what a spreadsheet would run begins with an apostrophe"
    status, parquet, _ = ask(client, sql, "parquet")
    assert pq.read_table(BytesIO(parquet)).num_rows == len(samples.COMMUNITIES)
    assert not list(tmp_path.glob("pulse-query-*")), "files go when they are sent"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "attach '/tmp/x.db'",
        "copy (select 1) to '/tmp/x.csv'",
        "install httpfs",
        "set lock_configuration = false",
        "select getenv('HOME')",
        "create table x as select 1",
        "drop table marts.fct_contributions",
        "select 1; select 2",
        "",
    ],
)
def test_statement__that_does_more_than_read_is_refused(client: TestClient, sql: str):
    status, html, _ = ask(client, sql)
    assert status == 422
    assert b'role="alert"' in html


def test_statement__that_fails_comes_back_into_its_field(client: TestClient):
    status, html, _ = ask(client, 'select "<script>alert(1)</script>" from nowhere')
    assert status == 422
    assert b"<script>alert" not in html
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_statement__of_several_lines_comes_back_as_it_was_typed(client: TestClient):
    status, html, _ = ask(client, "select 1 as one,\r\n  2 as two")
    assert status == 200
    assert b">select 1 as one,\n  2 as two</textarea>" in html


def test_statement__needs_a_form_of_ours(client: TestClient):
    assert client.post("/query", data={"sql": "select 1"}).status_code == 403


def test_statement__that_takes_too_long_is_ended(published: Home):
    with pytest.raises(QueryError) as told:
        statement.run(published, FOREVER, "table", seconds=2)
    assert "2 s" in str(told.value)
    assert not list(published.scratch.glob("query-*"))


def test_statement__that_takes_too_much_is_ended(published: Home):
    with pytest.raises(QueryError) as told:
        statement.run(published, GREEDY, "table", memory_bytes=150_000_000)
    assert "0.15 GB of memory" in str(told.value)


def test_statement__is_bounded_by_the_database_before_its_process_is(published: Home):
    with pytest.raises(QueryError) as told:
        statement.run(published, GREEDY, "table")
    assert "memory" in str(told.value).lower()


def test_statements__run_two_at_once_and_no_more(published: Home, tmp_path: Path):
    assert statement.run(published, "select 1 as one", "table").content["rows"] == [["1"]]
    (folder,) = tmp_path.glob("community-pulse-queries-*")
    with (folder / "0.lock").open() as first, (folder / "1.lock").open("a") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        assert statement.run(published, "select 1 as one", "table").content["rows"] == [["1"]]
        fcntl.flock(second, fcntl.LOCK_EX)
        with pytest.raises(QueryError) as told:
            statement.run(published, "select 1", "table")
    assert "2 queries run already" in str(told.value)


def test_statement__stands_in_no_log(client: TestClient, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    ask(client, "select 'a-secret-thought' as x")
    ask(client, "select 'a-secret-thought' from nowhere")
    assert "a-secret-thought" not in caplog.text


def test_table__shows_so_many_rows_and_says_that_there_are_more(published: Home):
    content = statement.run(published, "select range as n from range(1000)", "table").content
    assert len(content["rows"]) == statement.ROWS_N
    assert content["has_more"]
    assert content["numeric"] == [True]


def test_statement__is_not_longer_than_so(published: Home):
    with pytest.raises(QueryError, match="characters"):
        statement.run(published, "select 1 -- " + "x" * statement.MAX_CHARS, "table")
