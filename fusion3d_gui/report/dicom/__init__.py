"""Write a prediction as DICOM objects, into the study of its scan or into a new one.

The modules import highdicom (0.3 s): import them where they are used, on a worker thread.
"""
