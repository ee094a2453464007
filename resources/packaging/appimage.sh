#!/usr/bin/env bash
# An AppImage of the folder that build_folder.py makes: appimage.sh FOLDER OUT.AppImage
# Needs appimagetool (github.com/AppImage/appimagetool). Not tried: it was not at hand.
set -euo pipefail
folder=$(realpath "$1")
out=$(realpath "$2")
app=$(mktemp -d)/Fusion3D.AppDir
mkdir -p "$app/usr/lib" "$app/usr/share/mime/packages"
cp -a "$folder" "$app/usr/lib/fusion3d"
cp "$folder/fusion3d.desktop" "$folder/fusion3d.svg" "$app/"
cp "$folder/fusion3d.xml" "$app/usr/share/mime/packages/"
ln -s usr/lib/fusion3d/fusion3d "$app/AppRun"
appimagetool "$app" "$out"
