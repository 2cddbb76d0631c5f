"""Metrics and whole-image inference."""
