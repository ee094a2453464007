"""``demo_pacs``: a PACS on this computer with the demo cases in it, for as long as the window is open."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.pacs.connect import connect
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.node_file import write_nodes
from fusion3d_gui.pacs.nodes.secret import secret_variable
from fusion3d_gui.pacs.orthanc import AE_TITLE, PASSWORD, USER, Orthanc
from fusion3d_gui.pacs.peer import Outcome
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces


@contextlib.contextmanager
def demo_pacs() -> Iterator[PacsPlaces]:
    """Start Orthanc with the shipped cases; gives the places of a window that knows it, which are deleted at the end.

    Raises
    ------
    UserError
        Orthanc is not installed, or doesn't start.
    """
    with Orthanc() as server, tempfile.TemporaryDirectory(prefix="fusion3d-demo-") as folder:
        web = Node(
            "Demo PACS (DICOMweb)",
            "dicomweb",
            url=server.url,
            authentication="basic",
            user=USER,
            is_test=True,
        )
        dimse = Node(
            "Demo PACS (DIMSE)",
            "dimse",
            ae_title=AE_TITLE,
            host="127.0.0.1",
            port=server.dicom_port,
            is_test=True,
        )
        files = [file for demo in demo_cases() for file in sorted(demo.path.rglob("*.dcm"))]

        def told(number: int, outcome: Outcome) -> None:
            if outcome.state != "accepted":
                raise UserError(f"the demo PACS does not take a demo case: {outcome.reason}")

        connect(dimse).send(files, told)
        places = PacsPlaces.below(Path(folder))
        write_nodes(places.nodes, [web, dimse])
        os.environ[secret_variable(web)] = PASSWORD
        try:
            yield places
        finally:
            del os.environ[secret_variable(web)]
