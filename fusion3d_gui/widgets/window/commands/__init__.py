"""Commands of the main window as data: menus, shortcuts and palette are built from them."""
