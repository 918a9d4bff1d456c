"""The scorer interface: Arrow texts in, one Arrow row per text out."""

from typing import Protocol

import pyarrow as pa

from pulse.core.errors import ConfigError
from pulse.core.table import Column, arrow_schema

# What is said of a text; NULL where it could not be judged, but for the last two.
JUDGEMENT: tuple[Column, ...] = (
    Column("p_negative", "DOUBLE", True, "probability that it is negative; NULL where the model gives none"),
    Column("p_neutral", "DOUBLE", True, "the same for neutral"),
    Column("p_positive", "DOUBLE", True, "the same for positive"),
    Column("sentiment_score", "DOUBLE", True, "graded, in [-1, 1]"),
    Column("label", "VARCHAR", True, "negative, neutral or positive"),
    Column("is_scorable", "BOOLEAN", False, "whether it could be judged"),
    Column("unscorable_reason", "VARCHAR", True, "gone, empty, no_words or language; NULL where it could be judged"),
)
JUDGEMENT_SCHEMA = arrow_schema(JUDGEMENT)


class Scorer(Protocol):
    """A sentiment model.

    Attributes:
        model_id: name and version; scores of different models are kept apart.
    """

    model_id: str

    def score(self, texts: pa.Array) -> pa.RecordBatch:
        """Judge each text by itself: the same text gives the same row in any batch and order.

        Returns:
            One row per text, of ``JUDGEMENT_SCHEMA``: the three probabilities (NULL where the model gives none), a
            graded score in [-1, 1], the label (negative, neutral, positive), or ``is_scorable`` false with a reason
            (``gone`` for NULL, ``empty``, ``no_words``, ``language``: one that the model does not know) and NULL
            elsewhere.
        """


def get_scorer(name: str) -> Scorer:
    """The scorer of that name; makes it ready, which may take a moment.

    Raises:
        ConfigError: no such model.
    """
    if name == "pulse":
        from pulse.texts.engine import EngineScorer

        return EngineScorer()
    if name == "vader":
        from pulse.texts.vader import VaderScorer

        return VaderScorer()
    raise ConfigError(
        "sentiment model", value=name, limit="pulse, vader", next_step="mend sentiment_model in the config"
    )
