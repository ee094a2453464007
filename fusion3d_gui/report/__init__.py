"""Write what leaves the program: results, heatmaps, measurements, pictures."""
