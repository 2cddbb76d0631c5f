"""From the archives that a dataset is published as to files that can be read."""
