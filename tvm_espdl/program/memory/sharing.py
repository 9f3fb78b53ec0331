"""Which values share bytes: views of each other, results over inputs that nobody reads any more.

Values that share stand in one group, each with its offset. A group is sound when no byte holds two
contents at once; every union is tried, and undone where that would break. Places are not chosen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...ops.base.ccall import Needs
from ..program import Program, Step
from .group import Group, Span
from .needs import alignments
from .plan import Kind, Place
from .views import view_offsets

#: Step before the first one: what enters is there then.
ENTERING = -1


@dataclass
class Sharing:
    """The groups of a program's values; `shared` makes them.

    Attributes
    ----------
    group : dict of str to Group
        Of each value.
    views : set of str
        Results that are views.
    """

    program: Program
    alignment: Mapping[str, int]
    group: dict[str, Group]
    first: dict[str, int]
    reads: dict[str, list[int]]
    views: set[str] = field(default_factory=set)
    #: Of values whose pixels lie apart, in a result that they are a part of: bytes from one to the
    #: next.
    pitches: dict[str, int] = field(default_factory=dict)
    #: For each view, the parts that its bytes are made of: begin, end, value that was written.
    _parts: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    #: Values over which the step that reads them last writes its result.
    _replaced: dict[str, int] = field(default_factory=dict)
    #: What `_life` has found.
    _lives: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)

    def groups(self) -> list[Group]:
        """Each group once, in the order in which their first values come to life."""
        unique = {id(group): group for group in self.group.values()}
        return list(unique.values())

    def last(self, name: str) -> int:
        """The last step at which a value's bytes have to be as it has written them."""
        # The step that writes over it reads it no longer than until that.
        replaced = self._replaced.get(name)
        return max([self.first[name], *(at - (at == replaced) for at in self.reads[name])])

    def spans(self, name: str, offset: int) -> Iterator[Span]:
        """The bytes of a value that begins at an offset."""
        first, last = self.first[name], self.last(name)
        for begin, end, content in self._parts_of(name):
            yield Span(offset + begin, offset + end, first, last, content)

    def _parts_of(self, name: str) -> list[tuple[int, int, str]]:
        return self._parts.get(name) or [(0, self.program.values[name].nbytes, name)]

    def view(self, step: Step) -> None:
        """Let a step's result be a view of its inputs, if that is sound."""
        begins = view_offsets(step.operator)
        if begins is None:
            return
        (result,) = step.outputs
        nbytes = self.program.values[result].nbytes
        parts = [
            (max(begin + at, 0), min(end + at, nbytes), content)
            for name, at in zip(step.inputs, begins, strict=True)
            for begin, end, content in self._parts_of(name)
            if begin + at < nbytes and end + at > 0
        ]
        self._parts[result] = parts
        if self._unite(result, zip(step.inputs, begins, strict=True)):
            self.views.add(result)
        else:
            del self._parts[result]

    def replace(self, index: int, step: Step, place: int) -> bool:
        """Let a step write its result over one of its inputs, if that is sound."""
        name, result = step.inputs[place], step.outputs[0]
        values, asked = self.program.values, self.alignment
        if step.inputs.count(name) > 1 or values[name].nbytes != values[result].nbytes:
            return False
        fixed = self.group[result].fixed
        most = max(asked[member] for member in self.group[name].offsets)
        if fixed is not None and fixed.kind == "output" and most > asked[result]:
            return False  # the caller's buffer is not asked for more than its own value asks
        self._replaced[name] = index
        self._lives.pop(name, None)
        if self._unite(result, [(name, 0)]):
            return True
        del self._replaced[name]
        self._lives.pop(name, None)
        return False

    def join(self, name: str, result: str, offset: int, pitch: int) -> bool:
        """Let a value be computed where it belongs in a result, if that is sound.

        Its pixels begin `pitch` bytes after each other, the first one at `offset`. All of the
        result's bytes count as in use from then on.
        """
        if len(self.group[name].offsets) > 1:
            return False
        self._parts[name] = [(-offset, self.program.values[result].nbytes - offset, result)]
        self._lives.pop(name, None)
        if self._unite(result, [(name, offset)]):
            self.pitches[name] = pitch
            return True
        del self._parts[name]
        self._lives.pop(name, None)
        return False

    def copy(self) -> Sharing:
        """Another one that changes by itself."""
        own = ("group", "views", "pitches", "_parts", "_replaced", "_lives")
        return dataclasses.replace(self, **{name: getattr(self, name).copy() for name in own})

    def follow(self, old: str, new: str) -> None:
        """Let the next state be written over the old one, if that is sound."""
        self._unite(new, [(old, 0)])

    def _unite(self, result: str, others: Iterable[tuple[str, int]]) -> bool:
        """Bring values together, each at its distance behind `result`; False where that is wrong.

        What was sound before stays so: only spans of different groups, and those of `result`,
        which may mean other bytes than before, are compared.
        """
        whole = self.group[result]
        joined, origin = [whole], whole.offsets[result]
        offsets = dict(whole.offsets)
        for name, distance in others:
            group = self.group[name]
            shift = origin + distance - group.offsets[name]
            moved = {member: at + shift for member, at in group.offsets.items()}
            if any(offsets.get(member, at) != at for member, at in moved.items()):
                return False
            if group not in joined:
                if not self._go_together(offsets, moved):
                    return False
                joined.append(group)
            offsets |= moved
        united = self._united(offsets, joined)
        if united is None or not self._go_together({result: offsets[result]}, offsets):
            return False
        self.group |= dict.fromkeys(offsets, united)
        return True

    def _go_together(self, some: Mapping[str, int], more: Mapping[str, int]) -> bool:
        """Whether spans of some values and those of others exclude each other nowhere."""
        lives = [(name, at, *self._life(name)) for name, at in more.items()]
        for name, at in some.items():
            first, last, begin, end = self._life(name)
            for other, there, from_, to, low, high in lives:
                near = at + begin < there + high and there + low < at + end
                near = near and first <= to and from_ <= last
                if near and not self._agree(name, at, other, there):
                    return False
        return True

    def _life(self, name: str) -> tuple[int, int, int, int]:
        """First step, last step, and the bytes between which a value is, from its begin."""
        if name not in self._lives:
            begins, ends, _ = zip(*self._parts_of(name), strict=True)
            self._lives[name] = self.first[name], self.last(name), min(begins), max(ends)
        return self._lives[name]

    def _agree(self, name: str, at: int, other: str, there: int) -> bool:
        these, those = self.spans(name, at), [*self.spans(other, there)]
        return not any(one.excludes(two) for one in these for two in those)

    def _united(self, offsets: dict[str, int], groups: Iterable[Group]) -> Group | None:
        """The group of all these values; None where memory or alignment forbid it."""
        fixed = [group for group in groups if group.fixed is not None]
        if len(fixed) > 1:
            return None
        if fixed:
            (known,) = fixed
            origin = known.origin + offsets[known.owner] - known.offsets[known.owner]
            united = Group(offsets, origin, known.fixed, known.size, known.owner)
        else:
            united = Group(offsets, offsets[max(offsets, key=lambda name: self.alignment[name])])
        aligned = all((at - united.origin) % self.alignment[n] == 0 for n, at in offsets.items())
        return united if aligned and self._lies_in(united) else None

    def _lies_in(self, group: Group) -> bool:
        """Whether the memory of a group has room for its values, and takes what is written."""
        if group.fixed is None:
            return True
        values = self.program.values
        begins = {name: at - group.origin for name, at in group.offsets.items()}
        if any(at < 0 or at + values[n].nbytes > group.size for n, at in begins.items()):
            return False
        if group.fixed.kind == "constant" and any(begins.values()):
            return False  # of an array nothing is known but its name
        if group.fixed.kind == "state":
            own = self.program.states[group.fixed.index].next
            nexts = {state.next for state in self.program.states} - {own}
            return not nexts & group.offsets.keys()  # it might be copied after its memory is
        if group.fixed.kind in ("input", "constant"):
            contents = {c for name in group.offsets for _, _, c in self._parts_of(name)}
            return contents == {group.owner}
        return True


def shared(program: Program, needs: Mapping[int, Needs]) -> Sharing:
    """All that a program's values may share: states first, then views, then results over inputs.

    A view saves a copy and its bytes, so that it comes before a result in an input's place.
    """
    sharing = _apart(program, needs)
    for state in program.states:
        sharing.follow(state.value, state.next)
    for step in program.steps:
        sharing.view(step)
    for index, step in enumerate(program.steps):
        if index in needs and step.outputs[0] not in sharing.views:
            any(sharing.replace(index, step, place) for place in needs[index].in_place)
    return sharing


def _apart(program: Program, needs: Mapping[int, Needs]) -> Sharing:
    """Every value in a group of its own; those that enter or leave in memory that is known."""
    names = program.values
    first = dict.fromkeys(names, ENTERING)
    reads: dict[str, list[int]] = {name: [] for name in names}
    for index, step in enumerate(program.steps):
        first |= dict.fromkeys(step.outputs, index)
        for name in step.inputs:
            reads[name].append(index)
    for name in (*program.outputs, *(state.next for state in program.states)):
        reads[name].append(len(program.steps))
    places: dict[str, Place] = {}
    kinds: tuple[tuple[Kind, Iterable[str]], ...] = (
        ("input", program.inputs),
        ("constant", program.constants),
        ("state", (state.value for state in program.states)),
        ("output", program.outputs),
    )
    for kind, its in kinds:
        for index, name in enumerate(its):
            places.setdefault(name, Place(kind, index))
    group = {
        name: Group({name: 0}, 0, places.get(name), tensor.nbytes, name if name in places else "")
        for name, tensor in names.items()
    }
    return Sharing(program, alignments(program, needs), group, first, reads)
