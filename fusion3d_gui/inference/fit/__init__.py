"""Whether a model is meant for a case: by its scope, its header and its voxel values."""
