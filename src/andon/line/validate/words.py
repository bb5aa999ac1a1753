"""What metrics and parts are called in a report, what they mean to a stranger, and how numbers are written."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from andon.contracts.evidence import Measurement


class Words(NamedTuple):
    """A metric for people.

    Attributes:
        span: What the edges of a picture of it stand for; `None` where the values decide.
    """

    name: str
    meaning: str
    higher_is_better: bool = False
    span: tuple[float, float] | None = None


NAMES: Final[Mapping[str, Words]] = {
    "auc": Words("AUC", "how often a row that came true is ranked above one that did not", True, (0.5, 1.0)),
    "accuracy": Words("Accuracy", "share of rows whose likelier outcome came true", True, (0.0, 1.0)),
    "brier": Words(
        "Brier score", "mean squared distance of probability and outcome; lower is better", False, (0.0, 0.25)
    ),
    "log_loss": Words("Log loss", "surprise at the outcomes; lower is better"),
    "rmse": Words("RMSE", "root of the mean squared error; lower is better"),
    "mae": Words("MAE", "mean absolute error; lower is better"),
    "calibration.bias": Words("Bias", "mean answer minus mean outcome; 0 is right"),
    "calibration.slope": Words("Slope", "1 is right; less is too sure of itself, more too shy"),
    "calibration.ece": Words("Mean distance", "between what groups were given and what came true"),
    "leak.rows": Words("Rows seen in training", "holdout rows that were among the fit or tune rows; 0 is right"),
    "leak.feature.max_auc": Words("Best single feature", "AUC of one feature alone; near 1 it knows the answer"),
    "pii.features": Words("Features of personal data", "how many features come from columns marked pii"),
    "protected.features": Words("Features of protected data", "how many features come from columns marked protected"),
    "gap": Words("Gap to fit rows", "how much worse on the holdout than on the rows it learned from"),
    "gap.tune": Words("Gap to tune rows", "how much worse on the holdout than on the tuning rows"),
}

PARTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "fit": ("part-fit", "Fit", "the model learned from them"),
    "tune": ("part-tune", "Tune", "newer; used to choose settings, and judged at the training gate"),
    "holdout": ("part-holdout", "Holdout", "newest; only measured on"),
    "known_late": ("part-out", "Left out: outcome known too late", "not known yet when the holdout begins"),
    "unlabelled": ("part-out", "Left out: no outcome", "final, but no outcome arrived"),
    "immature": ("part-out", "Left out: too young", "the outcome may still change"),
}


def words_of(metric: str) -> Words:
    """A metric's words; its own name where it has none."""
    if metric.startswith("gap."):
        return NAMES["gap.tune" if metric.startswith("gap.tune.") else "gap"]
    return NAMES.get(metric, Words(metric, ""))


def number(value: float | None) -> str:
    """A number with as many digits as help: four after the point near one, fewer for large ones."""
    if value is None:
        return ""
    if value == int(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.2f}"
    return f"{value:.4f}" if size >= 0.001 else f"{value:.2g}"


def percent(count: int, total: int) -> str:
    """A share in percent, never 0 or 100 for what is not."""
    if not total:
        return ""
    share = 100 * count / total
    if count and share < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if count < total and share > 99.9 else f"{share:.1f} %"


def scale_of(found: Iterable[Measurement], words: Words) -> tuple[float, float]:
    """Edges of a picture of one value and its interval: those people know, else from zero.

    Args:
        found: What is shown.
        words: Whose picture it is.
    """
    low, high = _ends(found)
    if words.span is not None:
        return (min(low, words.span[0]), max(high, words.span[1]))
    return (0.0, 1.25 * high) if low >= 0 else (1.25 * low, max(0.0, 1.25 * high))


def scale_around(found: Iterable[Measurement], middle: float) -> tuple[float, float]:
    """Edges of a picture with a value in its middle."""
    low, high = _ends(found)
    reach = 1.15 * max(abs(low - middle), abs(high - middle)) or 1.0
    return (middle - reach, middle + reach)


def scale_close(found: Iterable[Measurement], words: Words) -> tuple[float, float]:
    """Edges close to what is shown, so that small differences can be seen; within 0 to 1 for what lies there."""
    low, high = _ends(found)
    room = 0.06 * (high - low) or 0.5
    return (max(0.0, low - room), min(1.0, high + room)) if words.higher_is_better else (low - room, high + room)


def moment(iso: str) -> str:
    """A moment in ISO 8601 for people: to the minute where it is one, and in UTC."""
    return iso.replace("T", " ").replace(":00Z", " UTC").replace("Z", " UTC")


def _ends(found: Iterable[Measurement]) -> tuple[float, float]:
    ends = [end for m in found for end in (m.value, m.lower, m.upper) if end is not None]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)
