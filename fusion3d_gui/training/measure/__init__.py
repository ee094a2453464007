"""Metrics, calibration, localisation and reference statistics."""
