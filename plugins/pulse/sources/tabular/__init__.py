"""Tables of any platform: CSV, TSV, NDJSON, JSON arrays and Parquet, read by a mapping that stands in the config."""
