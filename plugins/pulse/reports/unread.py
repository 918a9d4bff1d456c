"""What the page says where posts alone, or comments alone, were read: no zero, and what the platform itself counts.

A chat has neither: nothing is missing there, and its figures of posts say for themselves that none were read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pulse.reports import telling
from pulse.reports.contents import ALL, Community, Kpi, Report
from pulse.showing import figures
from pulse.showing.words import CountedKind

KINDS: tuple[CountedKind, ...] = ("comments", "posts")
_OTHER: dict[CountedKind, CountedKind] = {"comments": "posts", "posts": "comments"}


@dataclass(frozen=True)
class Unread:
    """Where one kind was not read, while the other was.

    Attributes:
        of: the communities, by the kind that was not read.
        everywhere: the kinds that were read nowhere.
    """

    of: Mapping[CountedKind, tuple[Community, ...]]
    everywhere: frozenset[CountedKind]

    def __bool__(self) -> bool:
        return bool(self.everywhere or any(self.of.values()))

    def is_partly(self, kind: CountedKind) -> bool:
        """Whether a kind was read in some communities only."""
        return bool(self.of[kind]) and kind not in self.everywhere

    def only(self, of: Community) -> CountedKind | None:
        """The kind that alone was read of a community; None where both were."""
        return next((_OTHER[kind] for kind in KINDS if of in self.of[kind]), None)

    def subject(self, kind: CountedKind) -> str:
        """Whose were not read: ``comments``, ``comments of tea and mate``; nothing where all were."""
        if kind in self.everywhere:
            return kind
        return f"{kind} of {telling.names(self.of[kind])}" if self.of[kind] else ""

    def note(self) -> str:
        """The same for figures that are made of what was read: ``Of posts alone: comments were not read.``"""
        found = []
        for kind in KINDS:
            told = self.subject(kind)
            if told:
                partly = "Of" if kind in self.everywhere else "Partly of"
                found.append(f"{partly} {_OTHER[kind]} alone: {told} were not read.")
        return " ".join(found)


def frozen(report: Report) -> Unread:
    """As the frozen figures say."""

    def is_missing(kpis: Mapping[str, Kpi], kind: CountedKind) -> bool:
        kpi = kpis.get(kind)
        return kpi is not None and f"{kind}_not_read" in kpi.caveats

    def is_unread(kpis: Mapping[str, Kpi], kind: CountedKind) -> bool:
        return is_missing(kpis, kind) and not is_missing(kpis, _OTHER[kind])

    def is_everywhere(kind: CountedKind) -> bool:
        kpi = report.headline.get(kind)
        return kpi is not None and kpi.value is None and is_unread(report.headline, kind)

    return Unread(
        {kind: tuple(of for of in report.communities if is_unread(report.kpis[of], kind)) for kind in KINDS},
        frozenset(filter(is_everywhere, KINDS)),
    )


def now(report: Report) -> Unread:
    """As the published marts say, which curves and tables beside the frozen figures are made of."""
    days_n = {of: {"posts": known.posts_n, "comments": known.comments_n} for of, known in report.days_known.items()}
    found = {kind: tuple(sorted(of for of, n in days_n.items() if n[_OTHER[kind]] and not n[kind])) for kind in KINDS}
    return Unread(found, frozenset(kind for kind in KINDS if found[kind] and not any(n[kind] for n in days_n.values())))


def summary(report: Report) -> list[str]:
    """Which kinds were not read, each in a sentence; with it what the platform itself counts."""
    unread = frozen(report)
    counted = {"comments": _platform_count(report, unread), "posts": ""}
    return [f"{_capital(told)} were not read{counted[kind]}." for kind in KINDS if (told := unread.subject(kind))]


def _platform_count(report: Report, unread: Unread) -> str:
    """What the platform counts of the posts whose comments were not read."""
    of = unread.of["comments"] or (ALL,)
    found = [report.kpis.get(one, {}).get("platform_replies") for one in of]
    counts = [kpi.value for kpi in found if kpi is not None and kpi.value is not None]
    if not counts:
        return ""
    return f"; the platform itself counts {figures.figure(sum(counts), 'count')} replies to the posts"


def _capital(text: str) -> str:
    """With a capital at the start; names stay as they are written."""
    return text[0].upper() + text[1:]
