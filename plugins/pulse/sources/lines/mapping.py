"""What a source must say of its records, so that they can be read in bulk and turned into rows of the contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pulse.sources.lines.cells import Cells
from pulse.sources.lines.file_coverage import FileStatement
from pulse.sources.lines.ndjson import Chunk, Fault, LineTooLong, Record, TableChunk


class Mapping(Protocol):
    """The meaning of one kind of record, bound to the key that makes pseudonyms.

    Records are read as lines of JSON: DuckDB reads the fields of :meth:`raw_columns` and nothing else, and select lists
    turn them into columns of the contract. There is no Python per record, but for those that are looked at slowly.

    The SQL that the methods return may hold key material: it must never be logged, nor stand in an error's message.
    """

    @property
    def source(self) -> str:
        """Name of the source, for the column ``source``."""

    @property
    def version(self) -> int:
        """Raised whenever what comes out of the same records changes, so that staged files are read again."""

    @property
    def known_fields(self) -> frozenset[str]:
        """Field names that are no surprise."""

    @property
    def record_limit(self) -> str:
        """What a line must be, in words."""

    def chunks(
        self, path: Path, *, chunk_bytes: int, scratch: Path
    ) -> Iterator[Chunk | LineTooLong | TableChunk | FileStatement]:
        """The file as lines of JSON, cut into chunks; see :func:`pulse.sources.lines.ndjson.read_chunks`.

        What is a table already comes as rows, if the mapping is a :class:`TableMapping`.

        A file that says itself what it holds ends with its statement; of any other its records have to tell.

        Args:
            scratch: an existing folder for what is of use until the last chunk.
        """

    def raw_columns(self) -> dict[str, str]:
        """DuckDB type by field, for ``read_json``; fields that a record lacks come as NULL."""

    def needs_slow_look_sql(self) -> str:
        """Whether a record that the bulk reader took must be looked at by itself.

        Whatever :meth:`check_record` finds bad must be true here, or be refused by the bulk reader.
        """

    def check_record(self, record: Record) -> Fault | None:
        """The slow look at one parsed record: the fault that makes it unusable, or None.

        Fault ``ndjson.NOT_SPEECH`` is a documented skip; such a record must tell its community and time.
        """

    def place_of(self, record: Record) -> tuple[str | None, float | None]:
        """Community and time of creation, seconds since 1970, that a record tells, even one that cannot be used."""

    def identified_sql(self, rows_sql: str) -> str:
        """Select the fields, and what tells whose, what and of when a record is.

        Further columns: ``kind``, ``community_name``, ``author_name`` (as accounts are compared) and ``created_s``
        (seconds since 1970). Cheap to prepare: what only counts records reads this instead of :meth:`understood_sql`.
        """

    def understood_sql(self, rows_sql: str) -> str:
        """Select the columns of :meth:`identified_sql`, and what several columns of the contract are made of."""

    def seen_at_sql(self, fallback_s: float) -> str:
        """When a record of :meth:`identified_sql` was seen, seconds since 1970; the fallback where it does not say."""

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """Select list from :meth:`understood_sql` to the contract's columns; ``load_id`` is left empty.

        Args:
            role_sql: expression for ``author_role``, NULL where no account is listed.
            observed_fallback_s: when a record was seen that does not say so, seconds since 1970.
        """


class TableMapping(Mapping, Protocol):
    """The meaning of rows of a table, which are never looked at slowly and come with all fields as text.

    :meth:`identified_sql` gives all that :meth:`contract_select` needs, but for column ``author_key``; and a further
    column ``fault``: ``name: detail`` for a row that cannot be used, NULL for a good one. :meth:`contract_select` gives
    ``author_key`` as it is, or NULL.
    """

    def knowing(self, cells: Cells) -> "TableMapping":
        """The same for rows whose cells are known to be so: it gives the same values, and may spare itself work."""

    def author_key_sql(self, name_sql: str) -> str:
        """Expression for the pseudonym of an account; it is asked once for each, for hashing takes most of the time."""
