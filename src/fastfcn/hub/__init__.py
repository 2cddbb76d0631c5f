"""Checkpoints on the Hugging Face hub: pushed as weights, configuration and card; pulled as data, never as code."""
