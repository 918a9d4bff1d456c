"""Sites of Stack Exchange and their tags, by its API, with a key or without."""
