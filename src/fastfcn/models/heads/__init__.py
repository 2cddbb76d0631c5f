"""Heads; one file each."""
