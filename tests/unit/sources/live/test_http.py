"""One client for JSON over HTTP, against a server on this machine that does everything wrong in turn. Nobody sleeps."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from pulse.core.errors import (
    BadCredentials,
    CallsSpent,
    ConfigError,
    PulseError,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from pulse.core.home import Home
from pulse.sources.live.budget import CallBudget
from pulse.sources.live.http import Endpoint, JsonAnswer, JsonApi, open_api, user_agent
from pulse.sources.live.policy import LivePolicy
from pulse.sources.live.refusals import is_refusal, wrong_shape

SECRET, KEY = "s3cr3t-token-of-the-app", "s3cr3t key+of-the-app"
POLICY = LivePolicy(calls_per_window=1_000, longest_wait_s=100, retry_wait_s=2, timeout_s=5)
TRIES = 3
NOW_S = 1_795_867_200  # 2026-11-28 12:00, the server's time


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def make(home: Home, platform: Any, stopped_clock: Any, calls: list[str]) -> Iterator[Callable[..., JsonApi]]:
    """Makes clients of the same name; they share a pace."""
    made: list[JsonApi] = []

    def api(*, policy: LivePolicy = POLICY, on_call: Any = None, path: str = "", **facts: Any) -> JsonApi:
        endpoint = Endpoint(
            "Tearoom", platform.url + path, headers={"Authorization": f"Bearer {SECRET}"},
            secret_params={"key": KEY}, credentials_hint="check the token", **facts,
        )  # fmt: skip
        made.append(
            open_api(home, endpoint, policy, client="app", on_call=on_call or (lambda: calls.append("call")),
                     clock=stopped_clock, sleep=stopped_clock.sleep)
        )  # fmt: skip
        return made[-1]

    yield api
    for one in made:
        one.close()


def document_of(answer: JsonAnswer) -> Any:
    return answer.document


def get(api: JsonApi, path: str = "/posts", **params: Any) -> Any:
    return api.get(path, params, document_of)


def error_of(api: JsonApi, kind: type[PulseError], path: str = "/posts") -> Any:
    with pytest.raises(kind) as caught:
        get(api, path, page=1)
    error = caught.value
    assert type(error) is kind
    assert "s3cr3t" not in f"{error!r} {error} {vars(error)}"
    assert "Tearoom" in str(error)
    return error


# ---- a good answer ---------------------------------------------------------


def test_get__asks_as_this_project_and_gives_the_answer_with_its_time_and_links(
    platform: Any, reply: Any, make: Callable[..., JsonApi], calls: list[str]
):
    link = '<https://tea.example/posts?max_id=7>; rel="next", <https://tea.example/posts?min_id=9>; rel="prev"'
    platform.replies = [reply({"posts": ["ü"]}, headers={"Link": link}, is_packed=True)]
    answer = make(path="/api/v1").get("/posts", {"tag": "a&b", "ids[]": (1, 2)}, lambda answer: answer)
    assert answer.document == {"posts": ["ü"]}
    assert f"{answer.answered_at:%Y-%m-%d %H:%M:%S %Z}" == "2026-11-28 12:00:00 UTC"
    assert answer.links["next"] == "https://tea.example/posts?max_id=7"
    (asked,) = platform.asked
    assert (asked.path, asked.params) == ("/api/v1/posts", {"tag": "a&b", "ids[]": "1,2", "key": KEY})
    assert asked.headers["User-Agent"] == user_agent() == "community-pulse/0.1.0"
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert len(calls) == 1


@pytest.mark.parametrize("document", [None, [], 0, "text"])
def test_get__takes_any_json_for_an_answer(platform: Any, reply: Any, make: Callable[..., JsonApi], document: Any):
    platform.otherwise = reply(document)
    assert get(make()) == document


@pytest.mark.parametrize("path", ["@elsewhere.example/", "/posts?key=other", "/posts#"])
def test_get__takes_no_path_that_could_be_more_than_one(make: Callable[..., JsonApi], calls: list[str], path: str):
    with pytest.raises(ValueError, match="slash"):
        get(make(), path)
    assert not calls


# ---- asked to wait ---------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "document"),
    [
        ({"Retry-After": "7"}, None),
        ({"Retry-After": "Sat, 28 Nov 2026 12:00:07 GMT"}, None),
        ({"x-ratelimit-reset": "7.0"}, None),
        ({"ratelimit-reset": str(NOW_S + 7)}, {"error": "RateLimitExceeded"}),
        ({"X-RateLimit-Reset": "2026-11-28T12:00:07.000000Z"}, {"error": "Too many requests"}),
        ({"X-RateLimit-Reset-After": "7.0", "X-RateLimit-Reset": "1.5"}, None),
        ({}, {"retry_after": 7.0, "global": True}),
        ({}, {"error_type": "rate_limit", "extras": {"wait_seconds": 7}}),
        ({}, {"error_id": 502, "backoff": 7}),
    ],
)  # fmt: skip
def test_limit__in_each_spelling_is_sat_out(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any, headers: Any, document: Any
):
    platform.replies = [reply(document, status=429, headers=headers)]
    assert get(make()) == {"ok": True}
    assert sum(stopped_clock.slept) == pytest.approx(7)
    assert len(platform.asked) == 2


def test_limit__that_says_nothing_waits_as_long_as_the_endpoint_says(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any
):
    platform.replies = [reply(body=b"<html>slow down</html>", status=429)]
    assert get(make(default_wait_s=33)) == {"ok": True}
    assert sum(stopped_clock.slept) == pytest.approx(33)


def test_limit__that_is_too_long_for_a_task_is_one_call_and_stops_all_others(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any
):
    platform.replies = [reply(status=429, headers={"Retry-After": "900"})]
    error = error_of(make(), RateLimited)
    assert (error.retry_after_s, error.retry_helps) == (900, True)
    with pytest.raises(RateLimited) as caught:
        get(make())
    assert caught.value.retry_after_s == 900
    assert (len(platform.asked), stopped_clock.slept) == (1, [])


def test_limit__of_no_time_waits_as_after_a_fault_and_ends(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any
):
    platform.otherwise = reply(status=429, headers={"Retry-After": "0"})
    error_of(make(), RateLimited)
    assert len(platform.asked) == TRIES
    assert len(stopped_clock.slept) == TRIES - 1


def test_limit__is_what_the_platform_calls_so(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any
):
    said = {"error_id": 502, "error_message": "too many requests from this IP, more requests available in 7 seconds"}
    platform.replies = [reply(said, status=400), reply(status=503, headers={"Retry-After": "5"})]
    api = make(is_rate_limit=lambda status, document: status == 400 and document["error_id"] == 502)
    assert get(api) == {"ok": True}
    assert sum(stopped_clock.slept) == pytest.approx(12)


@pytest.mark.parametrize(
    ("headers", "document"),
    [({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"}, {"n": 1}), ({}, {"n": 1, "backoff": 20})],
)
def test_limit__announced_with_a_good_answer_holds_before_the_next_call(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any, headers: Any, document: Any
):
    platform.replies = [reply(document, headers=headers)]
    assert get(make())["n"] == 1
    assert stopped_clock.slept == []
    assert get(make()) == {"ok": True}
    assert sum(stopped_clock.slept) == pytest.approx(20)


# ---- passing faults --------------------------------------------------------

PASSING: dict[str, tuple[dict[str, Any], str]] = {
    "500": ({"status": 500}, "HTTP 500"),
    "502": ({"status": 502, "body": b"<html>bad gateway"}, "HTTP 502"),
    "503": ({"status": 503}, "HTTP 503"),
    "504": ({"status": 504}, "HTTP 504"),
    "408": ({"status": 408}, "HTTP 408"),
    "closed": ({"how": "closed"}, "broke off"),
    "cut body": ({"document": {"a": "b"}, "declared_bytes": 500}, "broke off"),
    "cut json": ({"body": b'{"posts": [{"id": 1}, {"id"'}, "ends too soon"),
    "not json": ({"body": b"Timeout. Maybe slow down a bit"}, "not JSON"),
    "deep json": ({"body": b"[" * 100_000}, "not JSON"),
    "not text": ({"body": b'{"a": "\xff\xfe"}'}, "not JSON"),
    "html": ({"body": b"\n<!DOCTYPE html><title>Just a moment"}, "HTML"),
    "empty": ({"body": b""}, "empty"),
    "not packed": ({"document": {}, "headers": {"Content-Encoding": "gzip"}}, "unpacked"),
}


@pytest.mark.parametrize("name", PASSING)
def test_passing_fault__is_tried_again_with_growing_waits(
    platform: Any, reply: Any, make: Callable[..., JsonApi], stopped_clock: Any, name: str
):
    facts, message = PASSING[name]
    platform.replies = [reply(**facts)] * (TRIES - 1)
    assert get(make()) == {"ok": True}
    first_s, second_s = stopped_clock.slept
    assert 2 <= first_s <= 2.5
    assert 4 <= second_s <= 5
    platform.otherwise = reply(**facts)
    error = error_of(make(), SourceUnavailable)
    assert message in str(error)
    assert "/posts" in str(error)
    assert "page=" not in str(error)
    assert len(platform.asked) == 2 * TRIES


def test_passing_fault__no_answer_at_all_is_given_up_after_the_time_limit(
    platform: Any, reply: Any, make: Callable[..., JsonApi]
):
    platform.replies = [reply(how="never")] * TRIES
    error = error_of(make(policy=POLICY.model_copy(update={"timeout_s": 0.05})), SourceUnavailable)
    assert "not a byte within 0.05 s" in str(error)


def test_passing_fault__an_answer_in_drips_is_given_up_though_bytes_arrive(
    platform: Any, reply: Any, make: Callable[..., JsonApi]
):
    platform.otherwise = reply(how="drip")
    began_s = time.monotonic()
    assert "takes more than 0.05 s" in str(error_of(make(answer_timeout_s=0.05), SourceUnavailable))
    assert time.monotonic() - began_s < 4


def test_passing_fault__nobody_listens(platform: Any, make: Callable[..., JsonApi]):
    api = make()
    platform.close()
    assert "no connection" in str(error_of(api, SourceUnavailable))


def test_passing_fault__json_of_another_shape_is_asked_for_again(platform: Any, make: Callable[..., JsonApi]):
    def parse(_: JsonAnswer) -> None:
        raise wrong_shape("answer of Tearoom", expected="a list of posts", service="Tearoom")

    with pytest.raises(SourceUnavailable, match="a list of posts"):
        make().get("/posts", {}, parse)
    assert len(platform.asked) == TRIES


# ---- refusals --------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "next_step"),
    [
        (401, BadCredentials, "check the token"),
        (403, SourceError, "ask to be let in"),
        (404, SourceError, "check its name"),
        (410, SourceError, "gone for good"),
        (400, SourceError, "changed its API"),
        (304, SourceError, "changed its API"),
    ],
)
def test_refusal__is_one_clear_error_that_is_not_tried_again(
    platform: Any, reply: Any, make: Callable[..., JsonApi], status: int, kind: type[PulseError], next_step: str
):
    body = None if status == 304 else {"error": f"no access with {SECRET} or {KEY}\x1b[2J"}
    platform.otherwise = reply(body, status=status)
    error = error_of(make(), kind, "/c/private")
    assert f"HTTP {status}" in str(error)
    assert "/c/private" in str(error)
    assert next_step in error.next_step
    assert not error.retry_helps
    assert is_refusal(error) == (kind is SourceError)
    assert status == 304 or "no access with … or …\\x1b[2J" in str(error)
    assert len(platform.asked) == 1


@pytest.mark.parametrize(
    "document", [{"errors": ["hidden"]}, {"error_message": "hidden"}, {"message": "hidden", "code": 50001}]
)
def test_refusal__gives_the_platforms_own_word(platform: Any, reply: Any, make: Callable[..., JsonApi], document: Any):
    platform.otherwise = reply(document, status=403)
    assert error_of(make(), SourceError).value == "HTTP 403, hidden"


def test_oversized_answer__is_read_no_further(platform: Any, reply: Any, make: Callable[..., JsonApi]):
    platform.otherwise = reply({"text": "x" * 2_000_000}, is_packed=True)
    error = error_of(make(max_answer_bytes=100_000), SourceError)
    assert error.limit == "100000"
    assert len(platform.asked) == 1


# ---- redirects -------------------------------------------------------------


def test_redirect__within_the_platform_is_followed_and_each_request_counts(
    platform: Any, reply: Any, make: Callable[..., JsonApi], calls: list[str]
):
    platform.replies = [
        reply(status=301, headers={"Location": "/t/a-title/7.json?print=true"}),
        reply(status=302, headers={"Location": f"{platform.url}/t/new-title/7.json"}),
    ]
    assert get(make(), "/t/7.json") == {"ok": True}
    assert [asked.path for asked in platform.asked] == ["/t/7.json", "/t/a-title/7.json", "/t/new-title/7.json"]
    assert [asked.params.get("key") for asked in platform.asked] == [KEY] * 3
    assert platform.asked[1].params["print"] == "true"
    assert len(calls) == 3


def test_redirect__without_end_is_one_error(platform: Any, reply: Any, make: Callable[..., JsonApi]):
    platform.otherwise = reply(status=302, headers={"Location": "/posts"})
    error = error_of(make(), SourceError)
    assert error.limit == "3 redirects"
    assert len(platform.asked) == 4


def test_answer_status__is_an_answer_where_the_endpoint_says_so(
    platform: Any, reply: Any, make: Callable[..., JsonApi]
):
    platform.replies = [reply({"why": "gone"}, status=404), reply(body=b"<html>", status=404), reply(None, status=403)]
    api = make(answer_statuses=frozenset({404}))
    told = [api.get("/things/1", {}, lambda answer: (answer.status, answer.document)) for _ in range(2)]
    assert told == [(404, {"why": "gone"}), (404, None)]
    with pytest.raises(SourceError, match="HTTP 403"):
        api.get("/things/1", {}, document_of)


def test_redirect__to_another_place_is_refused_and_nothing_is_sent_there(
    platform: Any, other_platform: Any, reply: Any, make: Callable[..., JsonApi]
):
    for place in (other_platform.url, "https://127.0.0.1/", "http://tea.example:80/"):
        platform.otherwise = reply(status=307, headers={"Location": f"{place}/posts?key={SECRET}"})
        assert "leads elsewhere" in str(error_of(make(), SourceError))
    assert other_platform.asked == []


@pytest.mark.parametrize("location", ["http://[", "//", "http://a b/", "\x00", ""])
def test_redirect__to_nowhere_is_an_error_of_ours(
    platform: Any, reply: Any, make: Callable[..., JsonApi], location: str
):
    platform.otherwise = reply(status=302, headers={"Location": location})
    with pytest.raises(SourceError):
        get(make())


# ---- budget, pace, secrets -------------------------------------------------


def test_budget__counts_each_request_and_stops_when_it_is_spent(
    home: Home, platform: Any, reply: Any, make: Callable[..., JsonApi]
):
    budget = CallBudget(home.root, [None, None], limit_n=3, service="Tearoom", setting="tea.max_calls_per_run")  # type: ignore[list-item]
    platform.replies = [reply(status=500), reply({"n": 1}), reply({"n": 2})]
    api = make(on_call=lambda: budget.take("tea"))
    assert [get(api)["n"], get(api)["n"]] == [1, 2]
    with pytest.raises(CallsSpent, match=r"3 .limit: 3.. Next: raise tea.max_calls_per_run"):
        get(api)
    assert (len(platform.asked), budget.calls()) == (3, {"tea": 3})


def test_pace__is_shared_by_clients_of_the_same_name(platform: Any, make: Callable[..., JsonApi], stopped_clock: Any):
    policy = POLICY.model_copy(update={"calls_per_window": 2, "window_s": 30.0})
    for _ in range(3):
        get(make(policy=policy))
    assert stopped_clock.slept == [30]


def test_secrets__stand_in_no_log_and_no_repr(
    platform: Any, reply: Any, make: Callable[..., JsonApi], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx")  # Airflow, imported by another test, raises it to WARNING
    platform.replies = [reply(status=500), reply(status=301, headers={"Location": "/posts"})]
    api = make()
    get(api, page=7)
    assert "HTTP 500 at /posts" in caplog.text
    assert "/posts" in [record.args[1].path for record in caplog.records if record.name == "httpx"]  # type: ignore[index,union-attr]
    shown = f"{caplog.text} {Endpoint('Tea', 'https://tea.example', headers={'A': SECRET}, secret_params={'k': KEY})!r}"
    assert not any(secret in shown for secret in (SECRET, KEY, "s3cr3t", "page=7"))


@pytest.mark.parametrize(
    "url",
    ["http://tea.example", "https://somebody@tea.example", "https://tea.example/?a=b", "https://tea.example/#a",
     "ftp://tea.example", "https://", "tea.example", "", "http://[", "http://127.0.0.1@tea.example"],
)  # fmt: skip
def test_endpoint__must_be_an_address_that_credentials_may_be_sent_to(url: str):
    with pytest.raises(ConfigError) as caught:
        Endpoint("Tearoom", url)
    assert "somebody" not in str(caught.value)


def test_endpoint__refuses_a_header_that_cannot_be_sent():
    with pytest.raises(ConfigError) as caught:
        Endpoint("Tearoom", "https://tea.example", headers={"Authorization": "Bearer s3cr3t\r\nX: y"})
    assert "s3cr3t" not in str(caught.value)


def test_user_agent__of_the_endpoint_comes_before_ours(platform: Any, home: Home, stopped_clock: Any):
    endpoint = Endpoint("Tearoom", platform.url, headers={"User-Agent": "tea-watch/2 (https://tea.example)"})
    with closing(
        open_api(
            home, endpoint, POLICY, client="app", on_call=lambda: None, clock=stopped_clock, sleep=stopped_clock.sleep
        )
    ) as api:
        get(api)
    assert platform.asked[0].headers["User-Agent"] == "tea-watch/2 (https://tea.example)"
