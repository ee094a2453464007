# The folder, and an installer of it, on Windows 10 or newer: .\resources\packaging\windows.ps1 in the project's folder
# Needs Python 3.11 to 3.13 and Inno Setup 6 (iscc on the PATH). Not tried: there was no Windows.
$ErrorActionPreference = "Stop"
py -3.11 -m venv build\windows
build\windows\Scripts\pip install --index-url https://download.pytorch.org/whl/cpu torch==2.13.0
build\windows\Scripts\pip install -c constraints.txt ".[pacs]" pyinstaller
build\windows\Scripts\python resources\packaging\build_folder.py dist
iscc /Odist resources\packaging\windows.iss
