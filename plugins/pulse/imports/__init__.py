"""Results of the business, imported from files that it hands over.

What a file must look like is in docs/imports.md; :mod:`contract` has the columns, :mod:`rules` what they are held to.
"""
