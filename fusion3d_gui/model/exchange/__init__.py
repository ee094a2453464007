"""Models from elsewhere and for elsewhere: bundles made of other weights, checked, and copied for other tools."""
