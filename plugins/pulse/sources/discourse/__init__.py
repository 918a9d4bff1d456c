"""Discourse: forums asked live, public ones without a key."""
