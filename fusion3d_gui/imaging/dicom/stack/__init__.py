"""Frames of many files, sorted into stacks with one affine each."""
