"""Engines that compute the feature maps, and the choice among them."""
