"""Small pictures of numbers as inline SVG: intervals, shares and the calibration of probabilities."""

from collections.abc import Sequence

from andon.line.validate.calibration import Bin
from andon.line.validate.markup import Markup, join, tag

_WIDTH, _HEIGHT = 220.0, 18.0


def interval_bar(
    value: float,
    lower: float | None,
    upper: float | None,
    *,
    scale: tuple[float, float],
    mark: float | None,
    label: str,
) -> Markup:
    """A value as a tick on its interval.

    Args:
        value: The point.
        lower: Lower end of the interval, if there is one.
        upper: Upper end of it.
        scale: What the left and the right edge of the picture stand for.
        mark: A value to compare with, drawn as a dashed line.
        label: What the picture says, for those who do not see it.
    """
    low, high = scale

    def x(v: float) -> float:
        return 5 + (_WIDTH - 10) * min(1.0, max(0.0, (v - low) / ((high - low) or 1.0)))

    middle = _HEIGHT / 2
    return tag(
        "svg",
        tag("rect", x=5, y=middle - 0.5, width=_WIDTH - 10, height=1, class_="track"),
        _reach(x(lower), x(upper), middle) if lower is not None and upper is not None else None,
        tag("line", x1=x(mark), x2=x(mark), y1=1, y2=_HEIGHT - 1, class_="mark") if mark is not None else None,
        tag("rect", x=x(value) - 1.5, y=middle - 6, width=3, height=12, rx=1.5, class_="point"),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
        aria_label=label,
    )


def share_bar(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """Counts as parts of one bar.

    Args:
        parts: The style class and the count of each part, in order.
        label: What the picture says.
    """
    total, x, rects = sum(count for _, count in parts) or 1, 0.0, []
    for part, count in parts:
        width = 960 * count / total
        if count:
            rects.append(tag("rect", x=x, y=0, width=max(1.0, width - 2), height=26, rx=2, class_=part))
        x += width
    return tag("svg", *rects, viewBox="0 0 960 26", width=960, height=26, role="img", aria_label=label)


def swatch(part: str) -> Markup:
    """The colour of a part, for a legend."""
    square = tag("rect", width=11, height=11, rx=2, class_=part)
    return tag("svg", square, viewBox="0 0 11 11", width=11, height=11, aria_hidden="true")


def calibration_plot(bins: Sequence[Bin]) -> Markup:
    """What rows were given against what came true, with intervals, and the line on which both are the same."""
    left, top, size = 44.0, 10.0, 300.0
    high = _nice_end(max([b.given for b in bins] + [b.came_true.upper or b.came_true.value for b in bins], default=1.0))

    def x(v: float) -> float:
        return left + size * v / high

    def y(v: float) -> float:
        return top + size * (1 - v / high)

    points = " ".join(f"{x(b.given):.1f},{y(b.came_true.value):.1f}" for b in bins)
    return tag(
        "svg",
        *_axes(left, top, size, high),
        tag("line", x1=x(0), y1=y(0), x2=x(high), y2=y(high), class_="mark"),
        tag("polyline", points=points, class_="curve"),
        *(_whisker(x(b.given), y(b.came_true.lower or 0.0), y(b.came_true.upper or high)) for b in bins),
        *(tag("circle", cx=x(b.given), cy=y(b.came_true.value), r=3.5, class_="point") for b in bins),
        tag("text", "probability given", x=left + size / 2, y=top + size + 34, text_anchor="middle"),
        tag("text", "came true", x=-(top + size / 2), y=11, text_anchor="middle", transform="rotate(-90)"),
        viewBox="0 0 360 350",
        width=360,
        height=350,
        role="img",
        aria_label="; ".join(f"given {b.given:.2f}, came true {b.came_true.value:.2f}" for b in bins),
    )


def _axes(left: float, top: float, size: float, high: float) -> list[Markup]:
    lines = []
    for step in range(6):
        place = size * step / 5
        text = f"{high * step / 5:.3g}"
        lines += [
            tag("line", x1=left, x2=left + size, y1=top + size - place, y2=top + size - place, class_="grid"),
            tag("text", text, x=left - 7, y=top + size - place + 4, text_anchor="end"),
            tag("text", text, x=left + place, y=top + size + 16, text_anchor="middle"),
        ]
    corner = f"M{left:g} {top:g}V{top + size:g}H{left + size:g}"
    return [*lines, tag("path", d=corner, class_="axis")]


def _whisker(x: float, low: float, high: float) -> Markup:
    return join(tag("line", x1=x, x2=x, y1=low, y2=high, class_="whisker"))


def _reach(left: float, right: float, middle: float) -> Markup:
    return tag("rect", x=left, y=middle - 4, width=max(1.0, right - left), height=8, rx=4, class_="reach")


def _nice_end(value: float) -> float:
    return next((end for end in (0.05, 0.1, 0.2, 0.4, 0.5, 0.6, 0.8) if value <= end), 1.0)
