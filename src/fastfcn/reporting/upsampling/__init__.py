"""Where upsampling matters, by row of a table: from boundary.npz, which evaluate.py boundary=true writes."""
