"""Files of strangers, which must cost a line and nothing else."""
