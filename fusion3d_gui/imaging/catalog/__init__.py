"""From a path to the series that it holds, and from a series to its volume."""
