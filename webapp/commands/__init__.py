"""`noriai` from the command line, one module for each thing that people do."""
