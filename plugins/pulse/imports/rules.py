"""The rules for business results: one definition each, reviewed like code; the same kinds as those of loads.

Row rules are predicates over the texts of a line (empty fields NULL, blanks around them gone); lines for which one does
not hold are kept out. File rules are numbers about a file; outside their range nothing of it is imported.
"""

from pulse.gates.rules import LoadRule, RowRule
from pulse.imports.contract import CURRENCIES, MEASURES

_COUNTS = tuple(name for name in MEASURES if name != "revenue")
# What a spreadsheet would run if a report carried it there, and what a terminal would obey.
_PLAIN_TEXT = r"^[^\p{C}=+@\-\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}][^\p{C}]*$"
_MOST_CHARS = 200
_CURRENCIES = ", ".join(f"'{code}'" for code in sorted(CURRENCIES))


def _is_plain_sql(text_sql: str) -> str:
    # The limit apart: as a limited repetition of so large a class it takes DuckDB 40 ms to prepare, for each file.
    return f"(regexp_matches({text_sql}, '{_PLAIN_TEXT}') and length({text_sql}) <= {_MOST_CHARS})"


RESULT_ROW_RULES: tuple[RowRule, ...] = (
    RowRule(
        "date_is_a_day",
        "regexp_matches(date, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') and try_cast(date as date) >= date '2000-01-01'",
        "One way to write a day, YYYY-MM-DD: 03/04 is March in one country and April in another.",
    ),
    RowRule(
        "somebody_is_named",
        "(platform is null) = (community is null) and (community is not null or code is not null)",
        "A result of nobody cannot be counted anywhere; a community is one of a platform.",
    ),
    RowRule(
        "community_is_plain",
        f"community is null or ({_is_plain_sql('community')} and community <> '*' "
        "and coalesce(regexp_matches(platform, '^[a-z][a-z0-9_]{0,39}$'), false))",
        "Names are joined to those of communities and shown in reports; * stands for all of them there.",
    ),
    RowRule(
        "code_is_plain",
        f"code is null or {_is_plain_sql('code')}",
        "Codes are shown in reports and spreadsheets: no formula, no control character, 200 characters at most.",
    ),
    RowRule(
        "counts_are_whole_numbers",
        " and ".join(
            f"({name} is null or regexp_matches({name}, '^{'-?' if name == 'sales' else ''}[0-9]{{1,12}}$'))"
            for name in _COUNTS
        ),
        "Digits alone: 1.000 is one thousand in one country and one in another. Only sales can be taken back (-3).",
    ),
    RowRule(
        "revenue_is_a_number",
        r"revenue is null or regexp_matches(revenue, '^-?[0-9]{1,12}(\.[0-9]{1,4})?$')",
        "Digits and one decimal mark, with a minus for a refund: 1.234 alone could be one or one thousand, so another "
        "amount of the file must show the mark. Four decimals are more than any currency has.",
    ),
    RowRule(
        "currency_is_known",
        f"(revenue is null or currency is not null) and (currency is null or currency in ({_CURRENCIES}))",
        "Money without its currency is no sum of anything; ISO 4217 has one code for each.",
    ),
    RowRule(
        "something_is_told",
        " or ".join(f"{name} is not null" for name in MEASURES),
        "A line without any result says nothing, not zero.",
    ),
    RowRule(
        "result_stands_once",
        "is_refund or differing_n = 1",
        "Two lines of the same day, community, code and currency say different things: nobody can say which is right. "
        "Identical ones are counted once, and refunds stand beside what they are refunds of.",
    ),
)

RESULT_FILE_RULES: tuple[LoadRule, ...] = (
    LoadRule(
        "file_is_as_agreed",
        "facts.faults_n",
        "A file of the size, encoding and columns of the contract: what cannot be read must not be guessed.",
        maximum=0,
        is_waivable=False,
    ),
    LoadRule(
        "has_lines",
        "case when facts.rows_n + facts.bad_lines_n = 0 and facts.faults_n = 0 then 1 else 0 end",
        "A header alone is an export that failed. To take results back: `pulse import --forget FILE`.",
        maximum=0,
    ),
    LoadRule(
        "quarantined_share",
        "(facts.rows_n - facts.accepted_n + facts.bad_lines_n) / greatest(facts.rows_n + facts.bad_lines_n, 1)",
        "Sums lack what was kept out. One line in twenty is a slip, as in the feeds of communities; more is another "
        "format.",
        maximum=0.05,
    ),
    LoadRule(
        "no_line_is_the_total_of_others",
        "facts.totals_n",
        "A line that is the sum of the day's other lines would be counted twice. Leave totals out.",
        maximum=0,
    ),
    LoadRule(
        "days_are_over",
        "facts.running_days_n",
        "Lines of today or later: a plan, a wrong year, or a day that is not yet whole. The file is tried again in "
        "each run, so that one which came too early passes by itself.",
        maximum=0,
    ),
    LoadRule(
        "told_by_one_file",
        "facts.told_elsewhere_n",
        "The same result in two files would be counted twice. One file may tell visits and another sales of the same "
        "day.",
        maximum=0,
    ),
    LoadRule(
        "communities_are_listened_to",
        "facts.strangers_n",
        "Lines of communities that the config does not name: a typing error, or one that was left out since. They are "
        "imported, since the past keeps its results; no figure of a community will stand beside them.",
        maximum=0,
        severity="warning",
    ),
)
