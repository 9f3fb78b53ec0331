"""Runs a memory plan on memory whose bytes know which value they hold.

It shares no code with the planner: it copies, reads, writes and spoils bytes in the order in which
the generated C does, and complains when a call, a dump or a copy would read what another one wrote.
What a view holds, the operator's own reference says, of bytes instead of elements.
"""

import numpy as np

#: Bytes of the caller's buffers, of constants and of states that may be read behind their values.
BEHIND = 64


class Memory:
    """All memory of a network, by kind and number of the place; each byte is a number or 0.

    A number stands for one byte of one value that a step has written, or that entered.
    """

    def __init__(self, program, plan):
        self.program, self.plan = program, plan
        self.areas = {
            ("arena", n): np.zeros(arena.nbytes, np.int64) for n, arena in enumerate(plan.arenas)
        }
        owned = {
            "input": program.inputs,
            "output": program.outputs,
            "constant": [*program.constants],
            "state": [state.value for state in program.states],
        }
        #: Whose memory an area is, beside the arenas.
        self.owner = {(kind, n): v for kind, vs in owned.items() for n, v in enumerate(vs)}
        for area, name in self.owner.items():
            self.areas[area] = np.zeros(program.values[name].nbytes + BEHIND, np.int64)
        #: What the bytes of each value have to be.
        self.meant = {}
        self.next = 1
        for kind in ("input", "constant", "state"):
            for name in owned[kind]:
                self.write(name)

    def extent(self, name):
        """Area of a value, and where its bytes are."""
        place, tensor = self.plan.places[name], self.program.values[name]
        pitch = self.plan.pitches.get(name)
        row = tensor.nbytes // max(tensor.size // tensor.shape[-1], 1) if pitch else tensor.nbytes
        rows = np.arange(tensor.nbytes // max(row, 1))[:, np.newaxis] * (pitch or row)
        at = (place.offset + rows + np.arange(row)).ravel()
        assert place.offset >= 0
        limit = len(self.areas[place.kind, place.index]) - (BEHIND if place.kind != "arena" else 0)
        assert at.max(initial=0) < limit, f"{name} ends behind its memory"
        return (place.kind, place.index), at

    def write(self, name):
        """A value is new."""
        area, at = self.extent(name)
        self.meant[name] = np.arange(self.next, self.next + len(at))
        self.next += len(at)
        self.areas[area][at] = self.meant[name]

    def see(self, step):
        """The result of a step that does not run is there."""
        (name,) = step.outputs
        operator, values = step.operator, self.program.values
        parts = [self.meant[x].reshape(*values[x].shape, -1) for x in step.inputs]
        bytes_of = [
            operator.reference(None, *(part[..., byte] for part in parts))
            for byte in range(parts[0].shape[-1])
        ]
        self.meant[name] = np.stack(bytes_of, -1).ravel()

    def assert_there(self, name, reader):
        area, at = self.extent(name)
        assert np.array_equal(self.areas[area][at], self.meant[name]), f"{reader}: {name}"

    def assert_readable(self, name, alignment, over_read, reader):
        """That a kernel may begin and end its vectors at a value."""
        area, at = self.extent(name)
        first, end = at[0], at[-1] + 1
        assert first % alignment == 0, f"{reader}: {name} is not aligned"
        if not over_read:
            return
        reached = -(-end // 16) * 16 + over_read
        if area[0] == "arena":
            assert reached <= len(self.areas[area]), f"{reader} reads behind the arena"
        else:
            # Whoever owns the memory hears what it is asked for.
            owner = self.owner[area]
            known = self.plan.readable_bytes(owner, self.program.values[owner].nbytes)
            assert reached <= known, f"{reader} reads behind {name}"

    def assert_aligned(self, name, alignment, reader):
        """That whoever owns a value's memory hears where it has to begin."""
        area = self.extent(name)[0]
        if area[0] != "arena":
            assert self.plan.alignments.get(self.owner[area], 1) % alignment == 0, reader

    def spoil(self, place, size):
        """A workspace is written with whatever."""
        arena = self.areas[place.kind, place.index]
        assert place.offset % 16 == 0 and place.offset + size <= len(arena)
        arena[place.offset : place.offset + size] = 0


def overlap(one, other):
    return one[0] == other[0] and len(np.intersect1d(one[1], other[1])) > 0


def in_place(memory, step, name):
    """Whether a step finds a part where it belongs in its result."""
    if name not in memory.plan.pitches:
        return False
    (result,) = step.outputs
    operator, (area, at) = step.operator, memory.extent(result)
    assert operator.name == "concat"
    pixels = at.reshape(operator.outer, -1)
    begins = np.cumsum([0, *operator.blocks]) * (pixels.shape[1] // sum(operator.blocks))
    place = step.inputs.index(name)
    own = pixels[:, begins[place] : begins[place + 1]].ravel()
    found, there = memory.extent(name)
    assert area == found and np.array_equal(own, there), f"{name} is not where it belongs"
    return True


def simulate(program, plan, needs):
    """Run a program twice; raises AssertionError where the plan does not hold."""
    memory = Memory(program, plan)
    for _ in range(2):
        run(memory, needs)


def run(memory, needs):
    """Run a program once on memory where its inputs and states are."""
    program, plan = memory.program, memory.plan
    for at, step in enumerate(program.steps):
        if plan.is_alias(step):
            memory.see(step)
        else:
            _call(memory, at, step, needs.get(at))
        for name in step.outputs:
            memory.assert_there(name, f"the dump of step {at}")
    for number, name in enumerate(program.outputs):
        memory.assert_there(name, "the copy of an output")
        memory.areas["output", number][: len(memory.meant[name])] = memory.meant[name]
    for number, state in enumerate(program.states):
        memory.assert_there(state.next, "the copy of a state")
        kept = memory.meant[state.next]
        memory.areas["state", number][: len(kept)] = kept
    for state in program.states:
        memory.meant[state.value] = memory.meant[state.next]
    for number, state in enumerate(program.states):
        area = memory.areas["state", number][: len(memory.meant[state.value])]
        assert np.array_equal(area, memory.meant[state.value]), f"{state.value} is kept"


def _call(memory, at, step, need):
    """One kernel: what it reads is there, and what it writes is not what it still reads."""
    reader, plan = f"step {at}", memory.plan
    for name in step.inputs:
        memory.assert_there(name, reader)
        if need is not None:
            memory.assert_readable(name, need.alignment, need.over_read, reader)
            memory.assert_aligned(name, need.alignment, reader)
    scratch = (("arena", 0), np.arange(0))
    if need is not None and need.workspace_bytes:
        place = plan.workspaces[at]
        area = place.kind, place.index
        scratch = (area, place.offset + np.arange(need.workspace_bytes))
        memory.spoil(place, need.workspace_bytes)
        for name in step.inputs:
            memory.assert_there(name, f"{reader}, beside its workspace,")
    outputs = [memory.extent(name) for name in step.outputs]
    for n, output in enumerate(outputs):
        assert not overlap(output, scratch), f"{reader} works in its own result"
        assert not any(overlap(output, other) for other in outputs[:n]), reader
        apart = [x for x in step.inputs if not in_place(memory, step, x)]
        own = [
            i for i, x in enumerate(step.inputs) if x in apart and overlap(output, memory.extent(x))
        ]
        allowed = need.in_place if need is not None else ()
        assert not own or (len(own) == 1 and own[0] in allowed), f"{reader} writes over {own}"
        same = [memory.extent(step.inputs[i])[1] for i in own]
        assert all(np.array_equal(output[1], at) for at in same), reader
        alignment = need.alignment if need is not None else 1
        assert output[1][0] % alignment == 0
        assert plan.pitches.get(step.outputs[n], 0) % alignment == 0
        if need is not None:
            memory.assert_aligned(step.outputs[n], need.alignment, reader)
    for name in step.outputs:
        assert plan.places[name].kind not in ("input", "constant")
        memory.write(name)
