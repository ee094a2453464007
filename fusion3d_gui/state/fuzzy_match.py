"""Find commands by a few of their letters."""

from __future__ import annotations

_WORD_START = 8.0
_RUN = 5.0
_GAP = 0.2


def fuzzy_score(query: str, text: str) -> float | None:
    """How well ``text`` matches ``query``, higher is better; None where letters are missing.

    All letters of the query must occur in the text, in their order; spaces and case do not matter.
    Letters at the start of a word and consecutive letters score more, gaps score a little less, and of
    two equal matches the shorter text is better. Of all alignments of the letters the best one counts.
    """
    letters = [letter for letter in query.lower() if not letter.isspace()]
    text = text.lower()
    if not letters:
        return 0.0
    # best[n]: best score with the previous letter placed at n.
    best: dict[int, float] = {-1: 0.0}
    for letter in letters:
        placed: dict[int, float] = {}
        for n, here in enumerate(text):
            if here != letter:
                continue
            begins = n == 0 or not text[n - 1].isalnum()
            for before, score in best.items():
                if before >= n:
                    continue
                total = score + (_WORD_START if begins else 1.0)
                if before == n - 1 and before >= 0:
                    total += _RUN
                elif before >= 0:
                    total -= _GAP * (n - before - 1)
                placed[n] = max(total, placed.get(n, total))
        if not placed:
            return None
        best = placed
    return max(best.values()) - 0.01 * len(text)
