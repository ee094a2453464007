"""The network, its inputs (schema, preprocessing) and the bundle that carries them.

Importing this package, ``schema`` or ``preprocessing`` does not import torch; ``fusion``, ``loss``
and ``bundle`` do, so the main window imports those on its worker thread only.
"""
