"""The report on a candidate as one page: what was measured, on which rows, how surely; never what the gate says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.contracts.evidence import Measurement, find
from andon.contracts.model import Feature, Task
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.digest import Digest, short
from andon.line.validate.calibration import Bin
from andon.line.validate.charts import calibration_plot, interval_bar, share_bar, swatch
from andon.line.validate.markup import Child, Markup, document, join, tag
from andon.line.validate.style import POLICY, STYLE
from andon.line.validate.words import (
    PARTS,
    Words,
    moment,
    number,
    percent,
    scale_around,
    scale_close,
    scale_of,
    words_of,
)
from andon.measures.metrics import METRICS

Found = Sequence[Measurement]
_FOOTER: Final = "Measured by andon on rows the training never saw. What values must be stands in the gate's policy."
_NUMBERS: Final = ("Rows", "Share")
_TIMES: Final = {
    "tune_from": "Tuning rows asked after",
    "holdout_from": "Holdout rows asked after",
    "holdout_until": "Holdout rows asked until",
}


@dataclass(frozen=True, slots=True)
class About:
    """What a report says besides measurements.

    Attributes:
        purpose: The factory's purpose, in its owner's words.
        subject: Digest of the candidate.
        snapshot: Digest of its rows.
        split: Counts and times of the rows, as `line.features.split` writes its facts.
        champion: Digest of the model that serves now; empty when there is none.
        made: How it was trained, in reading order, such as `("Format", "lightgbm-text")`.
    """

    factory: str
    model: str
    purpose: str
    owner: str
    task: Task
    subject: Digest
    snapshot: Digest
    as_of_ns: int
    split: Mapping[str, Mapping[str, Json]]
    champion: Digest
    features: tuple[Feature, ...]
    made: tuple[tuple[str, str], ...]


def report(about: About, found: Found, bins: Sequence[Bin] = ()) -> str:
    """The page, as HTML that loads nothing and runs nothing.

    Args:
        about: Whose report it is.
        found: Everything that was measured.
        bins: Calibration on the holdout, for a binary task.
    """
    return document(
        f"{about.model}: model report",
        STYLE,
        POLICY,
        tag(
            "main",
            _header(about),
            _overall(about, found),
            _champion(about, found),
            _segments(about, found),
            _calibration(found, bins),
            _rows(about),
            _honesty(found),
            _team(found),
            _made(about),
            _everything(found),
            tag("footer", _FOOTER),
        ),
    )


def _header(about: About) -> Markup:
    return tag(
        "header",
        tag("h1", f"{about.model}: model report"),
        tag("p", about.purpose or f"A model of the factory {about.factory}.", class_="lead"),
        _pairs(
            [
                ("Factory", about.factory),
                ("Owner", about.owner),
                ("Candidate", _digest(about.subject)),
                ("Rows", _digest(about.snapshot)),
                ("Data as of", moment(iso(about.as_of_ns))),
            ]
        ),
    )


def _overall(about: About, found: Found) -> Markup:
    tiles = [_tile(m, words_of(metric)) for metric in METRICS[about.task] if (m := find(found, metric))]
    n = max((m.n for m in found if not m.slice), default=0)
    return _section(
        "How good it is",
        f"On {n:,} holdout rows, the newest whose outcome is final. Bars show the 95 % confidence interval.",
        tag("div", *tiles, class_="tiles"),
    )


def _tile(m: Measurement, words: Words) -> Markup:
    name = tag("div", words.name, class_="name")
    note = tag("div", words.meaning, class_="range")
    if m.value is None:
        return tag(
            "div",
            name,
            tag("div", "not measured", class_="value"),
            tag("div", m.problem, class_="problem"),
            class_="tile",
        )
    return tag(
        "div",
        name,
        tag("div", number(m.value), class_="value"),
        _bar(m, scale_of([m], words)),
        _range(m),
        note,
        class_="tile",
    )


def _champion(about: About, found: Found) -> Markup | None:
    if not about.champion:
        return _section("Against the champion", "There is none: this would be the first release.")
    rows, excluded = [], find(found, "champion.rows_excluded")
    for metric in METRICS[about.task]:
        m, words = find(found, f"{metric}.difference"), words_of(metric)
        if m is not None:
            rows.append(
                _row(
                    words.name,
                    _value(m, sign=True),
                    _cell(m, scale_around([m], 0.0), 0.0),
                    _better(m, words),
                    _count(m.n),
                )
            )
    head = ("Metric", "New minus champion", "95 % interval, dashed line at no difference", "Reading", "Rows")
    text = join("Both answered the same rows, row by row. Champion: ", _digest(about.champion), ".")
    if excluded is not None and excluded.value:
        text = join(text, f" {excluded.value:,.0f} rows that either had learned from are left out.")
    return _section("Against the champion", text, _table(head, rows))


def _better(m: Measurement, words: Words) -> str:
    if m.lower is None or m.upper is None:
        return "cannot be told"
    low, high = (m.lower, m.upper) if words.higher_is_better else (-m.upper, -m.lower)
    return "better" if low > 0 else "worse" if high < 0 else "no clear difference"


def _segments(about: About, found: Found) -> Markup | None:
    metrics = METRICS[about.task]
    slices = [m.slice for m in found if m.metric == metrics[0] and m.slice]
    columns = dict.fromkeys(where.split("=", 1)[0] for where in slices)
    tables = [
        _segment_table(column, [s for s in slices if s.startswith(f"{column}=")], found, metrics) for column in columns
    ]
    if not tables:
        return None
    text = f"Every value of every segment column. The dashed line is {words_of(metrics[0]).name} over all rows."
    return _section("Where it is good", text, *tables)


def _segment_table(column: str, slices: Sequence[str], found: Found, metrics: Sequence[str]) -> Markup:
    first, words = metrics[0], words_of(metrics[0])
    whole = find(found, first)
    shown = [m for where in slices if (m := find(found, first, where)) and m.lower is not None]
    scale = scale_close([*shown, *([whole] if whole else [])], words)
    rows = [_segment_row("All rows", "", found, metrics, scale, class_="all")]
    rows += [_segment_row(where.split("=", 1)[1], where, found, metrics, scale) for where in slices]
    head = (column, "Rows", words.name, "95 % interval", *(words_of(metric).name for metric in metrics[1:]))
    edges = tag("p", f"Bars go from {scale[0]:.3g} to {scale[1]:.3g}.", class_="note")
    return join(tag("h3", f"By {column}"), _table(head, rows), edges)


def _segment_row(
    name: str,
    where: str,
    found: Found,
    metrics: Sequence[str],
    scale: tuple[float, float],
    *,
    class_: str | None = None,
) -> Markup:
    cells = [find(found, metric, where) for metric in metrics]
    whole, first = find(found, metrics[0]), cells[0]
    mark = whole.value if whole is not None else None
    bar: Markup | str = "too few rows"
    if first is not None and first.lower is not None:
        bar = _cell(first, scale, mark)
    values = [_value(m) if m is not None else "" for m in cells]
    return _row(name, _count(first.n if first else 0), values[0], bar, *values[1:], class_=class_)


def _calibration(found: Found, bins: Sequence[Bin]) -> Markup | None:
    shown = [m for m in found if m.metric.startswith("calibration.") and not m.slice]
    if not shown:
        return None
    rows = [_row(words_of(m.metric).name, _value(m), _range(m), words_of(m.metric).meaning) for m in shown]
    table = _table(("", "Value", "95 % interval", "Meaning"), rows)
    text = "Whether probabilities mean what they say: of the rows given 0.3, three in ten should come true."
    if not bins:
        return _section("Calibration", text, table)
    caption = tag("figcaption", f"{len(bins)} groups of about {bins[0].n:,} rows; lines are 95 % intervals.")
    return _section(
        "Calibration", text, tag("div", tag("figure", calibration_plot(bins), caption), table, class_="side")
    )


def _rows(about: About) -> Markup:
    counts = {name: _int(value) for name, value in about.split.get("rows", {}).items()}
    times = {name: moment(str(value)) for name, value in about.split.get("times", {}).items()}
    parts = [(PARTS[name][0], counts[name]) for name in PARTS if name in counts]
    total = counts.get("rows_in", sum(count for _, count in parts))
    legend = [
        tag("li", swatch(part), f"{PARTS[name][1]}: {counts[name]:,}")
        for name, (part, _, _) in PARTS.items()
        if name in counts
    ]
    left_out = [
        _row(PARTS[name][1], _count(counts[name]), tag("td", percent(counts[name], total), class_="n"), PARTS[name][2])
        for name in PARTS
        if name in counts
    ]
    until = (
        f" The newest row with a final outcome was asked {times['holdout_until']}." if "holdout_until" in times else ""
    )
    return _section(
        "Which rows",
        f"{total:,} rows came in, and each is counted once.{until}",
        tag("figure", share_bar(parts, ", ".join(f"{name} {count}" for name, count in counts.items()))),
        tag("ul", *legend, class_="legend"),
        _table(("Part", "Rows", "Share", "Why"), left_out),
        _pairs([(_TIMES[name], value) for name, value in times.items() if name in _TIMES]),
    )


def _honesty(found: Found) -> Markup | None:
    shown = [m for m in found if not m.slice and m.metric.split(".")[0] in ("leak", "gap")]
    if not shown:
        return None
    rows = [_row(words_of(m.metric).name, _value(m), _range(m), words_of(m.metric).meaning) for m in shown]
    features = sorted(
        (m for m in found if m.metric == "leak.feature.auc" and m.value is not None), key=lambda m: -(m.value or 0)
    )[:10]
    bars = [_row(m.slice.split("=", 1)[1], _value(m), _cell(m, (0.5, 1.0), None)) for m in features]
    alone = join(
        tag("h3", "Features by themselves"),
        _table(("Feature", "AUC alone", "From 0.5, no use, to 1, knows the answer"), bars),
    )
    return _section(
        "Whether it is honest",
        "Rows it was trained on must not be among those it is judged on, and no single feature should know the answer.",
        _table(("Check", "Value", "95 % interval", "Meaning"), rows),
        alone if bars else None,
    )


def _team(found: Found) -> Markup | None:
    shown = [m for m in found if m.measured_by != "andon"]
    if not shown:
        return None
    rows = [_row(m.metric.split(":", 1)[-1], _value(m), _count(m.n)) for m in shown]
    return _section(
        "The team's own measurements",
        "Returned by the factory's own functions.",
        _table(("Function", "Value", "Rows"), rows),
    )


def _made(about: About) -> Markup:
    features = ", ".join(f.name + (" (categories)" if f.categorical else "") for f in about.features)
    return _section("How it was made", None, _pairs([*about.made, (f"{len(about.features)} features", features)]))


def _everything(found: Found) -> Markup:
    rows = [_row(m.metric, m.slice, _value(m), _range(m), _count(m.n), m.measured_by) for m in found]
    head = ("Metric", "Slice", "Value", "95 % interval", "Rows", "Measured by")
    return tag("details", tag("summary", f"All {len(found):,} measurements"), _table(head, rows))


def _section(title: str, text: Child, *children: Child) -> Markup:
    return tag("section", tag("h2", title), tag("p", text, class_="note") if text else None, *children)


def _table(head: Iterable[str], rows: Iterable[Markup]) -> Markup:
    cells = [tag("th", name, scope="col", class_="n" if name in _NUMBERS else None) for name in head]
    return tag("div", tag("table", tag("thead", tag("tr", *cells)), tag("tbody", *rows)), class_="scroll")


def _row(name: Child, *cells: Child, class_: str | None = None) -> Markup:
    made = [cell if isinstance(cell, Markup) and cell.startswith("<td") else tag("td", cell) for cell in cells]
    return tag("tr", tag("th", name, scope="row"), *made, class_=class_)


def _cell(m: Measurement, scale: tuple[float, float], mark: float | None) -> Markup:
    return tag("td", _bar(m, scale, mark), class_="bar")


def _count(n: int) -> Markup:
    return tag("td", f"{n:,}", class_="n")


def _bar(m: Measurement, scale: tuple[float, float], mark: float | None = None) -> Markup | None:
    if m.value is None:
        return None
    ends = (
        f", 95 % interval {number(m.lower)} to {number(m.upper)}" if m.lower is not None and m.upper is not None else ""
    )
    return interval_bar(m.value, m.lower, m.upper, scale=scale, mark=mark, label=f"{number(m.value)}{ends}")


def _value(m: Measurement, *, sign: bool = False) -> Markup:
    if m.value is None:
        return tag("span", f"not measured: {m.problem}" if m.problem else "not measured", class_="problem")
    return tag("span", f"{'+' if sign and m.value > 0 else ''}{number(m.value)}")


def _range(m: Measurement) -> Markup:
    return tag(
        "div",
        f"{number(m.lower)} to {number(m.upper)}" if m.lower is not None and m.upper is not None else "",
        class_="range",
    )


def _pairs(pairs: Iterable[tuple[str, Child]]) -> Markup:
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in pairs))


def _digest(digest: Digest) -> Markup:
    return tag("span", short(digest), class_="digest", title=digest)


def _int(value: Json) -> int:
    return value if isinstance(value, int) else 0
