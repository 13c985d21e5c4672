"""Names in a flattened netlist, told in the design's terms: components and signals."""

import re

__all__ = ["Hierarchy"]

_CELLS = "LUT4|TRELLIS_FF|TRELLIS_DPR16X4|CCU2C|PFUMX|L6MUX21|DP16KD|PDPW16KD|MULT18X18D"
#: What yosys adds to the name of a signal to name the cells and nets around it, nextpnr when it
#: splits a cell, and yosys when it splits a memory.
_ADDED = re.compile(rf"(_({_CELLS})_|\$(CCU2|DPRAM|RAMW|IOL)).*")
_PIECE = re.compile(r"(\.\d+)+(_D[IO]_\d+)?$")
#: What Amaranth adds to a name that is taken already, and how nextpnr marks a global clock.
_NUMBER = re.compile(r"\$\d+|\$glbnet\$")
#: Signals that Amaranth found without a name.
_UNNAMED = re.compile(r"\$signal(\$\d+)?$|\$\d+$|port\$\d+\$\d+$").match


class Hierarchy:
    """The components of a design, from the RTLIL that Amaranth wrote.

    A signal that connects components has its name in the component around them; it is followed to
    the component that drives it, so that ``core.sums__payload`` is the drain's.

    Parameters
    ----------
    rtlil : :class:`str`
        The text; the module ``top`` is the root.
    """

    def __init__(self, rtlil):
        self._outputs, self._children, self._drivers, self._aliases = {}, {}, {}, {}
        connections = []
        module = cell = None
        for line in rtlil.splitlines():
            words = line.split()
            match words:
                case ["module", name]:
                    module = name[1:]
                    for table in self._outputs, self._children, self._drivers, self._aliases:
                        table[module] = {}
                case ["wire", *_, "output", _, name]:
                    self._outputs[module][name[1:]] = True
                case ["cell", kind, name]:
                    cell = (module, kind[1:], name[1:]) if kind[0] == "\\" else None
                    if cell:
                        self._children[module][name[1:]] = kind[1:]
                case ["connect", port, signal, *_] if line.startswith("    "):
                    if cell and signal[0] == "\\":
                        connections.append((*cell, port[1:], signal[1:]))
                case ["connect", name, signal, *_] if name[0] == signal[0] == "\\":
                    self._aliases[module].setdefault(name[1:], signal[1:])
        for module, kind, name, port, signal in connections:
            if port in self._outputs.get(kind, ()):
                self._drivers[module].setdefault(signal, (name, port))

    def resolve(self, name):
        """Return (component, signal) of a cell or net of the netlist, each as people write it.

        The component is "" at the top, and the signal "" where it has no name.
        """
        name = _PIECE.sub("", _ADDED.sub("", name.removeprefix("$glbnet$")))
        if name.startswith("$"):
            return "", ""
        path, module, parts = [], "top", name.split(".")
        while len(parts) > 1 and (kind := self._children.get(module, {}).get(parts[0])):
            if kind not in self._children:
                break
            path.append(parts.pop(0))
            module = kind
        signal = ".".join(parts)
        best = signal
        while module in self._drivers:
            base = re.sub(r"\[[\d:]+\]$", "", signal)
            base = base if base in self._drivers[module] or base in self._aliases[module] \
                else base.split(".")[0]
            if driver := self._drivers[module].get(base):
                path.append(driver[0])
                module, signal = self._children[module][driver[0]], driver[1]
            elif alias := self._aliases[module].pop(base, None):
                # A circle of aliases is left where it closes.
                signal = self._aliases[module][base] = alias
                if signal.split(".")[0] == base.split(".")[0]:
                    break
            else:
                break
            best = best if _UNNAMED(signal) else signal
        return _plain(path), "" if _UNNAMED(best) else _NUMBER.sub("", best)

    def domain(self, net):
        """Return the clock domain of a clock's net: Amaranth calls them ``clk`` and ``x_clk``."""
        *path, port = net.removeprefix("$glbnet$").split(".")
        for signal, driver in self._drivers["top"].items():
            if [*path, port] == list(driver):
                port = signal
        name = _NUMBER.sub("", port)
        return "sync" if name == "clk" else name.removesuffix("_clk").removesuffix("__io")


def _plain(path):
    return _NUMBER.sub("", ".".join(path))
