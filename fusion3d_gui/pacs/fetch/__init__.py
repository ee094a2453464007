"""Series that are fetched: into which folder, resumed how, and kept for how long."""
