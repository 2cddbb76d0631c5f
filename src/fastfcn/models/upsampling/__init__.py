"""Modules that give the head a map of higher resolution; one file each."""
