"""Results, tables and pictures."""
