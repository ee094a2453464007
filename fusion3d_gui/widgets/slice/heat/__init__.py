"""The heatmap over a slice: colours, layer and scale."""
