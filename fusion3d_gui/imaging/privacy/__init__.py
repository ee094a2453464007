"""Remove what identifies the patient from what is shown."""
