"""The pages of one listing, each sealed before the next is asked for."""

from collections.abc import Callable, Iterator, Sequence

from pulse.core.errors import CallsSpent, ListingRepeats
from pulse.sources.live.response_cache import SealedPage

# More than any listing of a day has; a platform that never ends one is stopped here.
MOST_PAGES = 1_000

OtherCursors = Callable[[str, Sequence[str]], Sequence[str]]


class Progress:
    """How far a listing was read.

    Attributes:
        ids: of all records so far, in order.
        cursors: those that were asked with so far.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.cursors: set[str] = set()
        self._known: set[str] = set()

    def require_new(self, listing: str, ids: Sequence[str], after: str | None) -> None:
        """Refuse an answer that leads nowhere, before it is sealed: it is asked for again then.

        Args:
            listing: as people would name it.
            ids: of the answer's records; where pages overlap by their nature, as those by time do at equal seconds,
                without the known ones.
            after: the cursor that the answer gives.

        Raises:
            ListingRepeats: the cursor was asked with before, or the answer brings nothing but what is known.
        """
        if ids and self._known.issuperset(ids):
            value = f"the same things again after {len(self.ids)}"
        elif after is not None and after in self.cursors:
            value = f"a cursor that leads back, after {len(self.ids)} things"
        else:
            return
        raise ListingRepeats(
            listing, value=value, limit="each page goes further back", next_step="nothing: it is asked again"
        )

    def add(self, page: SealedPage) -> None:
        """Note a page that was gone through."""
        self.ids += page.ids
        self._known.update(page.ids)


class Listing:
    """One listing, to be gone through once; run again, it finds its sealed pages and asks for the rest only.

    Attributes:
        progress: how far it was read.
        cut_off: why it ended before its last page; None if it did not, or the reader stopped.
        spent: the error of the budget, if that is why.
    """

    def __init__(
        self,
        ask: Callable[[str | None, Progress], SealedPage],
        *,
        is_last: Callable[[SealedPage], bool] = lambda page: page.after is None,
        other_cursors: OtherCursors | None = None,
        most_pages_n: int = MOST_PAGES,
    ) -> None:
        """A listing that was not begun.

        Args:
            ask: gives the page after a cursor, None for the first: the sealed one, or a new one that it seals. It
                should call :meth:`Progress.require_new` where the answer is taken apart. The same cursor after the same
                pages must be the same question.
            is_last: whether the listing ends with a page.
            other_cursors: gives cursors to try where one leads to nothing new or nothing at all, from that cursor and
                the ids so far; where a cursor is the id of a thing, that thing may be gone meanwhile.
            most_pages_n: where to stop, whatever the platform says.
        """
        self.progress = Progress()
        self.cut_off: str | None = None
        self.spent: CallsSpent | None = None
        self._ask = ask
        self._is_last = is_last
        self._other_cursors = other_cursors
        self._most_pages_n = most_pages_n

    def __iter__(self) -> Iterator[SealedPage]:
        """The pages in order.

        Raises:
            CallsSpent: not even the first page could be asked for. A listing whose later pages could not is cut off.
            ListingRepeats: it leads back to where it was; worth a retry, for the answer that did was not sealed.
            SourceError, StorageError: what ``ask`` raises; the pages so far are sealed.
        """
        cursor: str | None = None
        for pages_n in range(self._most_pages_n):
            try:
                page = self._page_after(cursor)
            except CallsSpent as error:
                if pages_n == 0:
                    raise
                self.cut_off = f"the calls of this run were spent after {pages_n} pages"
                self.spent = error
                return
            self.progress.add(page)
            yield page
            if self._is_last(page) or page.after is None:
                return
            if self._other_cursors is None:
                self.progress.require_new("listing", (), page.after)
            cursor = page.after
        self.cut_off = f"it was read no further than {self._most_pages_n} pages"

    def _page_after(self, cursor: str | None) -> SealedPage:
        """The page after a cursor; if it holds nothing and leads nowhere, the page after one of the others."""
        others = () if cursor is None or self._other_cursors is None else self._other_cursors(cursor, self.progress.ids)
        last: SealedPage | None = None
        repeats: ListingRepeats | None = None
        for one in (cursor, *others):
            if one is not None:
                self.progress.cursors.add(one)
            try:
                last = self._ask(one, self.progress)
            except ListingRepeats as error:
                repeats = error
                continue
            if last.ids or last.after:
                return last
        if last is None:
            raise repeats or AssertionError("no cursor was asked with")
        return last
