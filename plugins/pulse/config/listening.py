"""The ``listening:`` part of the config: brands, own communities, offers, interests and launches.

Shapes are checked by the models; what holds between items, and with communities and files, by :func:`checked`.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from pulse.config.document import Document, Loc
from pulse.core.errors import ConfigError
from pulse.core.strict import Strict
from pulse.core.text import printable, words_in
from pulse.core.words import spelling, tokens_of

MIN_EXAMPLES_N = 20
_MAX_EXAMPLES_BYTES = 64 * 1024 * 1024
_MAX_WORDS_N = 1_000
# What is told of a day, in the order in which a digest tells it; as in dbt_project/macros/alerts.sql.
AlertRule = Literal["brand_mention", "unanswered_question", "need_spike", "mood_turn"]
ALERT_RULES: tuple[AlertRule, ...] = get_args(AlertRule)
OfferKind = Literal["coupon", "early_access", "limited_edition", "giveaway", "contest", "join_reward"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
# Words and phrases; what is empty or too short is refused by `checked`, whose message says what to do.
Words = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=_MAX_WORDS_N)]
Domain = Annotated[
    str, Field(max_length=253, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$")
]
# `platform/name`, as entries of the config are told apart.
CommunityId = Annotated[str, Field(min_length=3, max_length=1_100)]


class Brand(Strict):
    """One brand: ours, or one that is compared with ours.

    Attributes:
        aliases: how people write it; compared word by word, in any case unless it is a common word (docs/listening.md).
        domains: hosts of its own, lower case; a link to one, or to a host below one, names the brand.
        needs_any: words of which one must stand near, where an alias means other things too.
        ignore: words near which an alias means something else.
        examples: judged examples, one JSON object a line: ``{"text": …, "is_brand": true or false}``; at least 20 a
            side. Relative to the config file; absolute once the configuration is loaded.
    """

    name: Name
    ours: bool = False
    aliases: Words = Field(min_length=1)
    domains: tuple[Domain, ...] = ()
    needs_any: Words = ()
    ignore: Words = ()
    examples: Path | None = None


class Offer(Strict):
    """Something that a brand offered to communities, on days that both count.

    Attributes:
        codes: what people type to get it; compared without case. A code belongs to one offer.
        communities: where it was offered; empty for everywhere.
    """

    name: Name
    brand: Name
    kind: OfferKind
    codes: tuple[Annotated[str, Field(max_length=100)], ...] = ()
    communities: tuple[CommunityId, ...] = ()
    first_day: date = Field(alias="from")
    last_day: date = Field(alias="to")


class Interest(Strict):
    """Something that people care about: words for it, and communities that are about it."""

    name: Name
    words: Words = Field(min_length=1)
    like: tuple[CommunityId, ...] = ()


class Launch(Strict):
    """A product that a brand brings out, and the words by which people speak of it."""

    name: Name
    brand: Name
    launch_date: date
    words: Words = Field(min_length=1)


class Alerts(Strict):
    """What every notifier of the config is told of a day, in one digest.

    Attributes:
        rules: which finds; None for all that the config lets be found.
        communities: only finds there; empty for everywhere.
        max_lines: of a digest; the rest is counted.
    """

    rules: Annotated[tuple[AlertRule, ...] | None, Field(min_length=1)] = None
    communities: tuple[CommunityId, ...] = ()
    max_lines: Annotated[int, Field(ge=1, le=500)] = 50


class Listening(Strict):
    """What to listen for beyond communities. Nothing here is needed by topics, needs, people, audience and content.

    Attributes:
        own_communities: those that the brand runs itself.
        alerts: what is told of each day; None tells nothing.
    """

    brands: Annotated[tuple[Brand, ...], Field(max_length=500)] = ()
    own_communities: tuple[CommunityId, ...] = ()
    offers: Annotated[tuple[Offer, ...], Field(max_length=10_000)] = ()
    interests: Annotated[tuple[Interest, ...], Field(max_length=500)] = ()
    launches: Annotated[tuple[Launch, ...], Field(max_length=500)] = ()
    alerts: Alerts | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is configured."""
        is_of_marts = self.brands or self.own_communities or self.offers or self.interests or self.launches
        return not is_of_marts and self.alerts is None

    @property
    def alert_rules(self) -> tuple[AlertRule, ...]:
        """What is told of a day, in order; empty without alerts."""
        if self.alerts is None:
            return ()
        wanted = ALERT_RULES if self.alerts.rules is None else self.alerts.rules
        return tuple(rule for rule in ALERT_RULES if rule in wanted and self.lacking(rule) is None)

    def lacking(self, rule: AlertRule) -> str | None:
        """What the config would have to have for a rule to find anything."""
        if rule == "brand_mention" and not any(brand.ours for brand in self.brands):
            return "a brand with `ours: true`"
        if rule == "unanswered_question" and not self.own_communities:
            return "own_communities"
        return None


@dataclass(frozen=True)
class Example:
    """One judged example: a text that holds an alias, and whether it means the brand there."""

    text: str
    is_brand: bool


# ---- checks -----------------------------------------------------------------


@dataclass(frozen=True)
class _Checking:
    """What the checks of one config share.

    Attributes:
        community_id: the id of a community as entries of the config have it, from ``platform/name``.
        is_known: whether an entry takes such a community.
        absolute: the absolute path of one that is written in the main file.
    """

    document: Document
    community_id: Callable[[str], str]
    is_known: Callable[[str], bool]
    absolute: Callable[[Path], Path]

    def fault(self, loc: Loc, value: str, *, limit: str | None = None, next_step: str) -> ConfigError:
        written, place = self.document.as_written(("listening", *loc))
        where = ".".join(map(str, written))
        return ConfigError(f"config {place}", value=f"{where}: {value}", limit=limit, next_step=next_step)

    def communities(self, loc: Loc, ids: Iterable[str]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for index, given in enumerate(ids):
            community_id = self.community_id(given)
            if not self.is_known(community_id):
                raise self.fault(
                    (*loc, index), f"community {given} is unknown", limit="platform/name of an entry under communities",
                    next_step="mend the spelling, or add the community to the config",
                )  # fmt: skip
            found[community_id] = None
        return tuple(found)

    def words(self, loc: Loc, words: Iterable[str]) -> None:
        for index, word in enumerate(words):
            fault = _fault_of_word(word)
            if fault is not None:
                raise self.fault(
                    (*loc, index), fault, limit="a word of two letters or more, a phrase or an emoji",
                    next_step="write it as people do where they mean this and nothing else, or remove it",
                )  # fmt: skip


def _fault_of_word(word: str) -> str | None:
    tokens = tokens_of(word)
    if not tokens:
        return "is empty" if not word.strip() else f"{word} is empty: nothing but marks between words"
    if len(tokens) == 1 and tokens[0].is_word and len(tokens[0].text) == 1:
        return f"{word} is of one letter"
    if not any(token.is_word or unicodedata.category(token.text) == "So" for token in tokens):
        return f"{word} has no letter"
    return None


def checked(
    document: Document,
    listening: Listening,
    *,
    community_id: Callable[[str], str],
    is_known: Callable[[str], bool],
    absolute: Callable[[Path], Path],
) -> Listening:
    """The same with absolute paths, and communities as entries name them.

    Args:
        community_id: the id of a community as entries of the config have it, from ``platform/name``.
        is_known: whether an entry takes such a community.
        absolute: the absolute path of one that is written in the main file.

    Raises:
        ConfigError: an alias that is empty, of one letter or of two brands; names, domains or codes given twice; days
            in the wrong order; an unknown community or brand; examples that cannot be used. Names file and line.
    """
    checking = _Checking(document, community_id, is_known, absolute)
    for part in ("brands", "offers", "interests", "launches"):
        _refuse_names(checking, part, [item.name for item in getattr(listening, part)])
    brands = tuple(_brand(checking, index, brand) for index, brand in enumerate(listening.brands))
    _refuse_shared_aliases(checking, brands)
    offers = tuple(_offer(checking, index, offer, brands) for index, offer in enumerate(listening.offers))
    _refuse_shared_codes(checking, offers)
    for index, interest in enumerate(listening.interests):
        checking.words(("interests", index, "words"), interest.words)
    for index, launch in enumerate(listening.launches):
        _require_brand(checking, ("launches", index, "brand"), launch.brand, brands)
        checking.words(("launches", index, "words"), launch.words)
    return listening.model_copy(
        update={
            "alerts": _alerts(checking, listening),
            "brands": brands,
            "offers": offers,
            "own_communities": checking.communities(("own_communities",), listening.own_communities),
            "interests": tuple(
                interest.model_copy(update={"like": checking.communities(("interests", index, "like"), interest.like)})
                for index, interest in enumerate(listening.interests)
            ),
        }
    )


def _refuse_names(checking: _Checking, part: str, names: Iterable[str]) -> None:
    """Names are shown in reports and logs, and tell items of a part apart."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name.strip() or printable(name) != name:
            raise checking.fault(
                (part, index, "name"), f"{name} has characters that do not show" if name.strip() else "is empty",
                limit="characters that show", next_step="give it a plain name",
            )  # fmt: skip
        if name.strip().casefold() in seen:
            raise checking.fault(
                (part, index, "name"), f"{name} stands twice", limit="once", next_step="remove or rename one of the two"
            )
        seen.add(name.strip().casefold())


def _brand(checking: _Checking, index: int, brand: Brand) -> Brand:
    loc: Loc = ("brands", index)
    for key in ("aliases", "needs_any", "ignore"):
        checking.words((*loc, key), getattr(brand, key))
    if brand.examples is None:
        return brand
    file = checking.absolute(brand.examples)
    examples = _read_examples(checking, (*loc, "examples"), file)
    spellings = [spelling(alias) for alias in brand.aliases]
    usable = [example for example in examples if _holds_any(example.text, spellings)]
    sides = [sum(example.is_brand is side for example in usable) for side in (True, False)]
    if min(sides) < MIN_EXAMPLES_N:
        said = f"{sides[0]} of the brand and {sides[1]} of something else"
        left_n = len(examples) - len(usable)
        value = f"{file}: {'one side only: ' if min(sides) == 0 else ''}{said}"
        raise checking.fault(
            (*loc, "examples"), value + (f"; {left_n} more hold no alias of {brand.name}" if left_n else ""),
            limit=f"at least {MIN_EXAMPLES_N} a side that hold an alias",
            next_step="judge more texts of the missing side, or remove the key and use needs_any",
        )  # fmt: skip
    return brand.model_copy(update={"examples": file})


def _holds_any(text: str, spellings: Iterable[tuple[str, ...]]) -> bool:
    words = spelling(text)
    return any(words[at : at + len(alias)] == alias for alias in spellings for at in range(len(words) - len(alias) + 1))


def _refuse_shared_aliases(checking: _Checking, brands: Iterable[Brand]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for index, brand in enumerate(brands):
        for key, names in (("aliases", brand.aliases), ("domains", brand.domains)):
            for place, name in enumerate(names):
                of = seen.setdefault(spelling(name), brand.name)
                if of != brand.name:
                    raise checking.fault(
                        ("brands", index, key, place), f"{name} is of {brand.name} and of {of}",
                        limit="each of one brand; case, dashes and apostrophes make no difference",
                        next_step="remove it from one of the two",
                    )  # fmt: skip


def _require_brand(checking: _Checking, loc: Loc, name: str, brands: Iterable[Brand]) -> None:
    names = [brand.name for brand in brands]
    if name not in names:
        raise checking.fault(
            loc, f"brand {name} is unknown", limit="one of " + ", ".join(names) if names else "a brand under brands",
            next_step="mend the spelling, or add the brand",
        )  # fmt: skip


def _offer(checking: _Checking, index: int, offer: Offer, brands: Iterable[Brand]) -> Offer:
    loc: Loc = ("offers", index)
    _require_brand(checking, (*loc, "brand"), offer.brand, brands)
    if offer.last_day < offer.first_day:
        raise checking.fault(
            (*loc, "to"), f"to {offer.last_day} is before from {offer.first_day}", limit="from is to or earlier",
            next_step="mend one of the two days",
        )  # fmt: skip
    for place, code in enumerate(offer.codes):
        if len(code.strip()) < 2:
            raise checking.fault(
                (*loc, "codes", place), "is empty" if not code.strip() else f"{code} is of one character",
                limit="two characters or more", next_step="write the code as people type it",
            )  # fmt: skip
    return offer.model_copy(update={"communities": checking.communities((*loc, "communities"), offer.communities)})


def _refuse_shared_codes(checking: _Checking, offers: Iterable[Offer]) -> None:
    seen: dict[str, str] = {}
    for index, offer in enumerate(offers):
        for place, code in enumerate(offer.codes):
            of = seen.setdefault(code.strip().casefold(), offer.name)
            if of != offer.name:
                raise checking.fault(
                    ("offers", index, "codes", place), f"{code} is of {offer.name} and of {of}",
                    limit="each code of one offer, whatever its case",
                    next_step="remove it from one of the two: nobody could tell which offer brought the sale",
                )  # fmt: skip


def _alerts(checking: _Checking, listening: Listening) -> Alerts | None:
    alerts = listening.alerts
    if alerts is None:
        return None
    for place, rule in enumerate(alerts.rules or ()):
        loc: Loc = ("alerts", "rules", place)
        if rule in (alerts.rules or ())[:place]:
            raise checking.fault(loc, f"{rule} stands twice", limit="once", next_step="remove one of the two")
        lacking = listening.lacking(rule)
        if lacking is not None:
            raise checking.fault(
                loc, f"{rule} would never find anything", limit=f"needs {lacking}",
                next_step=f"add {lacking} under listening, or remove the rule",
            )  # fmt: skip
    return alerts.model_copy(
        update={"communities": checking.communities(("alerts", "communities"), alerts.communities)}
    )


# ---- what it means -------------------------------------------------------------

# Words of every day that brands are called by. An alias of one of them that is written with a capital means the brand
# only with a capital.
COMMON_WORDS = words_in(
    """
    acorn always amazon anchor apple arc arm atlas aurora beacon beam bear blackberry block blue bolt boots brave
    breeze bridge brother buzz camel canvas caterpillar champion chase check chrome circle citizen clear cloud club
    coach comet compass concept corona cover crest crisp crown dash dawn delta dial diamond diesel discord discover
    dolphin dove dragon dream drift eagle echo edge ember envy epic express falcon feather fern fiat figure finish
    fire flame flash flow focus force ford forest fossil fox frame fresh frontier galaxy gap garden gem general gift
    glow gold grace graph grid guess guide hammer harbor harvest haven hawk heart hello hinge hood horizon host house
    hub hunter impulse indeed indigo intel iron island ivory jaguar java jet joy jungle key kindle king knot lamp land
    lark leaf legend lemonade lens level life light lime line link lion loop lotus lucid luna lush lux mango maple
    march mars match meet mercury mesh meta metro mint mirror monday monster moon mosaic motion mountain mustang
    natural nest next noble north notion nova oak oasis ocean office opera optimum oracle orange orbit orchard origin
    outlook oval owl palm panda paper peak pearl pebble peloton penguin phoenix pilot pine pioneer pixel planet polar
    polo post prime prism prologue pulse puma quest quick quicken radar rain ram range raven ray razor realm record
    red reef ridge ring rise river robin rocket root rose rover royal ruby sage salt saturn scout sea shadow shark
    shell sherpa shield shift signal silk silver simple slack smart snap snickers solo sonic soul spark spectrum
    spirit spot spring sprint sprite square stage star steam stone storm stream stride stripe subway summit sun
    surface swan swift swing target teams tempo thunder tide tiger titan torch total tower trail triangle tribe
    trident true trust tundra twist ultra union united unity urban vans vault vector venture verge vine virgin visa
    vision vital vogue volt wave well whisper willow wind windows wing winter wish wolf wonder word works yeti zen
    zenith zoom
    """
)


def is_case_aware(alias: str, brand: Brand) -> bool:
    """Whether an alias means its brand only with a capital.

    So it is where it is written with one, and is a common word or of a brand that says that its name means other things
    too (``needs_any``, ``ignore``, ``examples``).
    """
    tokens = tokens_of(alias)
    is_ambiguous = bool(brand.needs_any or brand.ignore or brand.examples)
    is_common = len(tokens) == 1 and tokens[0].text in COMMON_WORDS
    return any(token.has_capital for token in tokens) and (is_ambiguous or is_common)


def explained(brand: Brand) -> str:
    """How mentions of a brand are told, in a line for a person."""
    any_case = [alias for alias in brand.aliases if not is_case_aware(alias, brand)]
    with_capital = [alias for alias in brand.aliases if is_case_aware(alias, brand)]
    parts = [f"{brand.name} ({'ours' if brand.ours else 'a competitor'}):"]
    if any_case:
        parts.append(f"{', '.join(any_case)} in any case")
    if with_capital:
        parts.append(f"{'and ' if any_case else ''}{', '.join(with_capital)} with a capital only")
    if brand.domains:
        parts.append(f"or a link to {', '.join(brand.domains)}")
    conditions = []
    if brand.ignore:
        conditions.append(f"none of {_some(brand.ignore)} is near")
    if brand.examples is not None:
        sides = [sum(one.is_brand is side for one in read_examples(brand.examples)) for side in (True, False)]
        conditions.append(f"the words near it are as in the judged examples ({sides[0]} for, {sides[1]} against)")
    if brand.needs_any:
        conditions.append(f"{'or ' if brand.examples else ''}one of {_some(brand.needs_any)} is near")
    return " ".join(parts) + (f"; means the brand if {', and '.join(conditions)}" if conditions else "").replace(
        ", and or ", ", or "
    )


def explained_alerts(listening: Listening, notifiers_n: int) -> str:
    """What is told of each day and to whom, in a line for a person."""
    ours = _some(tuple(brand.name for brand in listening.brands if brand.ours))
    meanings: dict[AlertRule, str] = {
        "brand_mention": f"each mention of {ours}",
        "unanswered_question": f"questions older than a day in {_some(listening.own_communities)}",
        "need_spike": "needs that spike",
        "mood_turn": "moods that turn",
    }
    where = listening.alerts.communities if listening.alerts is not None else ()
    told = "; ".join(meanings[rule] for rule in listening.alert_rules)
    to = f"the log and {notifiers_n} notifier{'s' if notifiers_n != 1 else ''}"
    return f"once a day, to {to}: {told}" + (f"; only of {_some(where)}" if where else "")


def _some(words: tuple[str, ...]) -> str:
    shown = ", ".join(words[:5])
    return shown if len(words) <= 5 else f"{shown} and {len(words) - 5} more"


# ---- judged examples ----------------------------------------------------------


def read_examples(file: Path) -> list[Example]:
    """The judged examples of a file, in order.

    Raises:
        ConfigError: it cannot be read, or a line is not such an example; names the line.
    """
    return [example for example in _examples(file) if isinstance(example, Example)]


def _read_examples(checking: _Checking, loc: Loc, file: Path) -> list[Example]:
    try:
        return read_examples(file)
    except ConfigError as error:
        written, place = checking.document.as_written(("listening", *loc))
        raise ConfigError(
            f"config {place}", value=f"{'.'.join(map(str, written))}: {error.thing}: {error.value}", limit=error.limit,
            next_step=error.next_step,
        ) from error  # fmt: skip


def _examples(file: Path) -> Iterator[Example]:
    thing = f"file {file}"
    try:
        if file.stat().st_size > _MAX_EXAMPLES_BYTES:
            raise ConfigError(
                thing, value=f"{file.stat().st_size} bytes", limit=f"{_MAX_EXAMPLES_BYTES} bytes",
                next_step="200 examples a side are enough: keep those",
            )  # fmt: skip
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError(
            thing, value=error.strerror, limit="one JSON object a line: text, is_brand",
            next_step="mend the path, relative to the config file, or write the file",
        ) from error  # fmt: skip
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if (
            not isinstance(record, dict)
            or set(record) != {"text", "is_brand"}
            or not isinstance(record["text"], str)
            or not isinstance(record["is_brand"], bool)
        ):
            raise ConfigError(
                f"{thing}, line {number}", value=printable(line[:100].decode("utf-8", "replace")),
                limit='{"text": …, "is_brand": true or false}', next_step="mend that line",
            )  # fmt: skip
        yield Example(record["text"], record["is_brand"])
