"""The scorer interface: Arrow texts in, one Arrow row per text out."""

from typing import Protocol

import pyarrow as pa

from pulse.core.errors import ConfigError

JUDGEMENT_SCHEMA = pa.schema(
    [
        ("p_negative", pa.float64()),
        ("p_neutral", pa.float64()),
        ("p_positive", pa.float64()),
        ("sentiment_score", pa.float64()),
        ("label", pa.string()),
        ("is_scorable", pa.bool_()),
        ("unscorable_reason", pa.string()),
    ]
)


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
        from pulse.sentiment.engine import EngineScorer

        return EngineScorer()
    if name == "vader":
        from pulse.sentiment.vader import VaderScorer

        return VaderScorer()
    raise ConfigError(
        "sentiment model", value=name, limit="pulse, vader", next_step="mend sentiment_model in the config"
    )
