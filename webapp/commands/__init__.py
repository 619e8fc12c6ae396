"""Commands of `noriai`, a module for each."""
