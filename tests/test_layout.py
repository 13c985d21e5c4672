"""The tree: packages, directions of imports, and the one-component-one-golden-one-test rule."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: A package may import those before it.
ORDER = ["firmware", "hw", "sim", "host"]

#: Components (hw/**/<name>.py) without arithmetic of their own, which have no golden model.
#: The one list of exceptions: add a line with the reason.
NO_GOLDEN = {
    "accumulate_unit",      # sim/golden/ternary_array.py: one term of its sum
    "arbiter",              # chooses bursts, moves data
    "argmax",               # np.argmax is its model
    "argmax_pipeline",      # np.argmax is its model
    "baud_generator",       # the bench speaks the serial line
    "block_ram",            # moves data
    "burst_mux",            # moves data
    "bus",                  # sim/link_model.py is the model of the whole link
    "cobs_decoder",         # firmware/protocol.py: cobs_decode, encode, Deframer
    "cobs_encoder",         # firmware/protocol.py: cobs_decode, encode, Deframer
    "code_memory",          # moves data
    "command_port",         # sim/link_model.py is the model of the whole link
    "core",                 # sim/golden/machine.py
    "counters",             # counts
    "crc",                  # zlib.crc32 is its model
    "cycle_cause",          # no arithmetic
    "dual_port_ram",        # moves data
    "element_issue",        # sim/golden/vector_engine.py is the engine's model
    "element_loader",       # sim/golden/memory_mover.py: load
    "fifo",                 # moves data
    "folded_lanes",         # sim/golden/ternary_array.py: its sums
    "frame_receiver",       # firmware/protocol.py: cobs_decode, encode, Deframer
    "frame_sender",         # firmware/protocol.py: cobs_decode, encode, Deframer
    "gated_add",            # Python's sum
    "gearbox",              # moves data
    "gumbel_pipeline",      # sim/golden/gumbel.py
    "identification",       # constants
    "instruction_decoder",  # firmware/assembler.py
    "link",                 # sim/link_model.py is the model of the whole link
    "link_status",          # moves data
    "logit_buffer",         # moves data
    "logit_crc",            # zlib.crc32 is its model
    "logit_crc_pipeline",   # zlib.crc32 is its model
    "memory_port",          # sim/link_model.py is the model of the whole link
    "multiplier",           # Python's product
    "normalizer",           # sim/golden/scalar.py: from_integer
    "or_add",               # Python's sum
    "operand_select",       # sim/golden/vector_engine.py is the engine's model
    "product",              # Python's product
    "register_file",        # moves data
    "register_port",        # sim/link_model.py is the model of the whole link
    "reply_buffer",         # sim/link_model.py is the model of the whole link
    "result_queue",         # moves data
    "run_control",          # sim/golden_board.py behaves likewise
    "sampler_port",         # moves data
    "saturating_add",       # sim/golden/vector.py: add, subtract
    "scalar_divider",       # sim/golden/scalar.py: recip, rsqrt
    "scalar_operands",      # moves data
    "scoreboard",           # no arithmetic
    "score_pipeline",       # sim/golden/score.py
    "sdram",                # moves data
    "sdram_banks",          # gives commands
    "sequencer",            # sim/golden/machine.py
    "serializer",           # moves data
    "sigmoid",              # sim/golden/vector.py: sigmoid
    "credit_queue",         # moves data
    "skid_buffer",          # moves data
    "slot_memory",          # moves data
    "slot_walk",            # moves data
    "statistics",           # sim/golden/vector.py: statistic
    "tape_position",        # counts
    "tape_reader",          # moves data
    "token_feed",           # sim/golden_board.py behaves likewise
    "token_queue",          # moves data
    "token_ring",           # moves data
    "trit_add",             # Python's sum
    "uart",                 # the bench speaks the serial line
    "uart_receiver",        # the bench speaks the serial line
    "uart_transmitter",     # the bench speaks the serial line
    "vector_lane",          # sim/golden/vector_engine.py is the engine's model
    "vector_pipeline",      # sim/golden/vector_engine.py is the engine's model
}
#: Modules in hw/ that are no component and need no test of their own name.
NO_TEST = {
    "argmax_pipeline",     # test_argmax.py
    "gumbel_pipeline",     # test_gumbel.py
    "logit_crc_pipeline",  # test_logit_crc.py
    "score_pipeline",      # test_score.py
    "uart_receiver",     # test_uart.py
    "uart_transmitter",  # test_uart.py
}


def modules(top):
    return sorted(path for path in (ROOT / top).rglob("*.py") if path.name != "__init__.py")


def relative(path):
    return path.relative_to(ROOT).as_posix()


def imported(path):
    """Absolute names of what a file imports from trine, with relative imports resolved."""
    package = ["trine", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            base = [*base, node.module] if node.module else base
            yield from (".".join([*base, alias.name]) for alias in node.names)


def test_every_package_is_listed():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {init.parent.relative_to(ROOT) for top in ORDER
               for init in (ROOT / top).rglob("__init__.py")}
    assert set(tool["packages"]) == {".".join(("trine", *folder.parts)) for folder in folders}


def test_every_folder_with_python_is_a_package():
    stray = {relative(path) for top in ORDER for path in modules(top)
             if not (path.parent / "__init__.py").exists()}
    assert not stray


def test_tests_are_no_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("top", ORDER)
def test_imports_point_one_way(top):
    allowed = ORDER[:ORDER.index(top) + 1]
    wrong = {f"{relative(path)} imports {name}" for path in modules(top) for name in imported(path)
             if name.startswith("trine.") and name.split(".")[1] not in allowed}
    assert not wrong


def test_imports_are_relative_inside_a_folder_and_absolute_across():
    wrong = set()
    for path in (path for top in ORDER for path in modules(top)):
        package = ".".join(("trine", *path.relative_to(ROOT).parent.parts))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            own = node.level == 0 and package in (node.module, node.module.rpartition(".")[0])
            if own or node.level > package.count("."):
                wrong.add(f"{relative(path)}:{node.lineno}")
    assert not wrong


def test_golden_imports_only_firmware():
    wrong = {f"{relative(path)} imports {name}" for path in modules("sim/golden")
             for name in imported(path) if name.startswith("trine.")
             and not name.startswith(("trine.firmware", "trine.sim.golden"))}
    assert not wrong


def test_gateware_needs_no_numpy():
    files = [*modules("hw"), ROOT / "firmware/isa.py", ROOT / "firmware/config.py"]
    wrong = {relative(path) for path in files if path.exists()
             and any(name.split(".")[0] == "numpy" for name in imported(path))}
    assert not wrong


def components():
    """Files of hw/ that define a component; boards are tested by building them."""
    for path in modules("hw"):
        tree = ast.parse(path.read_text())
        if path.parent.name != "boards" and any(
                isinstance(node, ast.ClassDef)
                and any(ast.unparse(base).endswith("Component") for base in node.bases)
                for node in tree.body):
            yield path


def test_every_component_has_a_golden_model():
    missing = {path.stem for path in components()
               if not (ROOT / "sim/golden" / path.name).exists()}
    assert missing <= set(NO_GOLDEN), f"no golden model: {sorted(missing - set(NO_GOLDEN))}"


def test_every_component_has_a_test():
    missing = {path.stem for path in components()
               if not list((ROOT / "tests").rglob(f"test_{path.stem}.py"))}
    assert missing <= set(NO_TEST), f"no test: {sorted(missing - set(NO_TEST))}"


def test_exceptions_are_needed():
    names = {path.stem for path in components()}
    golden = {path.stem for path in modules("sim/golden")}
    assert not [name for name in NO_GOLDEN if name not in names or name in golden]
    assert not [name for name in NO_TEST if name not in names]


@pytest.mark.parametrize("name", [
    "README.md", "CHANGELOG.md", "LICENSE", "constraints.txt", "Makefile", ".ci/run"])
def test_project_files_exist(name):
    assert (ROOT / name).stat().st_size > 0


def test_constraints_pin_every_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().split()
              if "==" in line}
    for requirement in [*project["dependencies"], *extras["dev"], *extras["train"],
                        *extras["synth"], *extras["serve"], *extras["sim-pip"]]:
        name = requirement.split("[")[0].split(">")[0].split("=")[0].split("<")[0].lower()
        assert name in pinned | {project["name"]}, f"{requirement} is not pinned in constraints.txt"
