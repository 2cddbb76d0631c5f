"""Released checkpoints of other implementations."""
