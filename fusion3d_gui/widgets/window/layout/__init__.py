"""Where the parts of the main window lie: pages, borders, splitters and the memory of them."""
