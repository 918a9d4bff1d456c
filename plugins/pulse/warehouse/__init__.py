"""The warehouse: dbt over one working DuckDB file, its states, and the published copy that readers open."""
