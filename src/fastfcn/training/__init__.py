"""Losses, recipe, LightningModule."""
