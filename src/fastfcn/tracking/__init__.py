"""Where metrics go: metrics.csv and W&B, and back from the files of offline runs."""
