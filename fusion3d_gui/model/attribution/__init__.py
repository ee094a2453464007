"""Attribution: class activation maps, gradient × input, their displacement and the record of what localises."""
