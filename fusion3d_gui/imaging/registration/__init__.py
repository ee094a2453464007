"""Registration: the rigid or affine map that brings one scan onto another, by SimpleITK."""
