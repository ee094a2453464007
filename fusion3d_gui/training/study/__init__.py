"""Studies: the ablation of image, metadata and fusion; detection of out-of-distribution scans."""
