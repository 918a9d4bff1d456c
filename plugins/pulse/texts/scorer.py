"""The scorer interface: Arrow texts in, one Arrow row per text out."""

from typing import Protocol

import pyarrow as pa

from pulse.core.errors import ConfigError
from pulse.core.table import Column, arrow_schema

# What a text may be besides a feeling; several at once, or none. The order is that of the kernel's columns.
KINDS: tuple[str, ...] = (
    "wish", "advice", "complaint", "recommendation_request", "support_request", "question", "experience", "promotion",
)  # fmt: skip
_MEANINGS = {
    "wish": "wishes for something that is not there, such as a function or a change",
    "advice": "advises other people; never counted as a wish",
    "complaint": "complains of a product, a service or a rule",
    "recommendation_request": "asks what to choose, buy, read or visit",
    "support_request": "asks for help with something that does not work or is not understood",
    "question": "asks anything",
    "experience": "tells what the writer did or lived through",
    "promotion": "advertises something of the writer's own, or a deal",
}

_FEELING: tuple[Column, ...] = (
    Column("p_negative", "DOUBLE", True, "probability that it is negative; NULL where the model gives none"),
    Column("p_neutral", "DOUBLE", True, "the same for neutral"),
    Column("p_positive", "DOUBLE", True, "the same for positive"),
    Column("sentiment_score", "DOUBLE", True, "graded, in [-1, 1]"),
    Column("label", "VARCHAR", True, "negative, neutral or positive"),
)
_OUTCOME: tuple[Column, ...] = (
    Column("is_scorable", "BOOLEAN", False, "whether it could be judged"),
    Column("unscorable_reason", "VARCHAR", True, "gone, empty, no_words or language; NULL where it could be judged"),
)
_NEEDS: tuple[Column, ...] = (
    *(
        column
        for kind in KINDS
        for column in (
            Column(f"p_{kind}", "DOUBLE", True, f"probability that it {_MEANINGS[kind]}; NULL where not judged"),
            Column(
                f"is_{kind}", "BOOLEAN", True, "whether that reaches the threshold of the kind; NULL where not judged"
            ),
        )
    ),
    Column("rules", "VARCHAR", True, "ids of the rules that fired, sorted, a blank between; NULL where not judged"),
)

# Of feeling, of needs, and of both; NULL where a text could not be judged, but for the last two columns of each. Needs
# are NULL too where the model knows nothing of them.
SENTIMENT: tuple[Column, ...] = (*_FEELING, *_OUTCOME)
NEEDS: tuple[Column, ...] = (*_NEEDS, *_OUTCOME)
JUDGEMENT: tuple[Column, ...] = (*_FEELING, *_OUTCOME, *_NEEDS)
SENTIMENT_SCHEMA, NEEDS_SCHEMA, JUDGEMENT_SCHEMA = map(arrow_schema, (SENTIMENT, NEEDS, JUDGEMENT))


class Scorer(Protocol):
    """A model that says what texts feel like and what their writers need.

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
            elsewhere; for each kind of ``KINDS`` a probability and whether it reaches the kind's threshold, and the
            rules that fired, all NULL where the model knows no kinds.
        """

    def score_sentiment(self, texts: pa.Array) -> pa.RecordBatch:
        """The same without the kinds, of ``SENTIMENT_SCHEMA``, for whoever needs no more."""


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
