"""One use of the service each: what views, the command line and the demo call."""
