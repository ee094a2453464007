#!/usr/bin/env bash
# An application for macOS 12 or newer, of the processor on which this runs: resources/packaging/macos.sh in the project's folder
# Needs Python 3.11 to 3.13. Neither signed nor notarised: that needs a developer's certificate. Not tried: there was no Mac.
set -euo pipefail
python3 -m venv build/macos
build/macos/bin/pip install -c constraints.txt ".[pacs]" pyinstaller
build/macos/bin/python resources/packaging/build_folder.py dist
app=dist/Fusion3D.app/Contents
mkdir -p "$app/MacOS"
cp -a dist/fusion3d/. "$app/MacOS/"
cat > "$app/Info.plist" <<'PLIST'
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>CFBundleName</key><string>Fusion3D</string>
  <key>CFBundleIdentifier</key><string>org.fusion3d.fusion3d</string>
  <key>CFBundleExecutable</key><string>fusion3d</string>
  <key>CFBundlePackageType</key><string>APPL</string>
  <key>NSHighResolutionCapable</key><true/>
</dict>
</plist>
PLIST
codesign --force --deep --sign - dist/Fusion3D.app
