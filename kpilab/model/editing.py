"""Edits of a cascade: each returns another cascade, or is refused with the reasons a reader of files gives.

Nothing changes its arguments; `Draft` keeps the cascade of now, and everything that was before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from kpilab.model.cascade import Cascade, Origin
from kpilab.model.dependents import Dependent, dependents_of, without
from kpilab.model.faults import told
from kpilab.model.files import LISTS
from kpilab.model.parts import Noun
from kpilab.model.references import PLURAL, reference_problems
from kpilab.model.renames import LEVELS, renamed
from kpilab.problems import InputError, Problem, did_you_mean, one_problem, stop_on
from kpilab.words import KPI_KINDS

WHOLE = "cascade"
"""The noun under which `change` takes what belongs to the whole: name, levels, perspectives, history …"""

Key = str | tuple[str | None, ...]
_STANDS_IN = {"factors": "objective", "kpis": "factor", "units": "parent"}
"""Where in the tree entries stand: what their siblings share."""
_SINGULAR = {plural: kind for kind, plural in PLURAL.items()} | {"links": "link", "targets": "target"}


def add(cascade: Cascade, noun: str, entry: Mapping[str, Any]) -> Cascade:
    """Return the cascade with one entry more.

    Parameters
    ----------
    cascade : Cascade
    noun : {"objectives", "factors", "kpis", "processes", "owners", "units", "links", "actions", "targets"}
    entry : mapping
        As it would be written in `cascade.yaml`; values that are None or ``""`` count as not written.

    Raises
    ------
    InputError
        With every reason why a reader of files would refuse it; `where` is the field.

    Examples
    --------
    >>> from kpilab.model.start import start_cascade
    >>> import kpilab as kl, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = start_cascade(folder)
    >>> cascade = kl.read_cascade(folder)
    >>> add(cascade, "owners", {"id": "mia", "name": "Mia"}).owner("mia").name
    'Mia'
    """
    entries = _list_of(cascade, noun)
    made = _made(noun, entry)
    return _checked(cascade, {noun: (*entries, made)}, noun, len(entries), {noun: [*range(len(entries)), -1]})


def add_all(cascade: Cascade, noun: str, entries: Sequence[Mapping[str, Any]]) -> Cascade:
    """Return the cascade with several entries more, or refuse them together.

    Parameters
    ----------
    cascade : Cascade
    noun : str
    entries : sequence of mapping
        One for each row of a table, as `add` takes it.

    Raises
    ------
    InputError
        With every reason; `where` is the number of the row, from 1.
    """
    before, made = _list_of(cascade, noun), _all_made(noun, entries)
    rows = {(noun, f"#{len(before) + row}"): f"row {row + 1}" for row in range(len(made))}
    lists = {noun: (*before, *made)}
    after = cascade.replace(**lists)
    known = {problem.message for problem in reference_problems(cascade)}
    found = reference_problems(after.with_origin(Origin(lines=_places(after, noun, -1) | rows)))
    stop_on(problem for problem in found if problem.message not in known)
    sources = {noun: [*range(len(before)), *[-1] * len(made)]}
    return after.with_origin(_origin_of(cascade, _lines(cascade, after, sources)))


def put(cascade: Cascade, noun: str, entries: Sequence[Mapping[str, Any]]) -> Cascade:
    """Return the cascade with other entries in place of a whole list.

    Parameters
    ----------
    cascade : Cascade
    noun : str
    entries : sequence of mapping
        As `add` takes them.

    Raises
    ------
    InputError
        With every reason; for what cannot be an entry, `where` is its number in the list, from 1.
    """
    places = {entry.id: position for position, entry in enumerate(_list_of(cascade, noun))}
    made = _all_made(noun, entries)
    sources = {noun: [places.get(entry.id, -1) for entry in made]}
    return _checked(cascade, {noun: tuple(made)}, noun, -1, sources)


def change(cascade: Cascade, noun: str, key: Key, fields: Mapping[str, Any]) -> Cascade:
    """Return the cascade with some fields of one entry changed.

    Parameters
    ----------
    cascade : Cascade
    noun : str
        A list of the cascade, or "cascade" for what belongs to the whole.
    key : str or tuple of str
        The id; of a link the pair (cause, effect), or (cause, effect, level) where it is drawn at several.
    fields : mapping
        As they would be written in the file; None or ``""`` takes a field out. One way to compute a KPI
        replaces the other.

    Raises
    ------
    InputError
        With every reason; `where` is the field.
    """
    if noun == WHOLE:
        return _whole_changed(cascade, fields)
    position = place_of(cascade, noun, key)
    entries = list(_list_of(cascade, noun))
    before = entries[position]
    fresh = {_alias(type(before), name): value for name, value in fields.items()}
    identity = _alias(type(before), "id")
    if noun not in ("links", "targets") and fresh.get(identity, before.id) != before.id:
        raise one_problem(identity, f"'{before.id}' is known by its id; give it another one with rename")
    written = _written(before)
    if noun == "kpis" and any(fresh.get(kind) not in (None, "") for kind in KPI_KINDS):
        written = {name: value for name, value in written.items() if name not in KPI_KINDS}
    entries[position] = _made(noun, {**written, **fresh})
    return _checked(cascade, {noun: tuple(entries)}, noun, position, {})


def rename(cascade: Cascade, noun: str, key: str, new: str) -> Cascade:
    """Return the cascade with an id, or a level, under another name; whatever names it follows, formulas too.

    Parameters
    ----------
    cascade : Cascade
    noun : str
        A list whose entries have an id, or "levels".
    key, new : str

    Raises
    ------
    InputError
        When the new id is none, or is taken.
    """
    if noun == LEVELS:
        cascade.known_level(key)
        position = cascade.levels.index(key)
        if not new.strip():
            raise one_problem("levels", "a level needs a name")
    elif noun not in PLURAL.values():
        raise one_problem("noun", f"{noun} have no id of their own; change what they name")
    else:
        position = place_of(cascade, noun, key)
        entry = _list_of(cascade, noun)[position]
        _made(noun, {**_written(entry), _alias(type(entry), "id"): new})
    after = renamed(cascade, {noun: {key: new}})
    lists = {name: getattr(after, name) for name in (*LISTS, LEVELS)}
    return _checked(cascade, lists, noun, position, {})


def dependents(cascade: Cascade, noun: str, key: Key) -> tuple[Dependent, ...]:
    """List what hangs on an entry, and what becomes of it when the entry is removed with its dependents.

    What goes along takes its own dependents with it: they are listed too.
    """
    position = place_of(cascade, noun, key)
    doomed = {(noun, position)}
    waiting = [(noun, position)]
    found: dict[tuple[str, int, str], Dependent] = {}
    while waiting:
        of_noun, of_position = waiting.pop(0)
        for each in dependents_of(cascade, of_noun, getattr(cascade, of_noun)[of_position]):
            place = (each.noun, each.position)
            found.setdefault((*place, each.field), each)
            if each.goes and place not in doomed:
                doomed.add(place)
                waiting.append(place)
    return tuple(each for each in found.values() if each.goes or (each.noun, each.position) not in doomed)


def remove(cascade: Cascade, noun: str, key: Key, *, with_dependents: bool = False) -> Cascade:
    """Return the cascade without an entry.

    Parameters
    ----------
    cascade : Cascade
    noun : str
    key : str or tuple of str
    with_dependents : bool
        Also remove what would say nothing without it, and take its id out of whatever else names it.

    Raises
    ------
    InputError
        When something hangs on it and `with_dependents` is False: one sentence for each.
    """
    position = place_of(cascade, noun, key)
    entry = _list_of(cascade, noun)[position]
    hanging = dependents(cascade, noun, key)
    if hanging and not with_dependents:
        asked = f"{_SINGULAR[noun]} '{entry.id}' cannot be removed alone"
        raise InputError([Problem(asked, each.sentence) for each in hanging])
    doomed = {(noun, position), *((each.noun, each.position) for each in hanging if each.goes)}
    ids: dict[str, set[str]] = {}
    for of_noun, place in doomed:
        ids.setdefault(of_noun, set()).add(getattr(cascade, of_noun)[place].id)
    lists: dict[str, Any] = {}
    sources: dict[str, list[int]] = {}
    for of_noun in {noun, *(each.noun for each in hanging)}:
        entries = getattr(cascade, of_noun)
        loose = {each.position for each in hanging if each.noun == of_noun}
        sources[of_noun] = [i for i in range(len(entries)) if (of_noun, i) not in doomed]
        lists[of_noun] = tuple(
            without(entries[i], of_noun, ids) if i in loose else entries[i] for i in sources[of_noun]
        )
    if not lists.get("units", cascade.units):
        raise one_problem("units", "a cascade has at least one unit; add another before this one goes")
    return _checked(cascade, lists, noun, -1, sources)


def move(cascade: Cascade, noun: str, key: Key, steps: int) -> Cascade:
    """Return the cascade with an entry further up or down among its siblings; the file keeps that order.

    Parameters
    ----------
    cascade : Cascade
    noun : str
    key : str or tuple of str
    steps : int
        Down by so many siblings; up when negative.

    Raises
    ------
    InputError
        When it has fewer siblings there.
    """
    position = place_of(cascade, noun, key)
    among = siblings_of(cascade, noun, position)
    place = among.index(position) + steps
    if not 0 <= place < len(among):
        said = f"stands {'last' if steps > 0 else 'first'} among {len(among)}"
        raise one_problem(
            noun, f"{_SINGULAR[noun]} '{_list_of(cascade, noun)[position].id}' {said}; leave it there"
        )
    order = [source for source in range(len(_list_of(cascade, noun))) if source != position]
    order.insert(order.index(among[place]) + (steps > 0), position)
    entries = _list_of(cascade, noun)
    return _checked(cascade, {noun: tuple(entries[source] for source in order)}, noun, -1, {noun: order})


def siblings_of(cascade: Cascade, noun: str, position: int) -> list[int]:
    """Return the positions of the entries that stand in the same place of the tree, this one among them."""
    entries, field = _list_of(cascade, noun), _STANDS_IN.get(noun)
    if field is None:
        return list(range(len(entries)))
    above = getattr(entries[position], field)
    return [place for place, entry in enumerate(entries) if getattr(entry, field) == above]


def place_of(cascade: Cascade, noun: str, key: Key) -> int:
    """Return the position of an entry in its list.

    Raises
    ------
    InputError
        When there is none, or several are drawn between the same two KPIs.
    """
    entries = _list_of(cascade, noun)
    found = [position for position, entry in enumerate(entries) if _is(entry, key)]
    said = key if isinstance(key, str) else "->".join(str(part) for part in key)
    if not found:
        hint = did_you_mean(said, [entry.id for entry in entries])
        raise one_problem(noun, f"unknown {_SINGULAR[noun]} '{said}'; {hint}")
    if len(found) > 1 and noun == "links":
        levels = ", ".join(repr(entries[position].at) for position in found)
        raise one_problem(noun, f"link '{said}' is drawn at {levels}; name (cause, effect, level)")
    return found[0]


def _is(entry: Any, key: Key) -> bool:
    if isinstance(key, str):
        return bool(entry.id == key)
    return (entry.cause, entry.effect, entry.at)[: len(key)] == tuple(key)


def _list_of(cascade: Cascade, noun: str) -> tuple[Any, ...]:
    if noun not in LISTS:
        raise one_problem("noun", f"'{noun}' is no list of a cascade; {did_you_mean(noun, LISTS)}")
    return tuple(getattr(cascade, noun))


def _made(noun: str, entry: Mapping[str, Any]) -> Noun:
    """Make an entry of what was typed; what is left empty counts as not written."""
    model = LISTS[noun]
    data = {_alias(model, name): value for name, value in entry.items() if value is not None and value != ""}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        named = data.get(_alias(model, "id")) or "->".join(
            str(data[end]) for end in ("cause", "effect") if end in data
        )
        label = f"{noun}: '{named}'" if named else noun
        raise InputError(told(error.errors(), model, label, _fields(model), label)) from error


def _all_made(noun: str, entries: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Make several entries, or refuse them together."""
    problems: list[Problem] = []
    made: list[Noun] = []
    for row, entry in enumerate(entries, 1):
        try:
            made.append(_made(noun, entry))
        except InputError as error:
            problems += [Problem(f"row {row}", problem.message) for problem in error.problems]
    stop_on(problems)
    return made


def _whole_changed(cascade: Cascade, fields: Mapping[str, Any]) -> Cascade:
    fresh = {
        _alias(Cascade, name): value for name, value in fields.items() if value is not None and value != ""
    }
    taken_out = {_alias(Cascade, name) for name in fields} - fresh.keys()
    kept = {name: value for name, value in _written(cascade).items() if name not in taken_out}
    try:
        after = Cascade.model_validate({**kept, **fresh})
    except ValidationError as error:
        raise InputError(told(error.errors(), Cascade, WHOLE, _fields(Cascade), WHOLE)) from error
    return _checked(cascade, {name: getattr(after, name) for name in Cascade.model_fields}, WHOLE, -1, {})


def _written(entry: Noun) -> dict[str, Any]:
    """Return the fields of an entry that differ from their defaults, by the names that stand in the file."""
    fields = type(entry).model_fields
    return {
        field.alias or name: getattr(entry, name)
        for name, field in fields.items()
        if field.is_required() or getattr(entry, name) != field.get_default(call_default_factory=True)
    }


def _alias(model: type[Noun], name: str) -> str:
    field = model.model_fields.get(name)
    return (field.alias if field else None) or name


def _fields(model: type[Noun]) -> dict[str, str]:
    return {name: name for name in (_alias(model, field) for field in model.model_fields)}


def _checked(
    cascade: Cascade, lists: Mapping[str, Any], noun: str, position: int, sources: Mapping[str, Sequence[int]]
) -> Cascade:
    """Return the edited cascade with its lines, or refuse it; problems that were there before are no reason."""
    after = cascade.replace(**lists)
    problems = reference_problems(after.with_origin(Origin(lines=_places(after, noun, position))))
    if problems:
        before = {problem.message for problem in reference_problems(cascade)}
        stop_on(problem for problem in problems if problem.message not in before)
    return after.with_origin(_origin_of(cascade, _lines(cascade, after, sources)))


def _places(cascade: Cascade, noun: str, position: int) -> dict[tuple[str, ...], str]:
    """Return what problems of an edit are named by: the field of the entry at hand, the label of any other."""
    places: dict[tuple[str, ...], str] = {}
    for name in LISTS:
        for place, entry in enumerate(getattr(cascade, name)):
            places[(name, f"#{place}")] = places[(name, entry.id)] = f"{_SINGULAR[name]} '{entry.id}'"
    if noun in LISTS and position >= 0:
        entry_id = getattr(cascade, noun)[position].id
        for field in _fields(LISTS[noun]):
            places[(noun, f"#{position}", field)] = places[(noun, entry_id, field)] = field
    return places | {(field,): field for field in _fields(Cascade)}


def _lines(
    before: Cascade, after: Cascade, sources: Mapping[str, Sequence[int]]
) -> dict[tuple[str, ...], str]:
    """Return the lines of the file for entries that moved within their lists; −1 is an entry without a line."""
    held: dict[tuple[str, str], list[tuple[tuple[str, ...], str]]] = {}
    lines: dict[tuple[str, ...], str] = {}
    for path, line in before.lines.items():
        if len(path) == 1:
            lines[path] = line
        elif path[1].startswith("#"):
            held.setdefault((path[0], path[1]), []).append((path[2:], line))
    for noun in LISTS:
        entries = getattr(after, noun)
        for position, source in enumerate(sources.get(noun, range(len(entries)))):
            for rest, line in held.get((noun, f"#{source}"), ()):
                lines[(noun, f"#{position}", *rest)] = line
                lines.setdefault((noun, entries[position].id, *rest), line)
    return lines


def _origin_of(cascade: Cascade, lines: dict[tuple[str, ...], str]) -> Origin:
    """Return where an edited cascade comes from: from the same files, at other lines."""
    return Origin(cascade.folder, lines, cascade.texts, cascade.read_only)
