"""Sweeps: the rows of a table, each trained by a process of its own, on one machine, Slurm or Ray."""
