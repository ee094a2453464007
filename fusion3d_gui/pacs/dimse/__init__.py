"""DIMSE: associations, C-FIND, C-GET, C-MOVE and C-STORE, with pynetdicom."""
