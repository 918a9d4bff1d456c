"""CSV files of DiscordChatExporter: what their few columns mean in the contract.

Two dialects, told by the first line: semicolons with one more at each line's end (until 2019), and commas. Neither
names server or channel, an id of the message, what it answers, or its kind. Times have no zone until 2023, and two
digits for the year.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pulse.core.contract import OBSERVABLE, projection
from pulse.core.errors import ArchiveUnreadable
from pulse.core.files import sql_text
from pulse.platforms.discord import DELETED_ACCOUNT, DISCORD
from pulse.platforms.names import author_key_sql
from pulse.sources.discord.entry import CSV_OBSERVES, CsvExports
from pulse.sources.lines import ndjson
from pulse.sources.lines.cells import Cells
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import Chunk, Fault, LineTooLong, Record, TableChunk
from pulse.sources.lines.patterns import part_of
from pulse.sources.lines.tables import FAULT_FIELD, TableFile
from pulse.sources.lines.zones import in_zone_sql

VERSION = 1
# Names and addresses of attachments are not read at all.
_COLUMNS = ("AuthorID", "Date", "Content", "Reactions")
# What an id is made of, besides the channel: reactions change, and addresses of attachments are signed anew.
_ID_COLUMNS = ("AuthorID", "Date", "Content")
_DELIMITERS = (";", ",")
_LATEST = "2100-01-01"
# What the exporter writes for notices of the platform, word for word; their kind is not in the file.
_NOTICES = ("Joined the server.", "Pinned a message.", "Started a thread.")
_REACTION = r"(.+?) \(([0-9]{1,9})\)(?:,|$)"
_REACTIONS = r"(.+? \([0-9]{1,9}\)(,|$))+"


@dataclass(frozen=True)
class DiscordCsvMapping:
    """The meaning of one file's rows; see :class:`pulse.sources.lines.mapping.Mapping`.

    Attributes:
        author_key: key material.
        community: the server as rows carry it: the files do not name theirs.
        channel: of the file, taken from its path.
    """

    source: str
    author_key: bytes = field(repr=False)
    community: str
    channel: str
    zone: str

    version = VERSION
    known_fields = frozenset({*_COLUMNS, FAULT_FIELD})
    record_limit = "rows with AuthorID, Date and Content"

    def chunks(
        self,
        path: Path,
        *,
        chunk_bytes: int,  # noqa: ARG002  (rows are cut by their number)
        scratch: Path,
    ) -> Iterator[Chunk | LineTooLong | TableChunk | FileStatement]:
        """The rows; the file says whose channel it is, and its records from when to when."""
        yield from _as_table(path).chunks(_COLUMNS, scratch)
        yield FileStatement(
            community=self.community,
            part=f"csv {self.channel}",
            kinds=("message",),
            first_s=None,
            end_s=None,
            spans_records=True,
        )

    def raw_columns(self) -> dict[str, str]:
        """All as text."""
        return dict.fromkeys([*_COLUMNS, FAULT_FIELD], "VARCHAR")

    def needs_slow_look_sql(self) -> str:
        """Only what is no row comes as a line."""
        return "true"

    def check_record(self, record: Record) -> Fault | None:
        """A line that stands for what is no row says so."""
        return Fault("malformed_row", str(record.get(FAULT_FIELD))[:200])

    def place_of(self, record: Record) -> tuple[str | None, float | None]:  # noqa: ARG002
        """What is no row tells no time."""
        return self.community, None

    def identified_sql(self, rows_sql: str) -> str:
        """Ids are made, and say so; the same values in one channel give the same id."""
        cells = ", ".join([sql_text(self.channel), *(f"coalesce(\"{name}\", '')" for name in _ID_COLUMNS)])
        return f"""
            select 'message' as kind, {sql_text(self.community)} as community_name, author_id as author_name,
                'made_' || left(sha256(concat_ws(chr(31), {cells})), 32) as id,
                created_at, epoch(created_at) as created_s, nullif("Content", '') as content, author_id,
                {_reactions_sql()} as reactions,
                case
                    when "{FAULT_FIELD}" is not null then 'malformed_row: ' || "{FAULT_FIELD}"
                    when nullif(trim("Date"), '') is null then 'missing_timestamp: column Date is empty'
                    when created_at is null then 'not_a_time: Date is ' || left("Date", 40)
                    when not regexp_full_match(coalesce("AuthorID", ''), '[0-9]{{1,20}}')
                        then 'not_an_id: AuthorID is ' || coalesce(left("AuthorID", 40), 'empty')
                    when not {_is_readable_sql()} then 'reactions_unreadable: limit: name (count), and commas between'
                    when "Content" in {_NOTICES} then '{ndjson.NOT_SPEECH}: ' || "Content"
                end as fault,
                line_number
            from (
                select *, nullif("AuthorID", '{DELETED_ACCOUNT}') as author_id, {self._created_sql()} as created_at
                from ({rows_sql})
            )
        """

    def understood_sql(self, rows_sql: str) -> str:
        """The same, and who wrote it."""
        return f"select *, {self.author_key_sql('author_name')} as author_key from ({self.identified_sql(rows_sql)})"

    def knowing(self, cells: Cells) -> "DiscordCsvMapping":  # noqa: ARG002
        """These tables are small: nothing is spared."""
        return self

    def author_key_sql(self, name_sql: str) -> str:
        """The account's id, hashed."""
        return author_key_sql(self.author_key, DISCORD.name, name_sql)

    def _created_sql(self) -> str:
        """Newer files write a time with its zone; older ones one of the machine that made them."""
        local = in_zone_sql("try_strptime(trim(\"Date\"), '%d-%b-%y %I:%M %p')", self.zone)
        zoned = "regexp_matches(\"Date\", 'T.*(Z|[+-][0-9]{2}:[0-9]{2})$')"
        found = f'case when {zoned} then try_cast("Date" as timestamptz) else {local} end'
        bounds = f"timestamptz '{DISCORD.opened_on} 00:00:00+00' and timestamptz '{_LATEST} 00:00:00+00'"
        return f"(select case when moment between {bounds} then moment end from (select {found} as moment))"

    def seen_at_sql(self, fallback_s: float) -> str:
        """When the file was changed: it does not say when it was made."""
        return repr(fallback_s)

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """See :class:`pulse.sources.lines.mapping.Mapping`."""
        return projection(
            overrides=dict.fromkeys(OBSERVABLE - CSV_OBSERVES, "null")
            | {
                "platform": f"'{DISCORD.name}'",
                "community": "community_name",
                "contribution_id": "id",
                "thread_id": "id",
                "observed_at": f"to_timestamp(greatest(created_s, {observed_fallback_s!r}))",
                "body": "content",
                "channel": sql_text(self.channel),
                "tags": "[]",
                "author_role": f"coalesce({role_sql}, 'member')",
                "removal": "'none'",
                "source": f"'{self.source}'",
                "load_id": "''",
            }
        )


def csv_mapping(
    source: str, author_key: bytes, community: str, csv: CsvExports, path: Path, *, entry_id: str
) -> DiscordCsvMapping:
    """The mapping of one file.

    Raises:
        ConfigError: no part of its path is a channel.
    """
    channel = part_of(str(path), csv.channel, path, key=f"csv.channel of {entry_id}")
    return DiscordCsvMapping(source, author_key, community, channel, csv.zone)


def _as_table(path: Path) -> TableFile:
    """The file, and which dialect it is.

    Raises:
        ArchiveUnreadable: neither.
    """
    for delimiter in _DELIMITERS:
        table = TableFile(path, "csv", "columns of an export of Discord", delimiter)
        if set(_COLUMNS) <= set(table.header()):
            return table
    raise ArchiveUnreadable(
        f"archive {path}",
        value="no CSV of DiscordChatExporter",
        limit=f"a first line with {', '.join(_COLUMNS)}, and semicolons or commas between",
        next_step="export the channel again, better as JSON, or take the file out of `path`",
    )


def _is_readable_sql() -> str:
    return f"(coalesce(\"Reactions\", '') = '' or regexp_full_match(\"Reactions\", '{_REACTIONS}'))"


def _reactions_sql() -> str:
    """Count by emoji, of ``👆 (2),name (1)``; two of a server's own may share a name."""
    names = f"regexp_extract_all(\"Reactions\", '{_REACTION}', 1)"
    counts = f"list_transform(regexp_extract_all(\"Reactions\", '{_REACTION}', 2), n -> cast(n as bigint))"
    summed = (
        f"list_transform(list_distinct({names}), name -> struct_pack(k := name, "
        f"v := cast(list_sum(list_transform(list_filter(list_zip({names}, {counts}), pair -> pair[1] = name), "
        "pair -> pair[2])) as bigint)))"
    )
    is_empty, empty = "coalesce(\"Reactions\", '') = ''", "cast(map() as map(varchar, bigint))"
    return f"case when {is_empty} then {empty} when {_is_readable_sql()} then map_from_entries({summed}) end"
