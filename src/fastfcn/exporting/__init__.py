"""Trained networks as files for other software, and the reading of such files."""
