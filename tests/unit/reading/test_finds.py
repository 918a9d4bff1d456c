"""How finds are put into words: names of communities and brands come from anywhere, and nobody acts on them."""

from datetime import date

import pytest

from pulse.reading.finds import Find, plain


def find(**changes: object) -> Find:
    facts = {
        "rule": "need_spike", "platform": "reddit", "community": "tea", "subject": "wish",
        "first_date": date(2026, 10, 5), "last_date": date(2026, 10, 5), "finds_n": 1, "n": 14, "days_n": 1,
        "voices_n": 230, "figure": 0.061, "figure_before": 0.004, "link": None,
    }  # fmt: skip
    return Find(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("EmberwellTea", "EmberwellTea"),
        ("Müller & Söhne", "Müller & Söhne"),
        ("茶", "茶"),
        ("<!channel> @here", "__channel_ _here"),
        ("[here](https://evil.example/x)", "_here__https___evil_example_x_"),
        ("www.evil.example", "www_evil_example"),
        ("*bold* `code` ~no~ |a|", "_bold_ _code_ _no_ _a_"),
        ("a\nb\x1b[31m\u202e", "a_b__31m_"),
        ("x" * 100, "x" * 80 + "…"),
    ],
)
def test_plain__leaves_nothing_that_a_mail_a_chat_or_a_terminal_makes_something_of(name: str, shown: str):
    assert plain(name) == shown


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "wishes spike, reddit: tea: 14 of 230 voices on that day, 6.1% instead of 0.4% (2026-10-05)"),
        (
            {"subject": "support_request", "days_n": 7},
            (
                "requests for support spike, reddit: tea: 14 of 230 voices in 7 days up to it, 6.1% instead of 0.4% "
                "(2026-10-05)"
            ),
        ),
        (
            {"rule": "mood_turn", "subject": "down", "figure": -0.31, "figure_before": 0.18, "voices_n": 1480},
            "mood turned down, reddit: tea: net -0.31 of 1,480 voices on that day, +0.18 before (2026-10-05)",
        ),
        (
            {"rule": "brand_mention", "subject": "Ember", "finds_n": 3, "last_date": date(2026, 10, 6)},
            "Ember named, reddit: tea: 3 contributions (2026-10-05 to 2026-10-06)",
        ),
        (
            {"rule": "unanswered_question", "subject": "recommendation_request", "finds_n": 2},
            "unanswered for a day, reddit: tea: 2 requests for a recommendation (told on 2026-10-05)",
        ),
        (
            {"rule": "unanswered_question", "subject": "question", "community": "<tea>"},
            "unanswered for a day, reddit: _tea_: 1 question (told on 2026-10-05)",
        ),
    ],
)
def test_line__says_what_where_how_many_and_when(changes: dict[str, object], line: str):
    assert find(**changes).line == line
