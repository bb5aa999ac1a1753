"""The report of a model's live predictions as one page for people: no script, nothing loaded from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import Final

from andon.contracts.evidence import Measurement, find
from andon.kernel.clock import iso
from andon.kernel.digest import Digest
from andon.line.monitor.labels import LabelCounts
from andon.line.monitor.report import ColumnReport, MonitorReport

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root{--ink:#1c1e21;--soft:#5c6370;--line:#e3e5e9;--wash:#f7f8fa;--blue:#2f6fd0;--grey:#b4bac4;--amber:#b96a00;--red:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e8e9ec;--soft:#9aa1ad;--line:#33373e;--wash:#1d2025;--blue:#7aa8f0;
--grey:#565d69;--amber:#e6a23c;--red:#f0756b}body{background:#15171a}}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--ink)}
body{max-width:62rem;margin:2.5rem auto;padding:0 1.2rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}
p.lead,p.note{color:var(--soft);margin:.2rem 0 1rem}p.note{font-size:.87rem}
code{font:.84em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:.9rem;margin:1.2rem 0}
.tile{border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;background:var(--wash)}
.tile b{display:block;font-size:1.6rem;font-weight:600;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.86rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:middle}
thead th{color:var(--soft);font-weight:500;font-size:.84rem}tbody th{font-weight:500}
td.n{text-align:right}.far{color:var(--red);font-weight:600}.moved{color:var(--amber);font-weight:600}.quiet{color:var(--soft)}
svg{display:block}.live{fill:var(--blue)}.trained{fill:var(--grey)}
.key{display:inline-block;width:.7rem;height:.7rem;border-radius:2px;margin-right:.35rem}
"""
_HEIGHT: Final = 34
_WIDTH: Final = 180
_MOST_CELLS: Final = 24
_CLASS: Final = {"far": "far", "moved": "moved", "steady": "quiet", "too few rows": "quiet"}


def page(report: MonitorReport) -> str:
    """The report as one HTML page."""
    name = f"{report.factory} / {report.model_name}"
    body = [
        f"<h1>{escape(name)}: live against training</h1>",
        f'<p class="lead">{_span(report)}. Model {_digest(report.model)}, release '
        + ", ".join(map(_digest, report.releases))
        + "</p>",
        _tiles(report),
        _quality(report),
        _moves(report.columns),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: live against training</title><style>{_STYLE}</style></head><body>"
        + "".join(body)
        + "</body></html>"
    )


def _span(report: MonitorReport) -> str:
    if not report.predictions:
        return "No predictions yet"
    return f"Questions from {iso(report.since_ns)[:16]} to {iso(report.until_ns)[:16]} UTC"


def _digest(digest: Digest) -> str:
    return f'<code title="{escape(digest)}">{escape(digest.removeprefix("sha256:")[:12])}</code>'


def _tiles(report: MonitorReport) -> str:
    changed = [one for one in report.columns if one.level in ("far", "moved")]
    tiles = [
        (f"{report.predictions:,}", "predictions"),
        (f"{len(changed)} of {len(report.columns)}", "columns that moved"),
        (f"{report.lost:,}", "predictions whose record is lost"),
    ]
    if report.labels is not None:
        tiles.append((f"{report.labels.labelled:,}", "with a label that had its time"))
    inner = "".join(f'<div class="tile"><b>{value}</b><span>{escape(text)}</span></div>' for value, text in tiles)
    return f'<div class="tiles">{inner}</div>'


def _quality(report: MonitorReport) -> str:
    if report.labels is None:
        return ""
    rows = "".join(_metric(one, find(report.reference, one.metric, one.slice)) for one in report.measurements)
    table = (
        '<div class="scroll"><table><thead><tr><th>metric</th><th>rows of</th><th>live</th><th>95 % interval</th>'
        f"<th>n</th><th>on the holdout</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return f"<h2>How good the predictions were</h2>{_label_note(report.labels)}{table if rows else ''}"


def _label_note(labels: LabelCounts) -> str:
    return (
        f'<p class="note">Of {labels.predictions:,} predictions {labels.labelled:,} have a label, '
        f"{labels.missing:,} are mature without one, {labels.waiting:,} still wait, "
        f"{labels.nameless:,} did not say about whom they were.</p>"
    )


def _metric(live: Measurement, reference: Measurement | None) -> str:
    value = escape(live.problem) if live.value is None else f"{live.value:.4f}"
    bounds = "" if live.lower is None or live.upper is None else f"{live.lower:.4f} to {live.upper:.4f}"
    before = "" if reference is None or reference.value is None else f"{reference.value:.4f}"
    cells = (escape(live.slice or "all"), value, bounds, f"{live.n:,}", before)
    return f"<tr><th>{escape(live.metric)}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _moves(columns: Sequence[ColumnReport]) -> str:
    rows = "".join(_column(one) for one in columns)
    return (
        "<h2>What the model is asked</h2>"
        '<p class="note"><span class="key" style="background:var(--grey)"></span>training '
        '<span class="key" style="background:var(--blue)"></span>live. The distance is the largest difference of the '
        "cumulative shares (Kolmogorov-Smirnov); only what is beyond chance for so many rows counts as moved.</p>"
        '<div class="scroll"><table><thead><tr><th>column</th><th>distribution</th><th>is</th><th>distance</th>'
        "<th>chance</th><th>PSI</th><th>nulls</th><th>unseen</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _column(one: ColumnReport) -> str:
    shift = one.shift
    numbers = (f"{shift.ks:.3f}", f"{one.chance:.3f}", f"{shift.psi:.3f}", f"{shift.nulls:+.1%}", f"{shift.unseen:.1%}")
    return (
        f"<tr><th>{escape(shift.name)}</th><td>{_bars(one.trained, one.live)}</td>"
        f'<td class="{_CLASS[one.level]}">{one.level}</td>'
        + "".join(f'<td class="n">{number}</td>' for number in numbers)
        + "</tr>"
    )


def _bars(trained: Sequence[int], live: Sequence[int]) -> str:
    """Two bars a cell, side by side: the share in training and the share now."""
    before, now = _shares(trained), _shares(live)
    highest = max((*before, *now), default=0.0)
    if not highest:
        return ""
    step = _WIDTH / len(before)
    parts = []
    for cell, pair in enumerate(zip(before, now, strict=True)):
        for side, (share, name) in enumerate(zip(pair, ("trained", "live"), strict=True)):
            tall = share / highest * _HEIGHT
            place = f'x="{cell * step + side * step * 0.42:.1f}" y="{_HEIGHT - tall:.1f}"'
            parts.append(f'<rect class="{name}" {place} width="{step * 0.4:.1f}" height="{tall:.1f}"/>')
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="shares in training and now">'
        + "".join(parts)
        + "</svg>"
    )


def _shares(counts: Sequence[int]) -> list[float]:
    cells = list(counts)
    if len(cells) > _MOST_CELLS:
        cells = [*cells[: _MOST_CELLS - 1], sum(cells[_MOST_CELLS - 1 :])]
    total = sum(cells)
    return [cell / total if total else 0.0 for cell in cells]
