"""Layers that two or more parts share."""
