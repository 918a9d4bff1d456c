"""What the config says of brands and offers: taken strictly, and refused with file, line, value and next step."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulse.config.listening import ALERT_RULES, Brand, explained, is_case_aware
from pulse.config.settings import load_settings
from pulse.core.errors import ConfigError
from pulse.core.home import Home

OF_THE_DOCUMENT = """\
communities:
  - {platform: reddit, name: EmberwellTea, source: reddit_archive, path: a.ndjson}
  - {platform: reddit, name: veganbeauty, source: reddit_archive, path: a.ndjson}
listening:
  brands:
    - {name: Emberwell, ours: true, aliases: [Emberwell, "Ember Well"], domains: [emberwell.example], needs_any: [], ignore: []}
    - {name: Fernline, aliases: [Fernline]}
    - {name: Apple, aliases: [apple], needs_any: [iphone, mac], examples: apple.ndjson}
  own_communities: [reddit/EmberwellTea]
  offers: [{name: Tea week, brand: Emberwell, kind: coupon, codes: [TEA10], communities: [reddit/EmberwellTea], from: 2026-07-01, to: 2026-07-14}]
  interests: [{name: vegan skincare, words: [vegan, cruelty free], like: [reddit/veganbeauty]}]
  launches: [{name: Cold brew, brand: Emberwell, launch_date: 2026-07-10, words: [cold brew]}]
"""  # noqa: E501  (as people write it)


def examples(of_brand_n: int, of_else_n: int, *, text: str = "an apple") -> str:
    return "".join(
        json.dumps({"text": f"{text} {number}", "is_brand": is_brand}) + "\n"
        for is_brand, count in ((True, of_brand_n), (False, of_else_n))
        for number in range(count)
    )


def write(folder: Path, listening: Any) -> Path:
    (folder / "a.ndjson").touch()
    (folder / "apple.ndjson").write_text(examples(20, 20), encoding="utf-8")
    path = folder / "communities.yml"
    communities = [
        {"platform": "reddit", "name": name, "source": "reddit_archive", "path": "a.ndjson"} for name in ("Tea", "b_c")
    ]
    text = (
        listening
        if isinstance(listening, str)
        else json.dumps({"communities": communities, "listening": listening}, ensure_ascii=False)
    )
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, home: Home, listening: Any) -> Any:
    return load_settings(write(folder, listening), home=home).listening


def test_listening__of_the_document_is_taken(tmp_path: Path, home: Home):
    found = load(tmp_path, home, OF_THE_DOCUMENT)
    assert [(brand.name, brand.ours) for brand in found.brands] == [
        ("Emberwell", True),
        ("Fernline", False),
        ("Apple", False),
    ]
    assert found.brands[2].examples == tmp_path / "apple.ndjson"
    assert found.own_communities == ("reddit/emberwelltea",), "as entries are told apart"
    assert found.offers[0].communities == ("reddit/emberwelltea",)
    assert found.interests[0].like == ("reddit/veganbeauty",)
    assert (str(found.offers[0].first_day), str(found.offers[0].last_day)) == ("2026-07-01", "2026-07-14")


def test_listening__nothing_is_needed(tmp_path: Path, home: Home):
    assert load(tmp_path, home, {}).is_empty


def test_listening__wildcard_knows_every_community_of_its_platform(tmp_path: Path, home: Home):
    text = OF_THE_DOCUMENT.replace("name: veganbeauty", 'name: "*"')
    assert load(tmp_path, home, text).interests[0].like == ("reddit/veganbeauty",)


OURS = {"name": "Emberwell", "aliases": ["Emberwell"]}
OFFER = {"name": "Tea week", "brand": "Emberwell", "kind": "coupon", "from": "2026-07-01", "to": "2026-07-14"}
SECOND_OFFER = OFFER | {"name": "b", "codes": ["x1", "tea10"]}
LAUNCH = {"name": "l", "brand": "x", "launch_date": "2026-01-01", "words": ["cold"]}


@pytest.mark.parametrize(
    ("listening", "message"),
    [
        ({"brnads": []}, "unknown key listening.brnads"),
        ({"alarms": {}}, "unknown key listening.alarms"),
        ({"brands": [{"name": "x", "aliases": []}]}, "listening.brands.0.aliases: "),
        ({"brands": [{"name": "x", "aliases": [""]}]}, "listening.brands.0.aliases.0: is empty"),
        ({"brands": [{"name": "x", "aliases": ["  "]}]}, "listening.brands.0.aliases.0: is empty"),
        ({"brands": [{"name": "x", "aliases": ["ok", "\u200b"]}]}, "listening.brands.0.aliases.1: "),
        ({"brands": [{"name": "x", "aliases": ["X"]}]}, "listening.brands.0.aliases.0: X is of one letter"),
        ({"brands": [{"name": "x", "aliases": ["茶"]}]}, "is of one letter"),
        ({"brands": [{"name": "x", "aliases": [".*"]}]}, r"\.\* has no letter"),
        ({"brands": [OURS, {"name": "B", "aliases": ["EMBERWELL"]}]}, "EMBERWELL is of B and of Emberwell"),
        ({"brands": [{"name": "B", "aliases": ["b-c"]}, {"name": "C", "aliases": ["B c"]}]}, "B c is of C and of B"),
        ({"brands": [OURS, {"name": "emberwell", "aliases": ["other"]}]}, "emberwell stands twice"),
        ({"brands": [{"name": "a\u202eb", "aliases": ["other"]}]}, "characters that do not show"),
        ({"brands": [OURS | {"domains": ["https://emberwell.example"]}]}, "listening.brands.0.domains.0"),
        ({"brands": [OURS | {"domains": ["com"]}]}, "listening.brands.0.domains.0"),
        ({"brands": [OURS | {"ignore": ["a"]}]}, "listening.brands.0.ignore.0: a is of one letter"),
        ({"brands": [OURS], "offers": [OFFER | {"to": "2026-06-30"}]}, "to 2026-06-30 is before from 2026-07-01"),
        ({"brands": [OURS], "offers": [OFFER | {"to": "2026-06-31"}]}, r"listening\.offers\.0\.to"),
        ({"brands": [OURS], "offers": [OFFER | {"kind": "bribe"}]}, "listening.offers.0.kind"),
        ({"brands": [OURS], "offers": [OFFER | {"brand": "Fernline"}]}, "Fernline is unknown .limit: one of Ember"),
        ({"brands": [OURS], "offers": [OFFER | {"codes": [""]}]}, "listening.offers.0.codes.0: is empty"),
        (
            {"brands": [OURS], "offers": [OFFER | {"codes": ["TEA10"]}, SECOND_OFFER]},
            "listening.offers.1.codes.1: tea10 is of b and of Tea week",
        ),
        ({"brands": [OURS], "offers": [OFFER | {"communities": ["reddit/gone"]}]}, "community reddit/gone is unknown"),
        ({"own_communities": ["reddit/tea", "tea"]}, "listening.own_communities.1: community tea is unknown"),
        ({"own_communities": ["discord/tea"]}, "community discord/tea is unknown"),
        ({"interests": [{"name": "i", "words": ["vegan"], "like": ["reddit/x"]}]}, "listening.interests.0.like.0"),
        ({"interests": [{"name": "i", "words": []}]}, "listening.interests.0.words"),
        ({"launches": [LAUNCH]}, "brand x is unknown"),
        ({"brands": [OURS | {"examples": "gone.ndjson"}]}, "gone.ndjson: No such file"),
        ({"brands": [OURS | {"examples": "a.ndjson"}]}, "one side only: 0 of the brand and 0 of something else"),
    ],
)  # fmt: skip
def test_listening__faults_are_one_line(tmp_path: Path, home: Home, listening: Any, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, home, listening)
    said = str(caught.value)
    assert "\n" not in said
    assert re.match(rf"config {re.escape(str(tmp_path))}/communities\.yml, line 1: ", said)
    assert "Next: " in said


def test_listening__fault_names_its_own_line(tmp_path: Path, home: Home):
    with pytest.raises(ConfigError, match=r"communities\.yml, line 7: listening\.brands\.1\.aliases\.0: "):
        load(tmp_path, home, OF_THE_DOCUMENT.replace("aliases: [Fernline]", "aliases: [emberwell]"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (examples(20, 0), "one side only: 20 of the brand and 0 of something else"),
        (examples(19, 200), "19 of the brand and 200 of something else .limit: at least 20 a side"),
        (examples(20, 20, text="a pear"), "40 more hold no alias of Apple"),
        (examples(20, 20) + "{}\n", r"apple\.ndjson, line 41: \{\}"),
        (examples(20, 20) + '{"text": "apple", "is_brand": "yes"}\n', "line 41"),
        (examples(20, 20) + '{"text": "apple", "is_brand": true, "by": "me"}\n', "line 41"),
        (examples(20, 20) + "[" * 100_000 + "\n", "line 41"),
        ("\xff\x00\n", "line 1"),
    ],
)
def test_listening__examples_that_cannot_be_used(tmp_path: Path, home: Home, content: str, message: str):
    path = write(tmp_path, OF_THE_DOCUMENT)
    (tmp_path / "apple.ndjson").write_bytes(content.encode("latin-1", "replace"))
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(path, home=home)
    assert re.match(rf"config {re.escape(str(tmp_path))}/communities\.yml, line 8: ", str(caught.value))


@pytest.mark.parametrize("alias", ["C++", "AT&T", "(.*a)+$", "🍎", "Ça va", "עמבר", "x\ty", "[a-z]\\"])
def test_listening__characters_of_patterns_and_other_scripts_are_plain_text(tmp_path: Path, home: Home, alias: str):
    assert load(tmp_path, home, {"brands": [{"name": "x", "aliases": [alias]}]}).brands[0].aliases == (alias,)


@pytest.mark.parametrize(
    ("alias", "more", "expected"),
    [
        ("Apple", {}, True),
        ("apple", {}, False),
        ("Emberwell", {}, False),
        ("Emberwell", {"ignore": ("town",)}, True),
        ("emberwell", {"ignore": ("town",)}, False),
        ("Blue Apron", {}, False),
        ("Blue Apple", {}, False),
    ],
)
def test_is_case_aware__where_the_alias_is_a_common_word(alias: str, more: dict[str, Any], expected: bool):
    assert is_case_aware(alias, Brand(name="x", aliases=(alias,), **more)) is expected


def test_explained__says_how_a_brand_is_told():
    brand = Brand(name="Apple", aliases=("Apple", "apple inc"), needs_any=("iphone", "mac"), ignore=("pie",))
    assert explained(brand) == (
        "Apple (a competitor): apple inc in any case and Apple with a capital only; means the brand if none of pie is "
        "near, and one of iphone, mac is near"
    )


# ---- alerts ------------------------------------------------------------------

WITH_OURS = {"brands": [{"name": "A", "ours": True, "aliases": ["Aaa"]}], "own_communities": ["reddit/Tea"]}


def test_alerts__without_more_are_all_that_can_find_something(tmp_path: Path, home: Home):
    assert load(tmp_path, home, WITH_OURS).alert_rules == ()
    assert load(tmp_path, home, WITH_OURS | {"alerts": {}}).alert_rules == ALERT_RULES
    only_statistics = load(tmp_path, home, {"alerts": {}})
    assert not only_statistics.is_empty
    assert only_statistics.alert_rules == ("need_spike", "mood_turn")
    chosen = load(tmp_path, home, WITH_OURS | {"alerts": {"rules": ["mood_turn", "brand_mention"]}})
    assert chosen.alert_rules == ("brand_mention", "mood_turn")
    assert load(tmp_path, home, {"alerts": {"communities": ["reddit/TEA"]}}).alerts.communities == ("reddit/tea",)


@pytest.mark.parametrize(
    ("listening", "said"),
    [
        ({"alerts": {"rules": ["brand_mention"]}}, "brand_mention would never find anything"),
        ({"alerts": {"rules": ["unanswered_question"]}}, "unanswered_question would never find anything"),
        ({"alerts": {"rules": ["mood_turn", "mood_turn"]}}, "mood_turn stands twice"),
        ({"alerts": {"rules": ["moods"]}}, "alerts.rules.0"),
        ({"alerts": {"rules": []}}, "alerts.rules"),
        ({"alerts": {"communities": ["reddit/nowhere"]}}, "community reddit/nowhere is unknown"),
        ({"alerts": {"max_lines": 0}}, "alerts.max_lines"),
        ({"alerts": {"max_lines": 501}}, "alerts.max_lines"),
        ({"alerts": {"notifiers": []}}, "unknown key listening.alerts.notifiers"),
        ({"alerts": True}, "listening.alerts"),
    ],
)
def test_alerts__that_cannot_be_are_one_error_with_the_place(listening: Any, said: str, tmp_path: Path, home: Home):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, home, listening)
    assert said in str(error.value)
    assert "communities.yml, line" in str(error.value)
    assert error.value.next_step
