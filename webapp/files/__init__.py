"""Read the files that dispatchers send: bytes in, scheduled runs and messages out; no web, no database, no roads."""
