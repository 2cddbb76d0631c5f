"""What README and paper state, as data, held against the results that are committed."""
