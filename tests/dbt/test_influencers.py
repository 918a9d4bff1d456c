"""Whom the marts call influencers: against PageRank in plain Python, and under attack.

Attacks are the cheap ones: a ring of accounts that reply to each other over and over, and a crowd of accounts made
up to reply to a few. Each draw of established accounts is a community of its own, so that one query ranks them all.
"""

import hashlib
import random
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest

from pulse.warehouse import transform

pytestmark = pytest.mark.integration

MONTH = "2026-10-01"
LONG_AGO = "2025-01-01"
DAMPING, ROUNDS = 0.85, 20
TOP_N = 50
RING_N, SOCKS_N, LEADERS_N, REPLIES_N = 20, 150, 3, 30
Edge = tuple[int, int]


def rank(models: Any, graphs: Sequence[tuple[Iterable[Edge], Iterable[int]]]) -> list[list[Any]]:
    """Rows of fct_influencers_monthly for each graph of replies and its established accounts, by place."""
    people, edges, months = [], [], []
    for number, (graph, established) in enumerate(graphs):
        of = {"platform": "reddit", "community": f"g{number:03}", "month_start_date": MONTH}
        seeds = set(established)
        pairs = set(graph)
        nodes = sorted({node for pair in pairs for node in pair})
        place = {node: place for place, node in enumerate(nodes, start=1)}
        people += [
            of | {"author_key": f"{node:064}", "activity_rank": place[node], "contributions": 9,
                  "new_contributor_date": MONTH if node not in seeds else LONG_AGO} for node in nodes
        ]  # fmt: skip
        people += [
            of | {"month_start_date": "2025-01-01", "author_key": f"{node:064}", "activity_rank": place[node],
                  "contributions": 9, "new_contributor_date": LONG_AGO} for node in nodes if node in seeds
        ]  # fmt: skip
        edges += [of | {"replier": place[one], "answered": place[other], "replies": 1} for one, other in sorted(pairs)]
        known = {"days_n": 31, "days_complete_n": 31, "days_posts_known_n": 31, "days_comments_known_n": 31}
        months.append(
            of | known | {"days_messages_known_n": 0, "is_period_complete": True, "has_threads": True,
                          "has_messages": False, "authors_unobserved_n": 0, "is_left_censored": False}
        )  # fmt: skip
    models.fill("marts.dim_platforms", [{"platform": "reddit", "may_rank_persons": True}])
    models.fill("intermediate.int_contributions_at_month_end", [])
    for table, rows in {
        "int_contributor_months": people,
        "int_reply_edges": edges,
        "int_community_months": months,
    }.items():
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        models.fill_columns(f"intermediate.{table}", columns)
    models.build("intermediate.int_influence_months")
    models.build("marts.fct_influencers_monthly")
    ranked = models.rows("marts.fct_influencers_monthly")
    return [
        sorted(
            (row for row in ranked.get(f"g{number:03}", []) if str(row.month_start_date) == MONTH),
            key=lambda row: row.place,
        )
        for number in range(len(graphs))
    ]


def names(rows: Iterable[Any]) -> list[int]:
    return [int(row.author_key) for row in rows]


def page_rank(edges: Iterable[Edge], jumps: Iterable[int]) -> dict[int, float]:
    """PageRank by powers; what ends with who replied to nobody is lost, which shortens all alike."""
    landed = list(jumps)
    base = {node: (1 - DAMPING) / len(landed) for node in landed}
    replied: dict[int, list[int]] = {}
    for one, other in sorted(edges):
        replied.setdefault(one, []).append(other)
    amounts = dict(base)
    for _ in range(ROUNDS):
        handed = dict(base)
        for node, amount in amounts.items():
            for other in replied.get(node, ()):
                handed[other] = handed.get(other, 0.0) + DAMPING * amount / len(replied[node])
        amounts = handed
    return amounts


def ring(first: int) -> set[Edge]:
    """Everybody replies to everybody else; how often makes no difference to a pair."""
    members = range(first, first + RING_N)
    return {(one, other) for one in members for other in members if one != other}


def socks(first: int, leaders: Sequence[int]) -> set[Edge]:
    return {(first + number, leader) for number in range(SOCKS_N) for leader in leaders}


def established(edges: Iterable[Edge], old: Iterable[int]) -> set[int]:
    """Of old accounts those to whom replies lead from more than half as many of sixteen of them as to anybody."""
    seeds = set(old)
    among = {(one, other) for one, other in edges if one in seeds and other in seeds}
    in_order = sorted(seeds, key=lambda node: hashlib.md5(f"{node:064}".encode()).hexdigest())  # noqa: S324
    reaches: Counter[int] = Counter()
    for source in in_order[:16]:
        reached, further = {source}, {source}
        while further:
            further = {other for one, other in among if one in further} - reached
            reached |= further
        reaches.update(reached - {source})
    return {node for node, count in reaches.items() if 2 * count > max(reaches.values())}


# ---- made-up graphs ------------------------------------------------------------


def made_up(seed: int) -> tuple[set[Edge], list[int]]:
    """Three hundred people of very different standing, and half of them old, as in a community that has stood long."""
    chance = random.Random(seed)  # noqa: S311  (the same graph each time)
    nodes = range(300)
    weights = [1 / (1 + node) for node in nodes]
    edges = {(chance.choice(nodes), other) for other in chance.choices(nodes, weights, k=4000)}
    return {(one, other) for one, other in edges if one != other}, chance.sample(nodes, 150)


def test_influencers__are_those_of_page_rank_in_plain_python(models: Any):
    graphs = [made_up(seed) for seed in range(3)]
    for (edges, old), rows in zip(graphs, rank(models, graphs), strict=True):
        seeds = sorted(established(edges, old))
        assert len(seeds) > 20, "hardly anybody is established"
        amounts = page_rank([edge for edge in edges if edge[0] in set(seeds)], seeds)
        by_established: dict[int, int] = {}
        for one, other in edges:
            by_established[other] = by_established.get(other, 0) + (one in set(seeds))
        wanted = sorted(
            (node for node, repliers_n in by_established.items() if repliers_n >= 3),
            key=lambda node: (-by_established[node], -round(amounts[node], 9), node),
        )[:TOP_N]
        assert len(wanted) > 20, "too few to prove an order"
        assert names(rows) == wanted
        assert [row.established_repliers_n for row in rows] == [by_established[node] for node in wanted]
        assert [row.page_rank for row in rows] == pytest.approx([amounts[node] for node in wanted], abs=1e-9)
        assert {row.caveat for row in rows} == {None}


def test_influencers__neither_a_ring_nor_sock_puppets_get_in_even_with_accounts_that_are_liked(models: Any):
    edges, seeds = made_up(1)
    (clean,) = rank(models, [(edges, seeds)])
    leading = set(names(clean))
    # Those who nearly lead, and are not established: what little is missing could be made up.
    nearly = [node for node in range(300) if node not in leading and node not in set(seeds)][:RING_N]
    attacks = [
        edges | ring(1000),
        edges | socks(1000, range(2000, 2000 + LEADERS_N)),
        edges | socks(1000, nearly[:LEADERS_N]),
        edges | {(one, other) for one in nearly for other in nearly if one != other},
    ]
    for ranked in rank(models, [(attack, seeds) for attack in attacks]):
        assert names(ranked) == names(clean)


def test_influencers__a_ring_of_old_accounts_does_not_get_in_whomever_it_flatters(models: Any):
    edges, seeds = made_up(1)
    (clean,) = rank(models, [(edges, seeds)])
    old = [*seeds, *range(1000, 1000 + RING_N)]
    flattery = {(one, other) for one in range(1000, 1000 + RING_N) for other in names(clean)[:10]}
    alone, flattering = rank(models, [(edges | ring(1000), old), (edges | ring(1000) | flattery, old)])
    assert names(alone) == names(clean)
    assert not set(names(flattering)) & set(range(1000, 1000 + RING_N))


def test_page_rank__is_the_same_in_rounds_and_unrolled():
    text = (transform.DBT_PROJECT / "macros" / "page_rank.sql").read_text(encoding="utf-8")
    edges, seeds = made_up(2)
    replied_n = Counter(one for one, _ in edges)
    with duckdb.connect() as connection:
        connection.execute(
            "create table landings as select unnest($1) as person, 0.005::decimal(18, 12) as rank_amount", [seeds]
        )
        connection.execute("create table edges (replier bigint, answered bigint, answered_by_replier bigint)")
        connection.executemany("insert into edges values (?, ?, ?)", [(*edge, replied_n[edge[0]]) for edge in edges])
        in_rounds, unrolled = (
            dict(connection.execute(
                jinja2.Environment(autoescape=False)  # noqa: S701
                .from_string(f"{text}{{{{ {engine}__page_rank('landings', 'edges', 0.85, 6) }}}}")
                .render()
            ).fetchall())
            for engine in ("default", "spark")
        )  # fmt: skip
    assert len(in_rounds) > 100
    assert in_rounds.keys() == unrolled.keys()
    assert all(abs(in_rounds[node] - unrolled[node]) <= Decimal("1e-9") for node in in_rounds)


# ---- e-mail of a research institute, as if it were replies -----------------------


@pytest.fixture(scope="module")
def email(recorded_data: Path) -> set[Edge]:
    """Who wrote to whom, without those who wrote to themselves."""
    file = recorded_data / "gold" / "graph_email_eu_core" / "data.ndjson.zst"
    if not file.is_file():
        pytest.skip(f"the recorded graph is not there: {file}")
    with duckdb.connect() as connection:
        found = connection.execute(
            "select cast(src as bigint), cast(dst as bigint) from read_json(?, format = 'newline_delimited')",
            [str(file)],
        ).fetchall()
    assert len(found) > 25_000
    return {(one, other) for one, other in found if one != other}


@pytest.mark.real_data
def test_influencers__twenty_draws_of_real_mail_keep_their_leaders_under_attack(
    models: Any, email: set[Edge], record_property: Any
):
    nodes = sorted({node for pair in email for node in pair})
    answered = sorted({other for _, other in email})
    first_new = max(nodes) + 1
    kept = []
    amounts = page_rank(email, nodes)
    plain = set(sorted(nodes, key=lambda node: (-amounts.get(node, 0.0), node))[:TOP_N])
    draws = [random.Random(seed).sample(answered, 100) for seed in range(20)]  # noqa: S311  (the same draws each time)
    cleans = [names(rows) for rows in rank(models, [(email, draw) for draw in draws])]
    graphs, attackers = [], []
    for seed, (draw, clean) in enumerate(zip(draws, cleans, strict=True)):
        chance = random.Random(1000 + seed)  # noqa: S311
        # Accounts of their own, and the same with people of the institute who are neither established nor lead yet.
        bought = chance.sample([node for node in nodes if node not in {*draw, *clean}], RING_N + LEADERS_N)
        new_leaders = range(first_new + SOCKS_N, first_new + SOCKS_N + LEADERS_N)
        for attack, who in (
            (ring(first_new), set(range(first_new, first_new + RING_N))),
            (socks(first_new, new_leaders), set(range(first_new, first_new + SOCKS_N + LEADERS_N))),
            ({(a, b) for a in bought[:RING_N] for b in bought[:RING_N] if a != b}, set(bought[:RING_N])),
            (socks(first_new, bought[RING_N:]), {*range(first_new, first_new + SOCKS_N), *bought[RING_N:]}),
        ):
            graphs.append((email | attack, draw))
            attackers.append(who)
    for number, rows in enumerate(rank(models, graphs)):
        top = set(names(rows))
        assert len(top) == TOP_N
        assert not top & attackers[number]
        kept.append(len(top & set(cleans[number // 4])))
    kept_of_plain = [len(set(clean) & plain) for clean in cleans]
    assert statistics.median(kept) >= 35
    # Of the ranking that anybody can make without knowing who is established, told beside it: 34 when this was written.
    record_property("kept_of_plain_page_rank", statistics.median(kept_of_plain))
    assert statistics.median(kept_of_plain) >= 30
