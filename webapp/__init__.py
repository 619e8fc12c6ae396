"""Who asks, who sees, what is kept? People, pages, records and messages."""
