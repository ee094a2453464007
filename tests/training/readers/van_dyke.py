"""Van Dyke's study: 5 radiologists, 2 kinds of MRI, 45 cases with aortic dissection and 69 without.

Data: Van Dyke CW et al., Cine MRI in the diagnosis of thoracic aortic dissection, 79th RSNA Meetings, Chicago
1993; distributed as ``VanDyke`` by the R package MRMCaov and as ``dataset02`` by RJafroc. Ratings 1 to 5.

Expected figures: OR-DBM MRMC 2.51 (University of Iowa), as stored in ``inst/IowaResults/VanDyke.txt`` of
dpc10ster/RJafroc, for the jackknife; MRMCaov's own article (``docs/jss/MRMCaov.tex`` of
brian-j-smith/MRMCaov) for DeLong.
"""

from __future__ import annotations

import numpy as np

#: By reader and treatment: 69 ratings of negative cases.
_NEGATIVES = (
    (
        "122151111111411111111131311214111113121211233131133111111221111332111",
        "333222223213122222211111421312214323123122233111333113412421241442111",
    ),
    (
        "232222222322522232222222422223222222222222222222222222222432232222222",
        "322222223222222122221222322222212212222231223222222222322322222222122",
    ),
    (
        "222235112242422232221232411322112224121412112222223211211221151421212",
        "242222322211132222121121411512112122212221132111233113221232341242121",
    ),
    (
        "111111311111111111112111211112111111111111111111331111111111111311111",
        "221111312111122111211111321212111122112111112121212211111212111323211",
    ),
    (
        "351211112221211122113221111211211231221113332111211111111341231212113",
        "223122221222111222122212322321212222112121132122332122221222231233111",
    ),
)
#: By reader and treatment: 45 ratings of positive cases.
_POSITIVES = (
    (
        "555545554555434245555555154454553555115554451",
        "535555554555544335555555355355554455535555551",
    ),
    (
        "535555542555442225555555243354552425225555352",
        "535555552555344245455545252355532425525555552",
    ),
    (
        "545555555555542355555555252255552555225555552",
        "525555555555354145555555253355543555534555551",
    ),
    (
        "555555555555555155555555554544553555125555555",
        "545555554555455555555555455445555555535555555",
    ),
    (
        "525255551545452235555554144322151515115553552",
        "525455555455343335555555251332532545533555553",
    ),
)


def van_dyke() -> tuple[np.ndarray, np.ndarray]:
    """Ratings [treatment, reader, case] and truth [case]: negatives first."""
    rows = [
        [
            [int(digit) for digit in low[t] + high[t]]
            for low, high in zip(_NEGATIVES, _POSITIVES, strict=True)
        ]
        for t in range(2)
    ]
    return np.array(rows), np.repeat([0, 1], [69, 45])
