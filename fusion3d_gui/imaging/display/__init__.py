"""What the display of a volume needs: window level and thumbnails."""
