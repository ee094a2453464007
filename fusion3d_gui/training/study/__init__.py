"""Studies over several models: ablation, detection of odd scans."""
