"""How the case is displayed: crosshair, planes, window level, overlay."""
