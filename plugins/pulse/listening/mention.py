"""What is said of a mention, and what decides whether mentions that were found still hold; needs no compiled loop."""

import hashlib
import json
import unicodedata

from pulse.config.listening import Listening
from pulse.core.errors import ConfigError
from pulse.core.table import Column

# Raise this by one whenever the same text and config may give other mentions.
MATCHER_VERSION = 1
DECISIONS = ("accepted", "unsure", "rejected")
REASONS = ("alias", "domain", "community", "capital", "needed_word", "ignored_word", "context")

# What is said of one mention.
MENTION: tuple[Column, ...] = (
    Column("mention_number", "INTEGER", True, "which mention of the brand in the text, from 1; at most 20 count"),
    Column("brand", "VARCHAR", True, "name of the brand in the config"),
    Column("alias", "VARCHAR", True, "the alias or domain of the config that matched"),
    Column("decision", "VARCHAR", True, "accepted, unsure or rejected: whether it means the brand"),
    Column(
        "decided_by", "VARCHAR", True,
        "alias: nothing speaks against it; domain: a link; community: its name is an alias; capital, needed_word, "
        "ignored_word; context: the words near it, against judged examples",
    ),
    Column("context_score", "DOUBLE", True, "sum of z of the words near it; NULL where they did not decide"),
    Column("sentence_score", "DOUBLE", True, "sentiment of the sentence that names it, in [-1, 1]; NULL as for texts"),
    Column("sentence_label", "VARCHAR", True, "negative, neutral or positive; NULL likewise"),
)  # fmt: skip


def version_of(listening: Listening, model_id: str) -> str:
    """Tells one way of finding mentions from another: brands, examples, the loop, Unicode's tables and the model.

    Raises:
        ConfigError: judged examples cannot be read any more.
    """
    digest = hashlib.sha256()
    brands = [brand.model_dump(mode="json", exclude={"examples", "ours"}) for brand in listening.brands]
    facts = [MATCHER_VERSION, unicodedata.unidata_version, model_id, brands]
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for brand in listening.brands:
        if brand.examples is not None:
            try:
                content = brand.examples.read_bytes()
            except OSError as error:
                raise ConfigError(
                    f"file {brand.examples}", value=error.strerror, limit=f"the judged examples of {brand.name}",
                    next_step="put it back, or mend the config",
                ) from error  # fmt: skip
            digest.update(b"\x00" + brand.name.encode() + b"\x00" + content)
    return digest.hexdigest()[:24]
