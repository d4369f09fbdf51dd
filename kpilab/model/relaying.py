"""A text written anew, laid out as before wherever it says the same.

A YAML writer keeps comments, but breaks long entries as it likes and drops the comment after an entry that
goes. So its output is laid over the original: lines that it did not change stand as they stood.
"""

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import accumulate


def laid_out_as_before(original: str, rewritten: str, changed: str) -> str:
    r"""Return a changed text in the layout of the original.

    Parameters
    ----------
    original : str
        As it stood in the file.
    rewritten : str
        The original as the writer lays it out: the same but for white space.
    changed : str
        The text after the change, as the writer lays it out.

    Examples
    --------
    >>> laid_out_as_before("a:   1\nb:\n  2\n", "a: 1\nb: 2\n", "a: 3\nb: 2\n")
    'a: 3\nb:\n  2\n'
    """
    if "".join(original.split()) != "".join(rewritten.split()):
        return changed
    parts = list(_same_parts(original, rewritten))
    owner = [number for number, (_, after) in enumerate(parts) for _ in after]
    before, now = [line for _, after in parts for line in after], changed.splitlines(keepends=True)
    lost = Counter(before) - Counter(now)
    written: list[str] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if kind != "equal":
            written += now[j1:j2] + _comments_at_the_end(before[i1:i2], lost)
            continue
        for number in dict.fromkeys(owner[i1:i2]):
            first = owner.index(number)
            whole = i1 <= first and first + len(parts[number][1]) <= i2
            written += (
                parts[number][0] if whole else before[max(first, i1) : min(first + len(parts[number][1]), i2)]
            )
    return "".join(written)


def _same_parts(original: str, rewritten: str) -> Iterator[tuple[list[str], list[str]]]:
    """Cut two texts that differ in white space only at the ends of lines that they share."""
    texts = [text.splitlines(keepends=True) for text in (original, rewritten)]
    ends = [list(accumulate(len("".join(line.split())) for line in lines)) for lines in texts]
    shared = sorted(set(ends[0]) & set(ends[1]))
    at = [0, 0]
    for end in shared:
        part = []
        for side in (0, 1):
            first = at[side]
            while at[side] < len(texts[side]) and ends[side][at[side]] <= end:
                at[side] += 1
            part.append(texts[side][first : at[side]])
        yield part[0], part[1]


def _comments_at_the_end(removed: list[str], lost: Counter[str]) -> list[str]:
    """Return the comments after an entry that went: they speak of what comes next."""
    start = len(removed)
    while start and (not removed[start - 1].strip() or removed[start - 1].lstrip().startswith("#")):
        start -= 1
    return removed[start:] if any(line.strip() and lost[line] > 0 for line in removed[start:]) else []
