"""Where data lies as files: landing, raw, outcomes and quality results, and what is erased from them."""
