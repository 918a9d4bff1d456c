"""What texts are made of, worked out once and kept beside the scores: words, near copies, topics."""

from pulse.words.store import WordCounts, refresh

__all__ = ["WordCounts", "refresh"]
