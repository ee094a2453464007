"""What the store holds: the opened case, the shown prediction, whether the identity is hidden."""
