"""Measurements: ratios in one run against a named peer or limit. ``make bench`` runs them all."""
