"""Compute planes, slabs, projections and other grids from the voxels of a volume."""
