"""How a text feels and what its writer needs: a small scorer interface, models behind it, and the store of scores."""

from pulse.texts.scorer import Scorer, get_scorer
from pulse.texts.store import ScoreCounts, ensure_empty_file, score_partitions, unjudged_partitions

__all__ = ["ScoreCounts", "Scorer", "ensure_empty_file", "get_scorer", "score_partitions", "unjudged_partitions"]
