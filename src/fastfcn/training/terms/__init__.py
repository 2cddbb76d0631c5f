"""Parts of the objective beside the cross-entropy, one file each."""
