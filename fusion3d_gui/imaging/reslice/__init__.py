"""Planes, slabs, projections and other grids computed from a volume."""
