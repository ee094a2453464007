"""From a path to the series it holds, and from a series to its volume."""
