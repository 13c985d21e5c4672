"""Options and profiles of the test suite."""

import hypothesis

import bench

hypothesis.settings.register_profile("trine", derandomize=True, deadline=None, max_examples=100)
hypothesis.settings.load_profile("trine")


def pytest_addoption(parser):
    parser.addoption("--vcd", action="store_true",
                     help="write the waveforms of Amaranth simulations into build/vcd")


def pytest_configure(config):
    if config.getoption("--vcd"):
        bench.vcd_folder = config.rootpath / "build" / "vcd"
