"""A text written anew, laid out as before wherever it says the same.

A YAML writer keeps comments, but breaks long entries as it likes, drops the comment after an entry that goes, and
some comments between entries of one line. So its output is laid over the original: lines that it did not change
stand as they stood, and comments that it dropped come back.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
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
    rewritten, changed = _with_lost_comments(original, rewritten, changed)
    if _ink(original) != _ink(rewritten):
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


def _with_lost_comments(original: str, rewritten: str, changed: str) -> tuple[str, str]:
    """Return both of the writer's texts with the comment lines, and empty ones, that it dropped from the original."""
    before, now = rewritten.splitlines(keepends=True), changed.splitlines(keepends=True)
    starts = [0, *accumulate(len(_ink(line)) for line in before)]
    ink, at = _ink(rewritten), 0
    empty = Counter(start for start, line in zip(starts, before, strict=False) if not line.strip())
    passed: Counter[int] = Counter()
    places: list[tuple[int, str]] = []
    for line in original.splitlines(keepends=True):
        if line.strip() and ink.startswith(_ink(line), at):
            at += len(_ink(line))
        elif not line.strip() and passed[at] < empty[at]:
            passed[at] += 1
        elif not line.strip() or line.lstrip().startswith("#"):
            places.append((bisect_left(starts, at) + passed[at], line))
        else:
            return rewritten, changed
    blocks = SequenceMatcher(None, before, now, autojunk=False).get_opcodes()
    return _inserted(before, places), _inserted(
        now, [(_moved(place, blocks), line) for place, line in places]
    )


def _moved(place: int, blocks: Sequence[tuple[str, int, int, int, int]]) -> int:
    """Return where a line of one text stands in the other; if it is gone, where what comes after it does."""
    for kind, i1, i2, j1, j2 in blocks:
        if i1 <= place < i2:
            return j1 + place - i1 if kind == "equal" else j1 if place == i1 else j2
    return blocks[-1][4] if blocks else 0


def _inserted(lines: list[str], places: Sequence[tuple[int, str]]) -> str:
    """Put lines before those that stand at some places."""
    filled: list[list[str]] = [[] for _ in range(len(lines) + 1)]
    for place, line in places:
        filled[place].append(line)
    return "".join("".join([*above, line]) for above, line in zip(filled, [*lines, ""], strict=True))


def _ink(text: str) -> str:
    """Return a text without white space."""
    return "".join(text.split())


def _same_parts(original: str, rewritten: str) -> Iterator[tuple[list[str], list[str]]]:
    """Cut two texts that differ in white space only at the ends of lines that they share."""
    texts = [text.splitlines(keepends=True) for text in (original, rewritten)]
    ends = [list(accumulate(len(_ink(line)) for line in lines)) for lines in texts]
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
