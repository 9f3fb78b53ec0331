"""Runs a memory plan on memory whose bytes know which value they hold.

It shares no code with the planner: it copies, reads, writes and spoils bytes in the order in which
the generated C does, and complains when a call, a dump or a copy would read what another one wrote.
"""

from tvm_espdl.ops.reshape import Reshape

#: Bytes of the caller's buffers, of constants and of states that may be read behind their values.
BEHIND = 64


class Memory:
    """All memory of a network, by kind and number of the place; each byte is a pair or None.

    A pair is the name of a value and the number of the byte in it.
    """

    def __init__(self, program, plan):
        self.program, self.plan = program, plan
        self.areas = {("arena", 0): [None] * plan.arena_bytes}
        #: What an alias is another name of.
        self.original = {}
        for name, place in plan.places.items():
            if place.kind != "arena":
                size = program.values[name].nbytes + BEHIND
                self.areas.setdefault((place.kind, self._index(name)), [None] * size)
        entering = (*program.inputs, *program.constants, *(s.value for s in program.states))
        for name in entering:
            self.write(name)

    def _index(self, name):
        """What tells areas of one kind apart: constants have no number."""
        name = self.named(name)
        place = self.plan.places[name]
        return name if place.kind == "constant" else place.index

    def named(self, name):
        """The value that a name means."""
        return self.original.get(name, name)

    def where(self, name):
        """Area and first byte of a value."""
        place = self.plan.places[name]
        if place.kind == "arena":
            return ("arena", 0), place.index
        return (place.kind, self._index(name)), 0

    def extent(self, name):
        area, first = self.where(name)
        return area, first, first + self.program.values[name].nbytes

    def write(self, name):
        area, first, end = self.extent(name)
        assert end <= len(self.areas[area]), f"{name} leaves its memory"
        self.areas[area][first:end] = [(self.named(name), i) for i in range(end - first)]

    def assert_there(self, name, reader):
        area, first, end = self.extent(name)
        held = self.areas[area][first:end]
        assert held == [(self.named(name), i) for i in range(end - first)], f"{reader} reads {name}"

    def assert_readable(self, name, alignment, over_read, reader):
        """That a kernel may begin and end its vectors at a value."""
        area, first, end = self.extent(name)
        assert first % alignment == 0, f"{reader}: {name} is not aligned"
        if area[0] == "arena":
            assert -(-end // 16) * 16 + over_read <= len(self.areas[area]) or not over_read
        else:
            # Whoever owns the memory hears what it is asked for, by the name that it knows.
            owners = {n for n, p in self.plan.places.items() if p == self.plan.places[name]}
            known = [n for n in owners if self.named(n) == n and self.where(n)[0] == area]
            asked = max(self.plan.over_reads.get(n, 0) for n in known)
            assert asked >= over_read, f"{reader} reads behind {name}"
            assert max(self.plan.alignments.get(n, 1) for n in known) % alignment == 0, reader

    def spoil(self, first, size):
        """A workspace is written with whatever."""
        arena = self.areas["arena", 0]
        assert first % 16 == 0 and first + size <= len(arena)
        arena[first : first + size] = [None] * size


def overlap(one, other):
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def simulate(program, plan, needs):
    """Run a program once; raises AssertionError where the plan does not hold."""
    memory = Memory(program, plan)
    for at, step in enumerate(program.steps):
        need = needs.get(at)
        if isinstance(step.operator, Reshape) and plan.is_alias(step):
            memory.original[step.outputs[0]] = memory.named(step.inputs[0])
        else:
            _call(memory, at, step, need)
        for name in step.outputs:
            memory.assert_there(name, f"the dump of step {at}")
    for name in program.outputs:
        memory.assert_there(name, "the copy of an output")
    kept = {state.next: memory.named(state.next) for state in program.states}
    for number, state in enumerate(program.states):
        memory.assert_there(state.next, "the copy of a state")
        area = memory.areas["state", number]
        area[: program.values[state.value].nbytes] = [
            (kept[state.next], i) for i in range(program.values[state.value].nbytes)
        ]


def _call(memory, at, step, need):
    """One kernel: what it reads is there, and what it writes is not what it still reads."""
    reader, plan = f"step {at}", memory.plan
    for name in step.inputs:
        memory.assert_there(name, reader)
        if need is not None:
            memory.assert_readable(name, need.alignment, need.over_read, reader)
    scratch = (("arena", 0), 0, 0)
    if need is not None and need.workspace_bytes:
        begin = plan.workspaces[at]
        scratch = (("arena", 0), begin, begin + need.workspace_bytes)
        memory.spoil(begin, need.workspace_bytes)
        for name in step.inputs:
            memory.assert_there(name, f"{reader}, beside its workspace,")
    outputs = [memory.extent(name) for name in step.outputs]
    for n, output in enumerate(outputs):
        assert not overlap(output, scratch), f"{reader} works in its own result"
        assert not any(overlap(output, other) for other in outputs[:n]), reader
        own = [i for i, x in enumerate(step.inputs) if overlap(output, memory.extent(x))]
        allowed = need.in_place if need is not None else ()
        assert not own or (len(own) == 1 and own[0] in allowed), f"{reader} writes over {own}"
        assert not own or output == memory.extent(step.inputs[own[0]]), reader
        if need is not None:
            assert output[1] % need.alignment == 0
    for name in step.outputs:
        assert plan.places[name].kind not in ("input", "constant")
        memory.write(name)
