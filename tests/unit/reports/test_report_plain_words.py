"""The report speaks plain words: no statistics without a plain word, no code, no warning twice."""

import re
from collections import Counter

import pytest

from pulse.core.home import Home
from pulse.reports import write_report
from pulse.showing import plain, words
from report_samples import BUILT_AT, MONTH, kpi_row, kpi_rows, month_of_marts, parsed

CAVEATS = ",".join(words.CAVEATS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Half of it is written by 17 people", []),
        ("the mood (net sentiment) fell", []),
        ("Net sentiment fell", ["net sentiment"]),
        ("significantly, p-value 0.02", ["p-value", "significan"]),
        ("marked small_n", ["small_n"]),
        ("A Gini of 0.7", ["gini"]),
        ("the original", []),
    ],
)
def test_jargon__is_a_word_of_statistics_without_its_plain_one(text: str, found: list[str]):
    assert plain.jargon_in(text) == found


def test_page__and_all_that_is_sent_speak_plain_words_whatever_stands_against_the_figures(home: Home):
    kpis = [row | {"caveat": CAVEATS} for row in kpi_rows("*") + kpi_rows("tea")]
    kpis += [kpi_row(name, 0.5, community="*", unit=None, caveat=CAVEATS) for name in words.KPIS]
    with month_of_marts(["tea"]) as connection:
        connection.execute(f"update marts.fct_sentiment_turns set caveat = '{CAVEATS}'")
        files = write_report(home, MONTH, kpis, connection=connection, clock=lambda: BUILT_AT)
    for file in (files.page, files.mail):
        html = file.read_text(encoding="utf-8")
        shown = parsed(html).text + " ".join(re.findall(r'aria-label="([^"]*)"', html))
        assert plain.jargon_in(shown.replace("docs/metrics.md", "")) == [], file.name
    assert plain.jargon_in(files.slack.read_text(encoding="utf-8")) == []


def test_words__of_every_figure_are_plain():
    for kpi, told in words.KPIS.items():
        assert plain.jargon_in(f"{plain.label_of(kpi, told.label)}. {told.meaning}") == [], kpi
    assert plain.jargon_in(" ".join(words.CAVEATS.values())) == []


def test_warnings__are_said_once(home: Home):
    kpis = [row | {"caveat": "incomplete,partly_observed,left_censored"} for row in kpi_rows("*") + kpi_rows("tea")]
    with month_of_marts(["tea", "mate"]) as connection:
        files = write_report(home, MONTH, kpis, connection=connection, clock=lambda: BUILT_AT)
    html = files.page.read_text(encoding="utf-8")
    said = re.findall(r'<p class="(?:notice|note caveat)">(.*?)</p>', html, flags=re.DOTALL)
    assert said
    assert Counter(said).most_common(1)[0][1] == 1
    assert parsed(html).text.count("days are missing, 30 of 31 are complete") == 1
