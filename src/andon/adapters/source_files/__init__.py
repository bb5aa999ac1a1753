"""Files of CSV, Parquet and NDJSON as sources: which of them are new and whole, and their rows, every one of them."""
