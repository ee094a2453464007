"""Image files, volumes in patient space (LPS mm), and everything computed from their voxels."""
