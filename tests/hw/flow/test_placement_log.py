"""What nextpnr says as it goes: how far it is, what does not fit, a router that does not end."""

import pytest

from trine.hw.flow.placement_log import DoesNotFit, NotRouted, PlacementLog

UTILISATION = """\
Info: Device utilisation:
Info: \t          TRELLIS_IO:      42/    365    11%
Info: \t              DP16KD:      {bram}/     56    25%
Info: \t          MULT18X18D:      15/     28     9%
Info: \t          TRELLIS_FF:    9160/  24288    10%
Info: \t        TRELLIS_COMB:   15373/  24288    18%"""

ROUTING = """\
Info: Packing LUTs...
Info:     at iteration #10, type ALL: wirelen solved = 66396, spread = 1, legal = 2; time = 1.17s
Info:   at iteration #15: temp = 0.000000, timing cost = 859, wirelen = 101434
Info: Routing 72084 arcs.
Info:    IterCnt |  w/ripup   wo/ripup |  w/r  wo/r |      arcs| batch(sec) total(sec)|
Info:      79000 |     9809      66453 |  116   842 |     36042|       0.67      41.65|
Info:      90088 |    11455      75257 |    3    73 |         0|       0.23      49.64|"""


def test_placement_tells_how_far_it_is():
    seen = []
    log = PlacementLog(lambda text, done: seen.append((text, round(done, 2))))
    for line in (UTILISATION.format(bram=53) + "\n" + ROUTING).splitlines():
        log(line)

    assert seen == [("packing", 0.02), ("placing, iteration 10", 0.13),
                    ("refining, iteration 15", 0.43), ("routing, 36,042 wires left", 0.8),
                    ("routing, 0 wires left", 0.95)]


def test_the_other_placer_tells_it_too():
    seen = []
    log = PlacementLog(lambda text, done: seen.append((text, round(done, 2))))
    log("Info: iter=300 steplen=2.074695 a=274.400055 penalty=[14.04, 14.04, 14.04, 14.04]")

    assert seen == [("placing, iteration 300", 0.13)]


def test_too_large_a_design_is_noticed_at_once():
    log = PlacementLog(lambda text, done: None)
    with pytest.raises(DoesNotFit) as caught:
        for line in UTILISATION.format(bram=61).splitlines():
            log(line)

    assert caught.value.used == {"lut4": 15373, "ff": 9160, "bram": 61, "dsp": 15}
    assert caught.value.available == {"lut4": 24288, "ff": 24288, "bram": 56, "dsp": 28}


ROUTER = ("Info:      {done} |     5571      10428 |  462   538 |     {left}|      36.05     "
          "191.05|")


def routed(batches, *, placing=100.0):
    """Let a log see placement take its time, then batches of (seconds, wires left)."""
    now = [0.0]
    log = PlacementLog(lambda text, done: None, clock=lambda: now[0])
    log("Info: Packing LUTs...")
    now[0] = placing
    log("Info: Routing 54691 arcs.")
    for done, (seconds, left) in enumerate(batches, 1):
        now[0] += seconds
        log(ROUTER.format(done=1000 * done, left=left))


def test_router_that_stands_still_is_given_up():
    with pytest.raises(NotRouted, match=r"^52,921 wires are left, and no longer become fewer$"):
        routed([(2, 53771), (100, 52827), (200, 53425), (99, 52827), (2, 52921)])


@pytest.mark.parametrize("batches", [
    [(299, 54691), (1, 54690), (299, 55000), (1, 54000), (300, 54000)],
    [(1, 60000), (298, 56000), (1, 0)],
])
def test_router_that_comes_on_slowly_is_not(batches):
    routed(batches)


def test_patience_is_as_long_as_the_machine_is_slow():
    routed([(899, 54691), (1, 54690)], placing=300.0)
