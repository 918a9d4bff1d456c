"""From the columns of a table to the contract, as the config says; all of it in SQL, and each rule written once.

A row that breaks a rule is found in bulk, and named by the same expression when it is looked at by itself.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from pulse.core.contract import KINDS, OBSERVABLE, REMOVALS, projection
from pulse.core.files import sql_name, sql_text
from pulse.core.text import printable
from pulse.platforms.names import author_key_sql, canonical_name_sql
from pulse.platforms.registry import platform_named
from pulse.sources.lines import tables
from pulse.sources.lines.cells import Cells
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import MAX_LINE_BYTES, Chunk, Fault, LineTooLong, Record, TableChunk, read_chunks
from pulse.sources.lines.patterns import part_of
from pulse.sources.lines.tables import FAULT_FIELD, TableFile
from pulse.sources.lines.zones import in_zone_sql
from pulse.sources.tabular.entry import IDS, NUMBERS, TEXTS, TIMES, TabularEntry, Take
from pulse.sources.tabular.repairs import repaired_sql

SOURCE = "tabular"
VERSION = 2
_LATEST = "2100-01-01"
# No count on any platform comes near; what is larger would not fit into the contract's whole numbers.
_LARGEST_NUMBER = 10**15
_DERIVED = "pulse_"


@dataclass(frozen=True)
class _Rule:
    """What makes a row unusable, with the column and the value for whoever has to mend it."""

    fault: str
    field: str
    column: str
    value_sql: str
    condition_sql: str

    def sql(self) -> str:
        """A branch of a case expression."""
        where = sql_text(f"{self.fault}: {self.field}, column {printable(self.column, max_chars=80)}")
        return f"when {self.condition_sql} then {where} || coalesce(': ' || left({self.value_sql}, 40), ' is empty')"


class TabularMapping:
    """The meaning of one table's columns; see :class:`pulse.sources.lines.mapping.Mapping`.

    Args:
        author_key: key material.
        path: the file; parts of its name may be values.
        cells: what is known of the cells that it is for.

    Raises:
        ConfigError: the file's name has no such part.
    """

    source = SOURCE
    version = VERSION

    def __init__(self, entry: TabularEntry, author_key: bytes, path: Path, cells: Cells | None = None) -> None:
        self._entry = entry
        self._table = entry.table
        self._author_key = author_key
        self._format = entry.format_of(path)
        self._parts = {name: _part_of(path, take, name, entry) for name, take in self._table.columns.items()}
        self._probing = threading.Lock()
        self._path = path
        self._cells = cells or Cells()

    def knowing(self, cells: Cells) -> "TabularMapping":
        """Cells that need no trimming are taken as they are, and what cannot be wrong is not asked for."""
        return TabularMapping(self._entry, self._author_key, self._path, cells)

    @property
    def known_fields(self) -> frozenset[str]:
        """The columns that the mapping reads."""
        return frozenset(self.raw_columns())

    @property
    def record_limit(self) -> str:
        """What a row must have."""
        return "rows with contribution_id, created_at and kind, as the entry's table.columns says"

    def chunks(
        self, path: Path, *, chunk_bytes: int, scratch: Path
    ) -> Iterator[Chunk | LineTooLong | TableChunk | FileStatement]:
        """The table's rows; their numbers are from 1. A file that is one channel speaks for that channel alone."""
        if self._format == "ndjson":
            yield from read_chunks(path, chunk_bytes=chunk_bytes)
        else:
            yield from self._rows_of(path, self._format, scratch)
        channel = self._table.columns.get("channel")
        if channel is not None and not channel.names:
            part = self._parts["channel"] or str(channel.constant)
            kinds = platform_named(self._entry.platform).kinds
            yield FileStatement(self._entry.community, part, kinds, None, None, spans_records=True)

    def _rows_of(self, path: Path, form: tables.Format, scratch: Path) -> Iterator[Chunk | LineTooLong | TableChunk]:
        table = self._table
        file = TableFile(
            path,
            form,
            f"table.columns of {self._entry.entry_id}",
            table.delimiter or ("\t" if form == "tsv" else ","),
            table.encoding,
        )
        yield from file.chunks([name for name in self.raw_columns() if name != FAULT_FIELD], scratch)

    def raw_columns(self) -> dict[str, str]:
        """All as text; values that are no text come as JSON."""
        names = dict.fromkeys(map(self._top, self._names()))
        return dict.fromkeys([*names, FAULT_FIELD], "VARCHAR")

    # ---- faults --------------------------------------------------------------

    def needs_slow_look_sql(self) -> str:
        """Whether the row breaks a rule."""
        return f"(({self._fault_sql(self._value_sql)}) is not null)"

    def check_record(self, record: Record) -> Fault | None:
        """The first rule that the row breaks."""
        if record.repeated:
            return Fault("duplicate_key", ", ".join(record.repeated))
        found, _, _ = self._evaluated(record)
        if found is None:
            return None
        name, _, detail = found.partition(": ")
        return Fault(name, detail)

    def place_of(self, record: Record) -> tuple[str | None, float | None]:
        """Community and time of creation."""
        _, community, created_s = self._evaluated(record)
        return community, created_s

    def _evaluated(self, record: Record) -> tuple[str | None, str | None, float | None]:
        """Fault, community and time of a single row, by the expressions of the bulk."""
        values = [_as_text(record.get(name)) for name in self.raw_columns()]
        with self._probing:
            found = self._probe.execute(self._look_sql, values).fetchone()
        return found or (None, None, None)

    @cached_property
    def _look_sql(self) -> str:
        row = ", ".join(f"?::varchar as {sql_name(name)}" for name in self.raw_columns())
        created_s = f"epoch({self._time_sql('created_at')})"
        fault = self._fault_sql(self._value_sql)
        return f"select {fault}, {self._community_sql()}, {created_s} from (select {row})"

    @cached_property
    def _probe(self) -> duckdb.DuckDBPyConnection:
        """A database for single rows; made when one has to be looked at."""
        connection = duckdb.connect(config={"threads": "1"})
        connection.execute("set timezone = 'UTC'")
        return connection

    def _fault_sql(self, value_sql: Callable[[str], str]) -> str:
        """Name and detail of the first rule that a row breaks; NULL for a good one.

        Args:
            value_sql: a field's value: its expression, or the column that holds it already.
        """
        malformed = f"when {sql_name(FAULT_FIELD)} is not null then 'malformed_row: ' || {sql_name(FAULT_FIELD)}"
        return f"case {malformed} {' '.join(rule.sql() for rule in self._rules(value_sql))} end"

    def _bulk_fault_sql(self, counted: Sequence[str]) -> str:
        """The same over columns that hold the values; the rules are asked only of rows that may break one.

        Args:
            counted: columns that hold the numbers of reactions.
        """

        def held(field: str) -> str:
            return f"{_DERIVED}of_{field}"

        columns = self._table.columns
        odd = [f"{sql_name(FAULT_FIELD)} is not null"]
        odd += [
            f"strlen({sql_name(top)}) > {MAX_LINE_BYTES}" for top in self.raw_columns() if top not in self._cells.short
        ]
        odd += [f"{held(field)} is null" for field in ("contribution_id", "created_at", "kind")]
        odd += [f"{held('kind')} not in {KINDS}"]
        if "community" in columns:
            odd += [f"{_DERIVED}community_name is null"]
        if "thread_id" in columns:
            odd += [f"{held('kind')} = 'comment' and {held('thread_id')} is null"]
        if "removal" in columns:
            odd += [f"{held('removal')} not in {REMOVALS}"]
        # A cell that is there has a value, unless it is blank: the rules tell.
        for field, take in columns.items():
            if field in (*TIMES, *NUMBERS, "removal") or take.values:
                is_there = f"{sql_name(self._top(take.column))} is not null" if take.column else "true"
                odd += [f"{held(field)} is null and {is_there}"]
        numbers = [held(field) for field in NUMBERS if field in columns]
        if "reactions" in columns:
            kinds = columns["reactions"].columns.values()
            odd += [
                f"{value} is null and {sql_name(self._top(name))} is not null"
                for value, name in zip(counted, kinds, strict=True)
            ]
            numbers += counted
        odd += [f"not abs({number}) <= {_LARGEST_NUMBER}" for number in numbers]
        any_odd = " or ".join(f"({one})" for one in odd)
        return f"case when {any_odd} then {self._fault_sql(held)} end"

    def _rules(self, value_sql: Callable[[str], str]) -> Iterator["_Rule"]:
        columns = self._table.columns
        for name in self._names():
            if self._top(name) in self._cells.short:
                continue
            top = sql_name(self._top(name))
            yield _Rule(
                "line_too_long", f"limit {MAX_LINE_BYTES} bytes", name, top, f"strlen({top}) > {MAX_LINE_BYTES}"
            )
        for field in ("contribution_id", "created_at", "community"):
            if field in columns:
                yield self._rule("missing", field, f"{self._raw_sql(field)} is null")
        for field in (name for name in TIMES if name in columns):
            yield self._rule("not_a_time", field, self._is_told_but_not_sql(field, value_sql(field)))
        for field in (name for name in NUMBERS if name in columns):
            raw, number = self._raw_sql(field), value_sql(field)
            yield self._rule("not_a_number", field, _is_odd_number_sql(raw, number))
        for name in columns["reactions"].columns.values() if "reactions" in columns else ():
            value = self._column_sql(name)
            yield _Rule(
                "not_a_number", "reactions", name, value, _is_odd_number_sql(value, self._number_sql(value, name))
            )
        yield from self._rules_of_values(value_sql)

    def _rules_of_values(self, value_sql: Callable[[str], str]) -> Iterator["_Rule"]:
        columns = self._table.columns
        is_kind = f"coalesce({value_sql('kind')} in {KINDS}, false)"
        yield self._rule("unknown_value", "kind", f"not {is_kind}")
        if "removal" in columns:
            is_known = f"coalesce({value_sql('removal')} in {REMOVALS}, false)"
            yield self._rule("unknown_value", "removal", f"{self._raw_sql('removal')} is not null and not {is_known}")
        for field in (name for name, take in columns.items() if take.values and name not in ("kind", "removal")):
            yield self._rule("unknown_value", field, self._is_told_but_not_sql(field, value_sql(field)))
        if "thread_id" in columns:
            is_comment = f"{value_sql('kind')} = 'comment'"
            yield self._rule("missing", "thread_id", f"{is_comment} and {value_sql('thread_id')} is null")

    def _rule(self, fault: str, field: str, condition_sql: str) -> "_Rule":
        column = ", ".join(self._table.columns[field].names) or "none: the config gives it"
        return _Rule(fault, field, column, self._raw_sql(field), condition_sql)

    def _is_told_but_not_sql(self, field: str, value_sql: str) -> str:
        return f"{self._raw_sql(field)} is not null and {value_sql} is null"

    # ---- values --------------------------------------------------------------

    def _names(self) -> Iterator[str]:
        """The columns of the table that are read, each once."""
        yield from dict.fromkeys(name for take in self._table.columns.values() for name in take.names)

    def _top(self, name: str) -> str:
        return name.split(".", maxsplit=1)[0] if self._format in ("ndjson", "json") else name

    def _column_sql(self, name: str) -> str:
        """A cell as text; NULL where there is nothing but blanks."""
        top, _, rest = name.partition(".") if self._format in ("ndjson", "json") else (name, "", "")
        value = sql_name(top)
        if not rest and top in self._cells.filled:
            return value
        if rest:
            path = "$" + "".join(f'."{part}"' for part in rest.split("."))
            value = f"case when json_valid({value}) then json_extract_string({value}, {sql_text(path)}) end"
        # What begins with a visible character is not blank; that is told in a sixth of the time that trimming takes.
        return f"case when {value} >= '!' or trim({value}) <> '' then {value} end"

    def _raw_sql(self, field: str) -> str:
        """What stands in the table for a field, before any meaning; NULL where there is nothing."""
        take = self._table.columns[field]
        if take.constant is not None:
            return sql_text(take.constant)
        if take.file_part is not None or take.path_part is not None:
            return sql_text(self._parts[field] or "")
        if take.made_from:
            cells = ", ".join(f"coalesce({self._column_sql(name)}, '')" for name in take.made_from)
            return f"'made_' || left(sha256(concat_ws(chr(31), {cells})), 32)"
        return self._column_sql(str(take.column))

    def _text_sql(self, field: str) -> str:
        """The field's text: repaired, of its meaning, with its prefix; NULL where there is none."""
        take = self._table.columns[field]
        value = repaired_sql(self._raw_sql(field), take.repair)
        if field not in TEXTS and not (self._is_trimmed(take.column) and not take.repair):
            value = f"trim({value})"
        if take.values:
            cases = " ".join(f"when {sql_text(told)} then {sql_text(means)}" for told, means in take.values.items())
            value = f"case {value} {cases} end"
        return f"{sql_text(take.prefix)} || {value}" if take.prefix else value

    def _value_sql(self, field: str) -> str:
        """What a field's cells mean; NULL where there is nothing, or something that means nothing."""
        if field in TIMES:
            return self._time_sql(field)
        if field in NUMBERS:
            return self._number_sql(self._raw_sql(field), self._table.columns[field].column)
        return self._text_sql(field)

    def _number_sql(self, value_sql: str, column: str | None) -> str:
        """The number that a cell says, whatever stands around it."""
        return f"try_cast({value_sql if self._is_trimmed(column) else f'trim({value_sql})'} as double)"

    def _is_trimmed(self, column: str | None) -> bool:
        """Whether ``trim`` leaves all cells of a column as they are."""
        return column is not None and self._top(column) == column and column in self._cells.trimmed

    def _time_sql(self, field: str) -> str:
        take = self._table.columns[field]
        value = self._raw_sql(field)
        if not self._is_trimmed(take.column):
            value = f"trim({value})"
        opened = platform_named(self._entry.platform).opened_on
        tried = ", ".join(_time_of_form_sql(value, form, self._table.zone_of(take)) for form in take.time)
        found = f"coalesce({tried})" if len(take.time) > 1 else tried
        is_possible = f"{found} between timestamptz '{opened} 00:00:00+00' and timestamptz '{_LATEST} 00:00:00+00'"
        return f"case when {is_possible} then {found} end"

    def _community_sql(self) -> str:
        platform = self._entry.platform
        if "community" not in self._table.columns:
            return sql_text(self._entry.community)
        return canonical_name_sql(platform, f"({self._text_sql('community')})")

    # ---- to the contract -----------------------------------------------------

    def identified_sql(self, rows_sql: str) -> str:
        """Derived columns only: a table may have columns of any name."""
        columns = self._table.columns
        fields = [name for name in (*IDS, *TEXTS, *TIMES, *NUMBERS, "kind", "removal") if name in columns]
        derived = {f"of_{name}": self._value_sql(name) for name in fields}
        derived["of_author"] = self._text_sql("author") if "author" in columns else "cast(null as varchar)"
        derived["of_tags"] = self._tags_sql()
        derived["community_name"] = self._community_sql()
        counts = (
            {name: f"{_DERIVED}count_{number}" for number, name in enumerate(columns["reactions"].columns, start=1)}
            if "reactions" in columns
            else {}
        )
        counted = "".join(
            f", {self._number_sql(self._column_sql(column), column)} as {counts[name]}"
            for name, column in (columns["reactions"].columns.items() if counts else ())
        )
        # Names that no table has: a fault shows what stands in the table.
        selected = ", ".join(f"{sql} as {_DERIVED}{name}" for name, sql in derived.items())
        shown = ", ".join(f"{_DERIVED}{name} as {name}" for name in derived)
        fault = self._bulk_fault_sql(list(counts.values()))
        return f"""
            select {shown}, {_reactions_sql(counts)} as of_reactions, {_DERIVED}of_kind as kind,
                epoch({_DERIVED}of_created_at) as created_s,
                {canonical_name_sql(self._entry.platform, f"{_DERIVED}of_author")} as author_name,
                {fault} as fault, line_number
            from (select *, {selected}{counted} from ({rows_sql}))
        """

    def understood_sql(self, rows_sql: str) -> str:
        """The same, and who wrote it."""
        return f"select *, {self.author_key_sql('author_name')} as author_key from ({self.identified_sql(rows_sql)})"

    def author_key_sql(self, name_sql: str) -> str:
        """The account's name or id, hashed."""
        return author_key_sql(self._author_key, self._entry.platform, name_sql)

    def seen_at_sql(self, fallback_s: float) -> str:
        """The time of the observation, if the table has one."""
        return (
            f"coalesce(epoch(of_observed_at), {fallback_s!r})"
            if "observed_at" in self._table.columns
            else repr(fallback_s)
        )

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """What the mapping names; all other observable columns are NULL."""
        columns = self._table.columns
        platform, has_author = self._entry.platform, "author" in columns
        thread = "of_thread_id" if "thread_id" in columns else "null"
        parent = f"coalesce(of_parent_id, {thread})" if "parent_id" in columns else thread
        seen_s = f"greatest(created_s, {self.seen_at_sql(observed_fallback_s)})"
        whole = {name: f"round(of_{name})" for name in NUMBERS if name != "upvote_ratio"}
        given = {name: sql for name, sql in whole.items() if name in columns}
        given |= {name: f"of_{name}" for name in (*TEXTS, "upvote_ratio", "edited_at") if name in columns}
        # A title is a post's alone.
        if "title" in columns:
            given["title"] = "case when kind = 'post' then of_title end"
        return projection(
            overrides=dict.fromkeys(OBSERVABLE, "null")
            | given
            | {
                "platform": sql_text(platform),
                "community": "community_name",
                "contribution_id": "of_contribution_id",
                "kind": "kind",
                "thread_id": f"case when kind = 'comment' then {thread} else of_contribution_id end",
                "parent_id": f"case kind when 'comment' then {parent} "
                f"when 'message' then {'of_parent_id' if 'parent_id' in columns else 'null'} end",
                "created_at": "of_created_at",
                "observed_at": f"to_timestamp({seen_s})",
                "tags": "of_tags",
                "reactions": "of_reactions",
                "author_key": "author_key" if has_author else "null",
                "author_role": f"coalesce({role_sql}, 'member')",
                "removal": "coalesce(of_removal, 'none')" if "removal" in columns else "'none'",
                "source": f"'{SOURCE}'",
                "load_id": "''",
            }
        )

    def _tags_sql(self) -> str:
        take = self._table.columns.get("tags")
        if take is None:
            return "cast([] as varchar[])"
        value = self._text_sql("tags")
        parts = f"string_split({value}, {sql_text(take.split)})" if take.split else f"[{value}]"
        return f"coalesce(list_filter(list_transform({parts}, tag -> trim(tag)), tag -> tag <> ''), [])"


def _reactions_sql(counts: dict[str, str]) -> str:
    """Count by kind, of columns that hold the numbers; NULL where none of them has any."""
    if not counts:
        return "cast(null as map(varchar, bigint))"
    # A number that is none, or too large, is a fault of its row.
    whole = {name: f"try_cast(round({column}) as bigint)" for name, column in counts.items()}
    all_there = " and ".join(f"{column} is not null" for column in counts.values())
    struct = ", ".join(f"{sql_name(name)} := {count}" for name, count in whole.items())
    pairs = ", ".join(f"struct_pack(k := {sql_text(name)}, v := {count})" for name, count in whole.items())
    listed = f"list_filter([{pairs}], pair -> pair.v is not null)"
    in_general = f"when len({listed}) > 0 then map_from_entries({listed}) end"
    # Most rows have all of them, and a struct becomes a map in a fifth of the time that a list takes. It holds no two
    # names that differ in case alone.
    if len({name.lower() for name in whole}) < len(whole):
        return f"case {in_general}"
    return f"case when {all_there} then cast(struct_pack({struct}) as map(varchar, bigint)) {in_general}"


def _is_odd_number_sql(raw_sql: str, number_sql: str) -> str:
    return f"{raw_sql} is not null and not coalesce(abs({number_sql}) <= {_LARGEST_NUMBER}, false)"


def _time_of_form_sql(value_sql: str, form: str, zone: str | None) -> str:
    """A time with zone; NULL where the text has another form."""
    if form in ("epoch_s", "epoch_ms"):
        seconds = f"try_cast({value_sql} as double)" + (" / 1000" if form == "epoch_ms" else "")
        return f"case when abs({seconds}) < 1e11 then to_timestamp({seconds}) end"
    if form == "iso":
        says_zone = (
            f"regexp_matches({value_sql}, '(Z|z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$') and contains({value_sql}, ':')"
        )
        zoned = f"when {says_zone} then try_cast({value_sql} as timestamptz)"
        if zone is None:
            return f"case {zoned} end"
        return f"case {zoned} else {in_zone_sql(f'try_cast({value_sql} as timestamp)', zone)} end"
    parsed = f"try_strptime({value_sql}, {sql_text(form)})"
    # With a zone in the pattern, DuckDB gives a time with zone at once.
    return f"cast({parsed} as timestamptz)" if "%z" in form else in_zone_sql(parsed, str(zone))


def _part_of(path: Path, take: Take, field: str, entry: TabularEntry) -> str | None:
    key = f"table.columns.{field} of {entry.entry_id}"
    if take.file_part is not None:
        return part_of(path.name, take.file_part, path, key=key)
    return None if take.path_part is None else part_of(str(path), take.path_part, path, key=key)


def _as_text(value: object) -> str | None:
    """As the bulk reader makes text of a JSON value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value)
