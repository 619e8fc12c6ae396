"""Where is it, how long is the drive or the walk? Roads become whole seconds at this door."""
