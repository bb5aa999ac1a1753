"""What gates demand, in the words of the people who set the bounds: metrics, checks and sign-offs."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn, final

from andon.api.caller import caller
from andon.api.typed import Expr
from andon.contracts.policy import Criterion, GateKind, Op, Side, SignOffRule
from andon.kernel.clock import SECOND_NS, duration_ns
from andon.kernel.errors import UsageError
from andon.line.ingest.before import AGE, DISTRIBUTION, HIGHEST, LOWEST, NULLS
from andon.line.ingest.personal import PERSONAL

Kinds = frozenset[str]
_MEASURED: Final[tuple[GateKind, ...]] = ("training", "model")
FRESH: Final = "fresh"
VOLUME: Final = "volume"
USUAL: Final = 0.5
_BOUND_FIX: Final = "Write one comparison for each condition: require=[auc >= 0.7, brier <= 0.2]."


@dataclass(frozen=True, slots=True)
class Condition:
    """One criterion of a gate, as it was written.

    Attributes:
        gates: The kinds of gate that can judge it.
        labels: The kinds of label for which it can be measured.
        segment: Contract and column whose segments it looks at, if it does.
    """

    criterion: Criterion
    gates: tuple[GateKind, ...]
    labels: Kinds
    segment: tuple[str, str] | None = None

    def __bool__(self) -> NoReturn:
        raise UsageError(
            "criteria.no-truth",
            "This is a condition for a gate, neither true nor false.",
            place=caller(),
            found=self.criterion.text(),
            fix=f"{_BOUND_FIX} There is no 0.5 <= auc <= 0.9, and no `and`.",
        )


@dataclass(frozen=True, slots=True)
class Check:
    """Conditions that belong together, under one name.

    Attributes:
        conditions: None for a promise of a source: its bounds stand where the source is declared.
    """

    name: str
    conditions: tuple[Condition, ...]

    def __bool__(self) -> NoReturn:
        raise UsageError(
            "criteria.no-truth",
            "This is a check for a gate, neither true nor false.",
            place=caller(),
            found=f"checks.{self.name}",
            fix="Put it into require=[...], with commas instead of `and`.",
        )


@dataclass(frozen=True, slots=True)
class SignOff:
    """So many people of a role must approve, none of whom submitted the code or started the run.

    Attributes:
        role: A role that the trust root gives to people.
        people: How many different people.
        within: How old their approval may be when it is relied on.
    """

    role: str
    people: int = 1
    within: str = "5d"

    def __post_init__(self) -> None:
        if not self.role or isinstance(self.people, bool) or self.people < 1:
            raise UsageError(
                "criteria.sign-off",
                "A sign-off needs a role and at least one person.",
                place=caller(),
                found=f"SignOff({self.role!r}, people={self.people!r})",
                fix='Write SignOff("operations", people=1, within="5d").',
            )
        duration_ns(self.within)

    def rule(self) -> SignOffRule:
        """The sign-off as part of a policy."""
        return SignOffRule(self.role, self.people, duration_ns(self.within))


Demand = Condition | Check | SignOff


class Bounded:
    """What can be compared with a number to give a condition."""

    __slots__ = ()

    def condition(self, op: Op, bound: float) -> Condition:
        """The condition that it is at least (`ge`) or at most (`le`) a bound."""
        raise NotImplementedError

    @final
    def __ge__(self, bound: float) -> Condition:
        return self.condition("ge", _finite(bound))

    @final
    def __le__(self, bound: float) -> Condition:
        return self.condition("le", _finite(bound))

    if not TYPE_CHECKING:  # a checker must see only the comparisons that give a condition

        def _refused(self, bound: object) -> NoReturn:
            raise UsageError(
                "criteria.comparison",
                "A condition is written with >= or <=.",
                place=caller(),
                found=repr(bound),
                fix=_BOUND_FIX,
            )

        __lt__ = __gt__ = __eq__ = __ne__ = _refused
        __hash__ = object.__hash__


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Metric(Bounded):
    """A quality of a model that andon measures on rows the model has not learned from."""

    name: str
    labels: Kinds
    is_loss: bool
    side: Side = "point"
    segment: tuple[str, str] | None = None
    min_n: int = 0

    def __repr__(self) -> str:
        return self.name

    def lower(self) -> "Metric":
        """The lower end of its two-sided 95 % confidence interval."""
        return replace(self, side="lower")

    def upper(self) -> "Metric":
        """The upper end of its two-sided 95 % confidence interval."""
        return replace(self, side="upper")

    def by(self, column: Expr, *, min_n: int) -> "Metric":
        """The metric in every segment of a column; segments with fewer rows than `min_n` wait for a person.

        Args:
            column: A column of the spine declared with `segment=True`.
            min_n: How many rows a segment needs before anything can be said about it.

        Raises:
            UsageError: This is no column, or `min_n` is below 1.
        """
        given: object = column  # a caller without a type checker may give anything
        if not isinstance(given, Expr) or given.node.op != "column" or min_n < 1:
            raise UsageError(
                "criteria.by",
                "by() takes a column and the number of rows that a segment needs.",
                place=caller(),
                found=f"{given!r}, min_n={min_n!r}",
                fix=f"Write {self.name}.by(Spine.column, min_n=500).",
            )
        return replace(self, segment=(given.node.text("contract"), given.node.text("name")), min_n=min_n)

    def no_worse_than_champion(self, *, margin: float) -> Condition:
        """The model is not worse than the one that serves now by more than a margin, with 95 % confidence.

        Both are asked about the same rows. Without a champion the condition does not apply.

        Raises:
            UsageError: The margin is negative, or the metric is a bound or by segment.
        """
        if not _finite(margin) >= 0 or self.side != "point" or self.segment:
            raise UsageError(
                "criteria.champion",
                "A comparison with the champion takes the plain metric and a margin of 0 or more.",
                place=caller(),
                found=f"margin={margin!r}",
                fix=f"Write {self.name}.no_worse_than_champion(margin=0.005).",
            )
        name = f"{self.name}.difference"
        if self.is_loss:
            criterion = Criterion(name, "le", float(margin), side="upper", baseline="champion")
        else:
            criterion = Criterion(name, "ge", -float(margin), side="lower", baseline="champion")
        return Condition(criterion, ("model",), self.labels)

    def condition(self, op: Op, bound: float) -> Condition:
        """The condition that it is at least (`ge`) or at most (`le`) a bound."""
        column = self.segment[1] if self.segment else ""
        criterion = Criterion(self.name, op, bound, side=self.side, by=column, min_n=self.min_n)
        return Condition(criterion, ("model",) if column else _MEASURED, self.labels, self.segment)


_NUMBERS: Final = frozenset({"int", "fixed", "float"})
_ANY: Final = frozenset({"bool", "category"}) | _NUMBERS
auc: Final = Metric("auc", frozenset({"bool"}), is_loss=False)
brier: Final = Metric("brier", frozenset({"bool"}), is_loss=True)
log_loss: Final = Metric("log_loss", frozenset({"bool", "category"}), is_loss=True)
accuracy: Final = Metric("accuracy", frozenset({"bool", "category"}), is_loss=False)
rmse: Final = Metric("rmse", _NUMBERS, is_loss=True)
mae: Final = Metric("mae", _NUMBERS, is_loss=True)


@final
class Checks:
    """The checks that andon makes by itself, each for the gate that its text names."""

    __slots__ = ()

    @property
    def schema(self) -> Check:
        """Data gate, always: the batch has the contract's columns, and breaks no rule that blocks it."""
        return _check("schema", "data", ("blocked", "le", 0.0), ("schema.matches", "ge", 1.0))

    def quarantined_at_most(self, share: float) -> Check:
        """Data gate: at most this share of the rows, 0 to 1, was set aside.

        Raises:
            UsageError: It is no share.
        """
        return _check("quarantined_at_most", "data", ("rows.quarantined.share", "le", _share(share)))

    @property
    def fresh(self) -> Check:
        """Data gate of a source with `fresh=`, always: its newest row is no older than that when it was asked.

        A source that brings nothing new is held to it, too.
        """
        return Check(FRESH, ())

    @property
    def volume(self) -> Check:
        """Data gate of a source; always with `volume=`: each hour has about as many rows as are usual.

        Usual is the median of the same hour on the same weekday in the last eight accepted weeks, on the clock of the
        event time's zone. At least the share `volume=` of it (0.5 without one) and at most one over it; a difference
        that chance explains is none. With fewer than four accepted weeks it does not apply, and the verdict says so.
        """
        return Check(VOLUME, ())

    def nulls_like_before(self, change: float) -> Check:
        """Data gate: in no column the share of nulls certainly changed by more than this, 0 to 1, whichever way.

        Certainly: the lower end of the 95 % confidence interval says so. It does not apply to the first batch.

        Raises:
            UsageError: It is no share.
        """
        return _published("nulls_like_before", Criterion(NULLS, "le", _share(change), side="lower", by="column"))

    def distribution_like_before(self, change: float) -> Check:
        """Data gate: in no column more than this share of the rows, 0 to 1, certainly lies elsewhere than before.

        Columns of numbers, bools and categories that are neither key nor time, held against all published rows by total
        variation. Certainly: the lower end of the 95 % confidence interval says so. It does not apply to the first
        batch. Each batch then costs a scan of these columns of the published dataset.

        Raises:
            UsageError: It is no share.
        """
        criterion = Criterion(DISTRIBUTION, "le", _share(change), side="lower", by="column")
        return _published("distribution_like_before", criterion)

    @property
    def no_pii(self) -> Check:
        """Data gate: no column that is not marked `pii` holds, or is named like, something about people.

        E-mail addresses, IBANs, card numbers, social security numbers, phone numbers and addresses of machines in the
        texts of a batch, found by patterns and check digits in its distinct values. Names of people are not found.
        """
        return Check("no_pii", (Condition(Criterion(PERSONAL, "le", 0.0, by="column"), ("data",), _ANY),))

    @property
    def completed(self) -> Check:
        """Training gate, always: the training came to its end."""
        return _check("completed", "training", ("completed", "ge", 1.0))

    @property
    def converged(self) -> Check:
        """Training gate: what the training reported did not diverge."""
        return _check("converged", "training", ("converged", "ge", 1.0))

    @property
    def packaged(self) -> Check:
        """Training gate, always: the packaged model, loaded again, gives the same answers bit for bit."""
        return _check("packaged", "training", ("packaged", "ge", 1.0))

    @property
    def no_leak(self) -> Check:
        """Model gate, always: no row was both learned from and judged on."""
        return _check("no_leak", "model", ("leak.rows", "le", 0.0))

    def overfitting_at_most(self, gap: float) -> Check:
        """Model gate, for a bool label: the AUC on rows learned from exceeds that on holdout rows by at most `gap`.

        Raises:
            UsageError: It is no share.
        """
        return _check("overfitting_at_most", "model", ("gap.auc", "le", _share(gap)), labels=frozenset({"bool"}))

    @property
    def no_pii_features(self) -> Check:
        """Model gate: no feature comes from a column that its contract marks with `pii=True`."""
        return _check("no_pii_features", "model", ("pii.features", "le", 0.0))

    @property
    def no_protected_features(self) -> Check:
        """Model gate: no feature comes from a column that its contract marks with `protected=True`."""
        return _check("no_protected_features", "model", ("protected.features", "le", 0.0))

    @property
    def lineage_closed(self) -> Check:
        """Release gate: everything the release was made from is recorded."""
        return _check("lineage_closed", "release", ("lineage.open", "le", 0.0))

    @property
    def target_healthy(self) -> Check:
        """Release gate: the target can take a release now."""
        return _check("target_healthy", "release", ("target.healthy", "ge", 1.0))

    @property
    def no_skew(self) -> Check:
        """Release gate: the newest predictions of this model on the target, computed again, differ in no bit."""
        return _check("no_skew", "release", ("features.skew", "le", 0.0))


checks: Final = Checks()


def conditions_of(demand: Condition | Check) -> tuple[Condition, ...]:
    """The conditions that a demand consists of."""
    return demand.conditions if isinstance(demand, Check) else (demand,)


def promised(check: Check, fresh_ns: int | None, volume: float | None) -> tuple[Condition, ...]:
    """The conditions of a check whose bounds a source promises; none where it promised nothing."""
    if check.name == FRESH:
        criteria = [] if fresh_ns is None else [Criterion(AGE, "le", fresh_ns / SECOND_NS)]
    else:
        share = float(volume or USUAL)
        criteria = [Criterion(LOWEST, "ge", share), Criterion(HIGHEST, "le", 1 / share)]
    return _published(check.name, *criteria).conditions


def factory_condition(name: str, op: Op, bound: float) -> Condition:
    """A condition on a team's own measurement."""
    return Condition(Criterion(f"factory:{name}", op, bound), ("model",), _ANY)


def _check(name: str, gate: GateKind, *parts: tuple[str, Op, float], labels: Kinds = _ANY) -> Check:
    return Check(name, tuple(Condition(Criterion(*part), (gate,), labels) for part in parts))


def _published(name: str, *criteria: Criterion) -> Check:
    """A check that holds a batch against what was published before it."""
    return Check(name, tuple(Condition(replace(one, baseline="published"), ("data",), _ANY) for one in criteria))


def _finite(bound: float) -> float:
    given: object = bound  # a caller without a type checker may give anything
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < float("inf"):
        raise UsageError(
            "criteria.bound", "A bound is a finite number.", place=caller(), found=repr(bound), fix=_BOUND_FIX
        )
    return float(given)


def _share(value: float) -> float:
    if not 0 <= _finite(value) <= 1:
        raise UsageError(
            "criteria.share", "A share is a number from 0 to 1.", place=caller(), found=repr(value), fix="Write 0.05."
        )
    return float(value)


ALWAYS: Final[dict[GateKind, tuple[Check, ...]]] = {
    "data": (checks.schema,),
    "training": (checks.completed, checks.packaged),
    "model": (checks.no_leak,),
    "release": (),
}
