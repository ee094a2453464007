"""The Masks menu: masks, lesions in standard space, territories."""
