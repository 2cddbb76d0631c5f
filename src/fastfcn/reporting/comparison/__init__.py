"""The results of an experiment beside the published ones: collected, compared and shown."""
