"""VADER behind the scorer interface: the baseline that nearly everyone uses.

Source: Hutto and Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social media text", ICWSM
2014; thresholds of ±0.05 on the compound score as its authors give them. Its neg/neu/pos shares are shares of words,
not probabilities, so the probabilities stay NULL.
"""

import re

import pyarrow as pa
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from pulse.texts.scorer import JUDGEMENT_SCHEMA, SENTIMENT_SCHEMA

_THRESHOLD = 0.05
# VADER scans all words again for each word: its time grows with the square of the length. The first part of a text is
# judged for the whole; few texts are longer.
MAX_CHARS = 4_000
_WORD = re.compile(r"[^\W\d_]{2,}|[\U0001F300-\U0001FAFF☀-➿]|[:;=]-?[()DPp]")


class VaderScorer:
    """English texts only; other languages come out as neutral, which is this baseline's known weakness."""

    model_id = "vader-3.3.2"

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()

    def score(self, texts: pa.Array) -> pa.RecordBatch:
        """See :class:`pulse.texts.scorer.Scorer`. Scores are rounded to 1e-4, as VADER itself does; no kinds."""
        rows = [self._judge(text) for text in texts.to_pylist()]
        return pa.RecordBatch.from_pylist(rows, schema=JUDGEMENT_SCHEMA)

    def score_sentiment(self, texts: pa.Array) -> pa.RecordBatch:
        """See :class:`pulse.texts.scorer.Scorer`."""
        return self.score(texts).select(SENTIMENT_SCHEMA.names)

    def _judge(self, text: str | None) -> dict[str, object]:
        reason = _unscorable(text)
        if text is None or reason:
            return {"is_scorable": False, "unscorable_reason": reason}
        compound = float(self._analyzer.polarity_scores(text[:MAX_CHARS])["compound"])
        return {"sentiment_score": compound, "label": _label(compound), "is_scorable": True}


def _unscorable(text: str | None) -> str | None:
    if text is None:
        return "gone"
    if not text.strip():
        return "empty"
    return None if _WORD.search(text[:MAX_CHARS]) else "no_words"


def _label(compound: float) -> str:
    if compound >= _THRESHOLD:
        return "positive"
    return "negative" if compound <= -_THRESHOLD else "neutral"
