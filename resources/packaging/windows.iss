; Inno Setup 6: installs the folder for one user, and opens sessions and NIfTI files with it. Not tried.
[Setup]
AppName=Fusion3D
AppVersion=0.1.0
DefaultDirName={autopf}\Fusion3D
DefaultGroupName=Fusion3D
PrivilegesRequired=lowest
ChangesAssociations=yes
OutputBaseFilename=fusion3d-setup
LicenseFile=..\..\LICENSE

[Files]
Source: "..\..\dist\fusion3d\*"; DestDir: "{app}"; Flags: recursesubdirs

[Icons]
Name: "{group}\Fusion3D"; Filename: "{app}\fusion3d.exe"

[Registry]
Root: HKA; Subkey: "Software\Classes\.fusion3d"; ValueType: string; ValueData: "Fusion3D.Session"; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\Fusion3D.Session"; ValueType: string; ValueData: "Fusion3D session"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Fusion3D.Session\shell\open\command"; ValueType: string; ValueData: """{app}\fusion3d.exe"" ""%1"""
Root: HKA; Subkey: "Software\Classes\Applications\fusion3d.exe\shell\open\command"; ValueType: string; ValueData: """{app}\fusion3d.exe"" ""%1"""; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\fusion3d.exe\SupportedTypes"; ValueType: string; ValueName: ".nii"
Root: HKA; Subkey: "Software\Classes\Applications\fusion3d.exe\SupportedTypes"; ValueType: string; ValueName: ".gz"
Root: HKA; Subkey: "Software\Classes\Applications\fusion3d.exe\SupportedTypes"; ValueType: string; ValueName: ".dcm"
Root: HKA; Subkey: "Software\Classes\Applications\fusion3d.exe\SupportedTypes"; ValueType: string; ValueName: ".nrrd"
