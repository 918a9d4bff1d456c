"""The steps of a run, and what is done by hand or now and then: healing, pruning, bringing old homes up to date."""
