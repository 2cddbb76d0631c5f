"""From what labelling tools export to the layout of `folder`."""
