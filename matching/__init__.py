"""Who fits on which run without breaking a promise? Pencil and paper only: no web, SQL, files, clock or names."""
