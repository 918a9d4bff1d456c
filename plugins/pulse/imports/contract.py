"""The contract of business results: what one line of a file says, as raw keeps it.

A line tells what the business saw on one day: of one community (``platform`` and ``community``), or under a ``code`` of
its own, or both, which maps the code to the community. NULL means "this file does not tell it"; 0 means zero. A result
is unique by (result_date, platform, community, code, currency) and measure, over all files. Refunds stand apart from
what they are refunds of: a line with a negative revenue, or with negative sales, takes away from the day's sum.
"""

from pulse.core.table import Column

CONTRACT_VERSION = 2
MEASURES = ("visits", "leads", "sales", "revenue")
# The columns of a file, in the order in which documents name them. `date` and one way to say whose it is must be there.
FILE_COLUMNS = ("date", "platform", "community", "code", *MEASURES, "currency")
KEY = ("result_date", "platform", "community", "code", "currency")

COLUMNS: tuple[Column, ...] = (
    Column("result_date", "DATE", False, "day of the result as the business counts days"),
    Column("platform", "VARCHAR", True, "platform name, lower case; NULL where the code is mapped to no community"),
    Column("community", "VARCHAR", True, "community name as its platform compares it; NULL with platform"),
    Column("code", "VARCHAR", True, "what the business calls it: a campaign, a shop, a link"),
    Column("visits", "BIGINT", True, "visits"),
    Column("leads", "BIGINT", True, "leads"),
    Column("sales", "BIGINT", True, "number of sales; negative where some are taken back"),
    Column("revenue", "DECIMAL(18, 4)", True, "revenue in the currency; negative for a refund"),
    Column("currency", "VARCHAR", True, "ISO 4217 code; NULL where there is no revenue"),
    Column("file_name", "VARCHAR", False, "the file it was imported from"),
    Column("line_number", "BIGINT", False, "its line there, from 1; the header is a line too"),
    Column("load_id", "VARCHAR", False, "the content of the file that brought it"),
    Column("contract_version", "INTEGER", False, "version of this contract"),
    Column(
        "identical_lines_n",
        "BIGINT",
        True,
        "further lines of the file that say the same, which are counted once; NULL where imported before version 2",
    ),
)

# ISO 4217, active codes of circulating money; funds, metals and testing codes are left out.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
    WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905  (a list of 150 quoted words is no better to read)
)
