"""The learning curve as a picture: bits per character over tokens, SVG without any library."""

from math import ceil, floor, log10

__all__ = ["draw"]

#: Size of the picture and of the margins around the axes.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 56, 16, 16, 48
#: Keys of a line of curve.jsonl, what they are called, and their colours.
LINES = (("train_bits_per_char", "training", "#9aa5b1"),
         ("bits_per_char", "held out", "#1f6feb"))


def _ticks(low, high):
    """Return about five round numbers between ``low`` and ``high``."""
    step = 10 ** floor(log10((high - low) / 2))
    step *= next(factor for factor in (0.2, 0.5, 1, 2, 5) if (high - low) / (step * factor) <= 6)
    return [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def draw(rows):
    """Return the picture of ``rows``, the lines of curve.jsonl, as the text of an SVG file."""
    points = {key: [(row["tokens"] / 1e6, row[key]) for row in rows if key in row]
              for key, _, _ in LINES}
    values = [value for line in points.values() for _, value in line]
    right = max(row["tokens"] / 1e6 for row in rows) or 1
    low, high = min(values), max(values)
    low, high = low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)

    def across(tokens):
        return LEFT + tokens / right * (WIDTH - LEFT - RIGHT)

    def down(bits):
        return TOP + (high - bits) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tick in _ticks(low, high):
        parts.append(f'<path d="M{LEFT} {down(tick):.1f}H{WIDTH - RIGHT}" stroke="#e3e6ea"/>'
                     f'<text x="{LEFT - 6}" y="{down(tick) + 4:.1f}" text-anchor="end">'
                     f'{tick:.4g}</text>')
    for tick in _ticks(0, right):
        parts.append(f'<text x="{across(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                     f'text-anchor="middle">{tick:.4g}</text>')
    for n, (key, name, colour) in enumerate(LINES):
        if not points[key]:
            continue
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in points[key])
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{WIDTH - RIGHT - 4}" y="{TOP + 16 * (n + 1)}" text-anchor="end" '
                     f'fill="{colour}">{name}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" '
                 f'text-anchor="middle">million tokens</text>'
                 f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
                 f'text-anchor="middle">bits per character</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n")
