"""Timeline: what memory, array, drain, engines and sampler do over a layer of a token, as SVG."""

from dataclasses import dataclass
from html import escape

import numpy as np

from trine.firmware.registers import Cause
from trine.hw.core import Activity

from .bench import matrices, run_tokens

__all__ = ["Timeline", "draw", "record"]

#: Lanes of the picture, from the top: member of :class:`Activity`, words, colour.
LANES = (
    ("memory", "memory", "#2b6cb0"), ("array", "array", "#2f855a"), ("drain", "drain", "#c05621"),
    ("vector", "vector engine", "#6b46c1"), ("scalar", "scalar unit", "#c53030"),
    ("sampler", "sampler", "#00707a"),
)
#: Colours of the causes of cycles.
CAUSES = {
    Cause.TAPE: "#90b8e0", Cause.ARRAY: "#85bf9d", Cause.VECTOR: "#b3a0e0",
    Cause.SCALAR: "#e58a8a", Cause.BURST: "#5a6b7b", Cause.DRAIN: "#e8a878",
    Cause.TOKEN: "#222222", Cause.ISSUE: "#c8b560", Cause.HOST: "#dddddd",
}
#: Matrices of a layer before the channel mixer's, in the order of the tape.
_MIXER = ("f", "i", "g", "o")

_LEFT, _WIDTH, _RIGHT = 118, 960, 62
_LANE, _GAP, _BIN = 30, 8, 1.5
_INK, _QUIET, _GRID = "#1a202c", "#5b6675", "#e6eaf0"


@dataclass(frozen=True)
class Timeline:
    """A window of cycles.

    title, subtitle : words
    first : number of the first cycle, counted from the token's begin
    lanes : bool (cycles,) by the names of :data:`LANES`; causes : uint8 (cycles,) of :class:`Cause`
    spans : (name, first, last) of matrices, in cycles of the window
    """

    title: str
    subtitle: str
    first: int
    lanes: dict
    causes: np.ndarray
    spans: list

    def window(self, first, last):
        """Return cycles ``first`` ... ``last - 1`` of the window as a window."""
        spans = [(name, max(a, first) - first, min(b, last) - first)
                 for name, a, b in self.spans if a < last and b > first]
        return Timeline(self.title, self.subtitle, self.first + first,
                        {name: busy[first:last] for name, busy in self.lanes.items()},
                        self.causes[first:last], spans)


def _fields(record):
    """Return the recorded numbers' members by name."""
    members = {}
    for name, member in Activity.as_shape():
        mask = np.uint64((1 << member.width) - 1)
        members[name] = (record >> np.uint64(member.offset)) & mask
    return members


def record(board, model):
    """Return the :class:`Timeline` of the last layer and the head of a token.

    board : a :class:`.board.Board` on the simulated one, ``model`` uploaded; all slots take part
    """
    transport, config = board.transport, board.config
    transport.record()
    try:
        run_tokens(board, [[0]] * config.slots, 2, feedback=True)
        recorded = transport.recorded
    finally:
        transport.record(False)
    # The second token: from where the tape begins anew to where the run ends.
    position = _fields(recorded)["position"].astype(np.int64)
    again = np.flatnonzero(np.diff(position) < 0)
    recorded, position = (each[again[0] + 1:again[1] + 1] for each in (recorded, position))

    found = [span for _, *span in matrices(board.image, config, "token")]
    per_layer = (len(found) - 1) // model.n_layers
    names = [*_MIXER, *["gate, up"] * (per_layer - len(_MIXER) - 1), "down"]
    layer = found[-per_layer - 1:-1]
    first = 0
    if model.n_layers > 1:
        first = int(np.searchsorted(position, found[-per_layer - 2][1]))
    spans = []
    for name, span in zip([*names, "head"], [*layer, found[-1]]):
        a, b = (int(at) - first for at in np.searchsorted(position, span))
        if spans and spans[-1][0] == name:
            a = spans.pop()[1]
        spans.append((name, a, b))
    members = _fields(recorded[first:])
    causes = np.log2(np.maximum(members["causes"], 1)).astype(np.uint8)
    lanes = {name: members[name].astype(bool) for name, _, _ in LANES}
    return Timeline(
        f"One layer and the head: {model.card.get('name', 'a model')} on {config.slots} "
        f"slot{'s' * (config.slots > 1)}, {config.lanes} lanes",
        f"layer {model.n_layers} of {model.n_layers}, then the head: {len(causes):,} of the "
        f"token's {len(position):,} cycles; the memory delivers in {lanes['memory'].mean():.1%} "
        f"of them", first, lanes, causes, spans)


def _text(x, y, text, *, size=12, anchor="start", fill=_INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{fill}" font-weight="{weight}">{escape(text)}</text>')


def _rect(x, y, width, height, fill, *, stroke=None):
    edge = f' stroke="{stroke}"' if stroke else ""
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{fill}"{edge}/>')


def _shares(busy, bins):
    """Return the share of busy cycles in each of ``bins`` equal parts."""
    edges = np.linspace(0, len(busy), bins + 1)
    total = np.concatenate([[0], np.cumsum(busy, dtype=np.float64)])
    # Parts of a cycle count, so that any number of bins adds up.
    at = np.interp(edges, np.arange(len(total)), total)
    return np.diff(at) / np.diff(edges)


def _area(levels, base, height, colour):
    """Return a path filled from the line ``base`` up to ``levels`` of ``height``, in steps."""
    levels = np.round(levels * height, 1)
    step = _WIDTH / len(levels)
    changes = [0, *(np.flatnonzero(np.diff(levels)) + 1)]
    path = f"M{_LEFT} {base:g}" + "".join(
        f"H{_LEFT + n * step:.1f}V{base - levels[n]:g}" for n in changes)
    return f'<path d="{path}H{_LEFT + _WIDTH}V{base:g}Z" fill="{colour}"/>'


def _ticks(first, cycles):
    """Return round cycle numbers of a window."""
    step = 10 ** int(np.log10(cycles))
    while cycles / step < 5:
        step = step // 2 if str(step)[0] != "5" else step // 5 * 2
    return range(-(-first // step) * step, first + cycles, step)


def _panel(timeline, top):
    """Yield the drawing of a window below ``top``, and last its height."""
    cycles = len(timeline.causes)
    scale, bins = _WIDTH / cycles, int(_WIDTH / _BIN)
    bottom = top + 26 + (len(LANES) + 1) * (_LANE + _GAP)
    for tick in _ticks(timeline.first, cycles):
        x = _LEFT + (tick - timeline.first) * scale
        yield f'<path d="M{x:.1f} {top + 22}V{bottom}" stroke="{_GRID}"/>'
        yield _text(x, bottom + 15, f"{tick:,}", size=11, anchor="middle", fill=_QUIET)
    yield _text(_LEFT + _WIDTH / 2, bottom + 31, "cycle of the token", size=11, anchor="middle",
                fill=_QUIET)
    for name, first, last in timeline.spans:
        x, width = _LEFT + first * scale, (last - first) * scale
        yield _rect(x, top, width, 18, "#eef3ee", stroke="#b8cdbf")
        if width > 7 * len(name):
            yield _text(x + width / 2, top + 13, name, size=11, anchor="middle", fill="#276749")
    y = top + 26
    for name, words, colour in LANES:
        busy = timeline.lanes[name]
        y += _LANE + _GAP
        yield _rect(_LEFT, y - _LANE, _WIDTH, _LANE, "#f7f9fb")
        yield _area(_shares(busy, bins), y, _LANE, colour)
        yield _text(_LEFT - 10, y - 10, words, anchor="end")
        yield _text(_LEFT + _WIDTH + 8, y - 10, f"{busy.mean():.1%}", size=11, fill=_QUIET)
    y += _LANE + _GAP
    total = np.zeros(bins)
    layers = []
    for cause, colour in CAUSES.items():
        mine = timeline.causes == cause
        if mine.any():
            total = np.minimum(total + _shares(mine, bins), 1)
            layers.append(_area(total, y, _LANE, colour))
    # The tallest first: each covers the lower part of the one before.
    yield from reversed(layers)
    yield _text(_LEFT - 10, y - 10, "cause", anchor="end")
    yield bottom + 44 - top


def draw(timeline, zoom=2400):
    """Return the picture as the text of an SVG: the whole window, and ``zoom`` cycles of it.

    The zoom shows what happens between the last matrix of the token mixer and the channel mixer.
    """
    middle = next((a for name, a, _ in timeline.spans if name == "gate, up"), 0)
    start = min(max(0, middle - zoom * 2 // 3), max(0, len(timeline.causes) - zoom))
    parts, top = [], 92
    for window, words in (
            (timeline, None),
            (timeline.window(start, start + zoom), f"{zoom:,} of these cycles, around the begin of "
                                                   f"the channel mixer")):
        if words:
            top += 14
            parts.append(_text(_LEFT, top + 6, words, weight="600"))
            top += 22
        *drawing, height = _panel(window, top)
        parts += drawing
        top += height
    x = _LEFT
    for cause, colour in CAUSES.items():
        share = (timeline.causes == cause).mean()
        if not share:
            continue
        words = f"{cause.name.lower()} {share:.1%}"
        parts += [_rect(x, top - 2, 11, 11, colour), _text(x + 16, top + 8, words, size=11)]
        x += 34 + 6.2 * len(words)
    parts.append(_text(_LEFT - 10, top + 8, "causes", size=11, anchor="end", fill=_QUIET))
    parts.append(_text(_LEFT, top + 30, "A lane's height is the share of cycles in which it is "
                       "busy; every cycle has one cause.", size=11, fill=_QUIET))
    width, height = _LEFT + _WIDTH + _RIGHT, top + 46
    head = [_rect(0, 0, width, height, "#ffffff"),
            _text(_LEFT, 36, timeline.title, size=19, weight="600"),
            _text(_LEFT, 58, timeline.subtitle, fill=_QUIET)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" font-family="system-ui, Helvetica, Arial, sans-serif">\n'
            + "\n".join([*head, *parts]) + "\n</svg>\n")
