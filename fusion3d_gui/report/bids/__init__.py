"""Results as a BIDS derivative: a data set of its own, with a map, a sidecar and a row of a table for each scan."""
