"""Movies of a result: the tour of its hot spots, a scroll through the slices, the turning 3D."""
