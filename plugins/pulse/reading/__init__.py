"""What readers ask: the dictionary, SQL that only reads, and the state of each day."""
