"""The commands of `noriai`, one module each."""
