"""Where upsampling matters: near boundaries, in small and thin things, and what a coarse grid of labels can score."""
