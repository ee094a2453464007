"""``said_sequences``: which MR sequences and contrasts a series' header or file name speaks of."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Attributes in which a series' sequence is put in words.
_KEYWORDS = ("SeriesDescription", "ProtocolName", "SequenceName")
#: Word of a scope for a contrast agent.
CONTRAST_AGENT = "+Gd"

#: Sequence or contrast, and the words for it, between characters that are no letters.
_WORDS = {
    "FLAIR": r"flair|tirm|dark[ _-]?fluid",
    "T1": r"t1w?|mprage|mp2rage|t1[ _-]?(?:tfe|tse|fspgr|spgr|gre|vibe|space)|bravo",
    "T2": r"t2w?|t2[ _-]?(?:tse|fse|space)",
    "T2*": r"t2\*w?|t2star|swi|swan|suscept\w*|hemo|medic",
    "PD": r"pdw?|proton[ _-]?density",
    "diffusion": r"dwi|adc|dti|diff|diffusion|trace|b1000|fa",
    "functional or perfusion": r"bold|fmri|epi|ep2d\w*|asl|perf|perfusion|dsc|cbf|cbv|rest",
    "angiography": r"mra|tof|angio\w*",
    CONTRAST_AGENT: r"gd|gad|gado\w*|post[ _-]?contrast|post[ _-]?gd|ce|km|contrast|\+c|\+gd|t1c|t1ce|t1gd",
    "scout": r"scout|localizer|localiser|survey|topogram|loc|3[ _-]?plane",
}
#: Echo time (ms) from which on an MR image is not weighted by T1.
_LONG_ECHO_MS = 50.0
_NO_AGENT = {"", "none", "no", "n", "0", "without"}


def said_sequences(description: str, attributes: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the sequences and contrasts that are spoken of, e.g. ``("T1", "+Gd")``.

    Parameters
    ----------
    description
        Series description or file name.
    attributes
        DICOM attributes by keyword.
    """
    text = " ".join([description, *(attributes.get(key, "") for key in _KEYWORDS)])
    # Underscores and points part words in file names; "T2FLAIR" is written as one.
    text = re.sub(r"[_.,;:/()]+", " ", text.lower()).replace("t2flair", "t2 flair")
    found = [
        name
        for name, words in _WORDS.items()
        if re.search(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9*])", text)
    ]
    if attributes.get("ContrastBolusAgent", "").strip().lower() not in _NO_AGENT:
        found.append(CONTRAST_AGENT)
    # FLAIR is T2-weighted and often says so; an angiography may be called T1.
    if "FLAIR" in found:
        found = [name for name in found if name != "T2"]
    return tuple(dict.fromkeys(found))


def contradictions(
    declared: tuple[str, ...], description: str, attributes: Mapping[str, str]
) -> tuple[str, ...]:
    """Of :func:`said_sequences`, those that the ``declared`` words of a scope do not name.

    A long echo time counts as T2. Empty where nothing is declared, or nothing of the kind is said.
    """
    if not declared:
        return ()
    known = set(said_sequences(" ".join(declared), {})) | set(declared)
    said = said_sequences(description, attributes)
    if "T1" in known and not {"T2", "FLAIR"} & set(said) and _echo_ms(attributes) >= _LONG_ECHO_MS:
        said = (*said, "T2")
    return tuple(name for name in said if name not in known)


def _echo_ms(attributes: Mapping[str, str]) -> float:
    try:
        return float(attributes.get("EchoTime", ""))
    except ValueError:
        return 0.0
