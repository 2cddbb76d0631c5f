"""Whether a difference in a table is real: bootstrap over images and seeds, from per_image.npz alone."""
