"""A look at a dataset before an hour of training: one HTML page."""
