"""Datasets, augmentation, loading."""
