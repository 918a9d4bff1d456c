"""Lemmy, without a key: communities asked at their home instances."""
