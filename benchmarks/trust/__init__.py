"""What the promises of docs/trust.md are proved by: load, faults and attacks against the real server."""
