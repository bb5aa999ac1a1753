"""The factory as a data scientist writes it: decorators for code, plain calls for gates and where a model goes."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Final, Never, Protocol, TypeVar, cast, overload

import polars as pl

from andon.api import calls, declare
from andon.api.caller import caller, is_interactive
from andon.api.contract import Contract
from andon.api.criteria import Bounded, Check, Condition, Demand, SignOff, factory_condition
from andon.api.declare import declared_features
from andon.api.models import Holdout, Params, Predictor, TrainingSet, Window, reporting
from andon.api.registered import (
    Deployment,
    Derived,
    Features,
    Gate,
    Ingest,
    Measured,
    MeasureFunction,
    Registry,
    SourceFunction,
    Split,
    TrainFunction,
    Training,
)
from andon.api.trial import Rows, try_derivation, try_features
from andon.api.typed import Expr
from andon.contracts.declaration import Declaration
from andon.contracts.model import Package
from andon.contracts.policy import GateKind, Op
from andon.contracts.reading import Delta, Files, Reading, Sql
from andon.kernel.canonical import Json
from andon.kernel.clock import SystemClock, duration_ns
from andon.kernel.digest import Digest
from andon.kernel.errors import UsageError
from andon.line.package import Predictor as Packaged
from andon.runtime.handed import LearningRows, Report


class ArrowStream(Protocol):
    """A table of any library that can hand it over as Arrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table as an Arrow stream."""
        ...


Value = TypeVar("Value", Ingest, Derived, Features, Training, Measured, Gate, Deployment)
Source = TypeVar("Source", bound=Callable[[Window], pl.LazyFrame | pl.DataFrame | ArrowStream])
Train = TypeVar("Train", bound=Callable[[TrainingSet, Never, int], object])
Class = TypeVar("Class", bound=type)
_LEFT_ALONE: Final = "5s"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


class Measure(Bounded):
    """A team's own measurement: call it like the function it was, or compare it with a bound for a gate."""

    def __init__(self, function: MeasureFunction, name: str) -> None:
        self.__wrapped__ = function
        self.__name__ = name
        self.__doc__ = function.__doc__

    def __call__(self, model: Predictor, holdout: Holdout) -> float | Mapping[str, float]:
        """Measure a model on holdout rows."""
        return self.__wrapped__(model, holdout)

    def condition(self, op: Op, bound: float) -> Condition:
        """The condition that it is at least (`ge`) or at most (`le`) a bound."""
        return factory_condition(self.__name__, op, bound)


def by_time(*, tune: str, holdout: str) -> Split:
    """Part rows by time: the newest `holdout` is for judging, the `tune` before it for tuning, the rest for learning.

    Raises:
        UsageError: One of the two is not a duration, or is nothing.
    """
    split = Split(duration_ns(tune), duration_ns(holdout))
    if not split.tune_ns or not split.holdout_ns:
        found = f"tune={tune!r}, holdout={holdout!r}"
        raise _refuse("split", "Both parts need some time.", caller(), found, 'by_time(tune="14d", holdout="21d")')
    return split


class Factory:
    """One use case: where its data comes from, its models, what their gates demand, and where they go.

    Args:
        name: Small letters, digits, - and _.
        owner: Who answers for everything that names no other owner.
        purpose: What it is for, in a sentence.
    """

    def __init__(self, name: str, *, owner: str, purpose: str) -> None:
        self.registered = Registry(name, owner, purpose, caller())

    def __repr__(self) -> str:
        return f"Factory({self.registered.name!r})"

    @overload
    def ingest(
        self,
        contract: type[Contract],
        *,
        every: str,
        lag: str = "0s",
        settle: str = "",
        fresh: str | None = None,
        volume: float | None = None,
        owner: str = "",
    ) -> Callable[[Source], Source]: ...

    @overload
    def ingest(
        self,
        contract: type[Contract],
        reads: Reading,
        *,
        every: str,
        name: str = "",
        lag: str = "0s",
        settle: str = "",
        fresh: str | None = None,
        volume: float | None = None,
        owner: str = "",
    ) -> Ingest: ...

    def ingest(
        self,
        contract: type[Contract],
        reads: Reading | None = None,
        *,
        every: str,
        name: str = "",
        lag: str = "0s",
        settle: str = "",
        fresh: str | None = None,
        volume: float | None = None,
        owner: str = "",
    ) -> Callable[[Source], Source] | Ingest:
        """The decorated function brings the raw rows of a contract for a window of time.

        With `files`, `sql` or `delta` there is no function: `schedule = factory.ingest(Schedule, files("in/*.csv"))`.

        Args:
            contract: What its rows are promised to be.
            reads: What is read, where no function is decorated.
            every: How often it is asked in scheduled operation, such as `10m`.
            name: Name of a source without a function; without it the contract's, in small letters: `RawScan` is
                `raw_scan`.
            lag: How far before the end of the last window the next one begins, for rows that come late. Rows that were
                there before are counted as duplicates.
            settle: How long something is left alone before it is read: a file that changed, by default 5 seconds, or
                the newest rows of anything else, by default not at all.
            fresh: How old its newest row may be when it was asked, such as `2h`; its data gate demands it.
            volume: At least this share of the rows that are usual in each hour, and at most one over it, 0 to 1; its
                data gate demands it. `checks.volume` without it demands half of what is usual.
            owner: Who answers for it, if not the factory's owner.

        Raises:
            UsageError: `every`, `lag`, `settle` or `fresh` is no duration, `volume` no share, or the name or the
                contract is taken.
        """
        place = caller()
        if volume is not None and not 0 < volume <= 1:
            raise _refuse("volume", "This is no share of the usual rows.", place, repr(volume), "Write volume=0.6.")
        known = Ingest(
            name=name or _small(contract.__name__),
            function=None,
            contract=contract,
            every_ns=duration_ns(every),
            owner=owner or self.registered.owner,
            place=place,
            reads=reads,
            lag_ns=duration_ns(lag),
            settle_ns=duration_ns(settle or (_LEFT_ALONE if isinstance(reads, Files) else "0s")),
            fresh_ns=None if fresh is None else duration_ns(fresh),
            volume=volume,
        )
        if reads is not None:
            _check_reads(known)
            _put(self.registered.sources, known.name, known)
            return known

        def register(function: Source) -> Source:
            own = replace(known, name=_name(function, place), function=function)
            _put(self.registered.sources, own.name, own)
            return function

        return register

    def derive(
        self, contract: type[Contract], *, spine: type[Contract], known_after: str = "0s", owner: str = ""
    ) -> Callable[[Class], Class]:
        """The decorated class says what each column of a contract is, for each published row of another one.

        A row sees what was known strictly before its spine's row happened. It can be known itself from then on, or from
        when its spine's row is known, if that is later: the contract's column `known_at()` is filled in with that.

        Args:
            contract: What the derived rows are promised to be.
            spine: The contract with one row for each derived one; its event time is the moment at which a row asks.
            known_after: How much later derived rows are there, such as the time between two runs of the line.
            owner: Who answers for it, if not the factory's owner.

        Raises:
            UsageError: An attribute is no expression, `known_after` is no duration, or the name is taken.
        """
        place, known_after_ns, answers = caller(), duration_ns(known_after), owner or self.registered.owner

        def register(cls: Class) -> Class:
            items = tuple(_expressions(cls, "column", place))
            known = Derived(cls.__name__, contract, spine, items, known_after_ns, answers, place)
            _put(self.registered.derivations, cls.__name__, known)
            return cls

        return register

    def features(
        self, spine: type[Contract], *, label: Expr, label_within: str, owner: str = ""
    ) -> Callable[[Class], Class]:
        """The decorated class has features as attributes, one definition for training and for serving.

        An attribute may be a dict: `late = {"3h": ..., "1d": ...}` defines `late_3h` and `late_1d`.

        Args:
            spine: The contract with one row for each thing to predict; its event time is the moment of the question.
            label: What is predicted. A bool makes a binary task, a category many classes, a number a regression.
            label_within: How long after the question the label is waited for.
            owner: Who answers for it, if not the factory's owner.

        Raises:
            UsageError: The label or an attribute is no expression, or the name is taken.
        """
        place, within_ns, answers = caller(), duration_ns(label_within), owner or self.registered.owner
        given: object = label  # a caller without a type checker may give anything
        if not isinstance(given, Expr):
            raise _refuse(
                "label", "A label is an expression over columns.", place, repr(given), "label=Sale.amount > 0"
            )

        def register(cls: Class) -> Class:
            items = tuple(_expressions(cls, "feature", place))
            known = Features(cls.__name__, spine, label, within_ns, items, answers, place)
            _put(self.registered.feature_sets, cls.__name__, known)
            return cls

        return register

    def frame(
        self,
        features: type,
        rows: Rows | None = None,
        *,
        since: str = "",
        until: str = "",
        as_of: str = "",
        folder: Path | str = ".",
    ) -> pl.DataFrame:
        """The features of rows at hand, or of what is published; nothing that could be released comes of it.

        What has to be learned, such as codes, is learned from these very rows.

        Args:
            features: A class decorated with `features`, or with `derive`.
            rows: Raw rows for its spine and for each contract that it joins, as the sources would bring them; rows of
                a derived contract as this very method gives them. `None` for what the factory of `folder` has
                published; the class may be new or changed, the contracts are those of the factory's code.
            since: Of what is published, the questions that were asked at this moment or later; empty for all.
            until: And before this one; empty for all.
            as_of: See only what was known before this moment; empty for now.
            folder: The factory's folder.

        Returns:
            The spine's keys and when each row asks, then one column for each feature; for a derivation the columns of
            its contract. Of what is published also `label`, and in `_no_label` why a row has none (`immature` or
            `unlabelled`).

        Raises:
            UsageError: The class is none of this factory's, or rows of a contract are missing.
            InputError: Rows break their contract, or nothing is published.
        """
        if rows is None:
            return self._published(features, Path(folder), since, until, as_of)
        now_ns, derived = SystemClock().now_ns(), self.registered.derivations.get(features.__name__)
        if derived is not None:
            return try_derivation(derived, rows, owner=self.registered.owner, now_ns=now_ns)
        return try_features(self._features(features), rows, owner=self.registered.owner, now_ns=now_ns)

    def _published(self, features: type, folder: Path, since: str, until: str, as_of: str) -> pl.DataFrame:
        from andon.wiring.ask import ask  # noqa: PLC0415  # whoever only declares a factory needs none of this
        from andon.wiring.calls.feature_rows import feature_rows  # noqa: PLC0415

        given = declared_features(self.registered, self._features(features))
        return pl.read_parquet(ask(feature_rows, folder, given.name, given, since, until, as_of, b""))

    def _features(self, cls: type) -> Features:
        known = self.registered.feature_sets.get(cls.__name__)
        if known is None:
            raise _unknown("features", cls.__name__, self.registered.feature_sets, caller())
        return known

    def model(
        self,
        features: type,
        *,
        split: Split,
        limit: str = "1h",
        seed: int = 0,
        threads: int = 1,
        owner: str = "",
    ) -> Callable[[Train], Train]:
        """The decorated function trains a model: `def name(train: TrainingSet, p: MyParams, seed: int)`.

        Args:
            features: A class decorated with `features`.
            split: How rows are parted, from `by_time`.
            limit: Longest time a training may take.
            seed: Passed to the function; the same seed gives the same model.
            threads: How many threads its libraries may start.
            owner: Who answers for it, if not the factory's owner.

        Raises:
            UsageError: The features are not this factory's, the function takes something else, or the name is taken.
        """
        place, limit_ns = caller(), duration_ns(limit)
        source = getattr(features, "__name__", repr(features))
        if source not in self.registered.feature_sets:
            raise _unknown("features", source, self.registered.feature_sets, place)

        def register(function: Train) -> Train:
            name = _name(function, place)
            params = _params(function, place)
            answers = owner or self.registered.owner
            training = Training(name, function, source, split, limit_ns, params, seed, threads, answers, place)
            _put(self.registered.models, name, training)
            return function

        return register

    def measure(self, model: TrainFunction) -> Callable[[MeasureFunction], Measure]:
        """The decorated function measures a model on holdout rows without labels; its bound stands in the model gate.

        It returns a finite number, or `{"value": ..., "n": ...}` with the number of rows it rests on.

        Raises:
            UsageError: The model is not this factory's, or the name is taken.
        """
        place, subject = caller(), self._model(model)

        def register(function: MeasureFunction) -> Measure:
            name = _name(function, place)
            _put(self.registered.measures, name, Measured(name, function, subject, place))
            return Measure(function, name)

        return register

    def data_gate(self, *sources: SourceFunction | Ingest | type, require: Sequence[Demand], owner: str = "") -> None:
        """What every batch must satisfy, of sources or derivations, before it is published; `checks.schema` always.

        Raises:
            UsageError: A source is not this factory's, or the gate is there twice.
        """
        place = caller()
        for source in sources:
            known = self._origin(source, place)
            self._gate(Gate("data", known.name, owner or known.owner, tuple(require), place))

    def training_gate(self, model: TrainFunction, *, require: Sequence[Demand], owner: str = "") -> None:
        """What a training must satisfy on its tuning rows; `checks.completed` and `checks.packaged` always.

        Raises:
            UsageError: The model is not this factory's, or the gate is there twice.
        """
        self._model_gate("training", model, require, owner)

    def model_gate(self, model: TrainFunction, *, require: Sequence[Demand], owner: str = "") -> None:
        """What a model must satisfy on holdout rows that it has not seen; `checks.no_leak` always.

        Raises:
            UsageError: The model is not this factory's, or the gate is there twice.
        """
        self._model_gate("model", model, require, owner)

    def release_gate(self, model: TrainFunction, *, require: Sequence[Demand], owner: str = "") -> None:
        """What a release must satisfy before it may be deployed: checks of its lineage and target, and people.

        Raises:
            UsageError: The model is not this factory's, or the gate is there twice.
        """
        self._model_gate("release", model, require, owner)

    def release(self, model: TrainFunction, *, to: str = "local", latency: str = "100ms") -> None:
        """Where a model goes once its gates passed.

        Args:
            model: A function decorated with `model`.
            to: A target that the trust root knows.
            latency: How long an answer may take.

        Raises:
            UsageError: The model is not this factory's, or goes somewhere already.
        """
        place = caller()
        name = self._model(model)
        _put(self.registered.deployments, name, Deployment(name, to, duration_ns(latency), place))

    def declaration(self, folder: Path) -> Declaration:
        """The whole factory as data.

        Args:
            folder: The factory folder, whose code is digested.

        Raises:
            UsageError: Something is missing or contradicts something else; the place says which line.
            InputError: Code in the folder cannot be read.
        """
        return declare.declaration(self.registered, folder)

    def digest_of(self, name: str, folder: Path) -> Digest:
        """Identity of the code of a source, a model or a measurement, as it is now.

        Raises:
            UsageError: The factory has nothing of that name, or its code cannot be found.
            InputError: Code in the folder cannot be read.
        """
        return calls.digest_of(self.registered, name, folder)

    def place_of(self, name: str) -> str:
        """File and line where a source, a model or a measurement is declared.

        Raises:
            UsageError: The factory has nothing of that name.
        """
        return calls.registered_of(self.registered, name).place

    def run_source(self, name: str, since_ns: int | None, until_ns: int) -> object:
        """What a source's function gives for a window of time, in nanoseconds UTC."""
        function = calls.found(self.registered.sources, name, "source").function
        if function is None:
            raise _refuse("no-function", f"{name} is read, and not asked.", self.place_of(name), name, "Run andon run.")
        return function(Window(since_ns, until_ns))

    def run_training(
        self, name: str, rows: LearningRows, params: Mapping[str, Json], seed: int, report: Report
    ) -> object:
        """What a model's function gives for rows, parameters and a seed; `report` is told of its progress."""
        training = calls.found(self.registered.models, name, "model")
        reporting(report)
        function = cast("Callable[[TrainingSet, Params, int], object]", training.function)
        train = TrainingSet(rows.fit, rows.tune, rows.features, rows.classes)
        return function(train, calls.params_of(training, params), seed)

    def run_measure(self, name: str, model: Packaged, package: Package, rows: pl.DataFrame) -> object:
        """What a team's measurement gives for a packaged model and rows without labels."""
        measured = calls.found(self.registered.measures, name, "measurement")
        return measured.function(Predictor(model, package.task, package.classes), Holdout(rows, package.features))

    def _origin(self, source: SourceFunction | Ingest | type, place: str) -> Ingest | Derived:
        """What was registered with a source's function, or with a derivation's class."""
        name = source.name if isinstance(source, Ingest) else getattr(source, "__name__", repr(source))
        ingest, derived = self.registered.sources.get(name), self.registered.derivations.get(name)
        if ingest is not None and (ingest is source or ingest.function is source):
            return ingest
        if derived is not None and isinstance(source, type):
            return derived
        raise _unknown("source", name, [one.name for one in self.registered.origins], place)

    def _model(self, model: TrainFunction) -> str:
        """The name of a model by its function."""
        name = getattr(model, "__name__", repr(model))
        if name not in self.registered.models or self.registered.models[name].function is not model:
            raise _unknown("model", name, self.registered.models, caller())
        return name

    def _model_gate(self, kind: GateKind, model: TrainFunction, require: Sequence[Demand], owner: str) -> None:
        place, name = caller(), self._model(model)
        self._gate(Gate(kind, name, owner or self.registered.models[name].owner, tuple(require), place))

    def _gate(self, gate: Gate) -> None:
        demands: tuple[object, ...] = gate.demands  # a caller without a type checker may give anything
        for demand in demands:
            if not isinstance(demand, Condition | Check | SignOff):
                fix = "Write conditions such as auc >= 0.7, checks such as checks.schema, or SignOff(...)."
                raise _refuse("demand", "This is nothing that a gate can demand.", gate.place, repr(demand), fix)
        _put(self.registered.gates, gate.name, gate)


def _put(table: dict[str, Value], name: str, value: Value) -> None:
    """Register something; in a notebook it replaces what had the name."""
    if name in table and not is_interactive():
        raise _refuse(
            "duplicate",
            f"{name} is declared twice.",
            value.place,
            f"first at {table[name].place}",
            "Give each its own name.",
        )
    table[name] = value


def _check_reads(known: Ingest) -> None:
    """Refuse a source without a function that nothing could be read of."""
    given: object = known.reads  # a caller without a type checker may give anything
    if not isinstance(given, Files | Sql | Delta):
        fix = 'Write files("in/*.csv"), sql("env:SHOP_DB", "select ..."), delta("table"); or decorate a function.'
        raise _refuse("reading", "This is nothing that a source can read.", known.place, repr(given), fix)
    if not _NAME.fullmatch(known.name):
        fix = "Use small letters, digits and _, beginning with a letter."
        raise _refuse("name", "This is not a name for a source.", known.place, repr(known.name), fix)
    if isinstance(given, Files) and known.lag_ns:
        fix = "Leave lag out: a file is read once, whenever it comes, and rows are never too late for that."
        raise _refuse("lag", "Files are not asked for windows of time.", known.place, "lag with files(...)", fix)


def _small(name: str) -> str:
    """A class's name in small letters: `RawScan` is `raw_scan`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _name(function: object, place: str) -> str:
    inner = inspect.unwrap(function) if callable(function) else function
    if not isinstance(inner, FunctionType) or inner.__name__ == "<lambda>":
        raise _refuse("function", "Only a function with a name can stand here.", place, repr(inner), "Use def.")
    return inner.__name__


def _expressions(cls: type, what: str, place: str) -> Iterator[tuple[str, Expr]]:
    """The expressions of a class; one that stands in a dict as `name_key`."""
    for attribute, given in vars(cls).items():
        named = {f"{attribute}_{key}": each for key, each in given.items()} if isinstance(given, dict) else {}
        for name, value in (named or {attribute: given}).items():
            yield from _expression(cls, name, value, what, place)


def _expression(cls: type, name: str, value: object, what: str, place: str) -> Iterator[tuple[str, Expr]]:
    if isinstance(value, Expr):
        yield name, value
    elif not (name.startswith("__") and name.endswith("__")):
        fix = "Define everything else outside of the class."
        raise _refuse(what, f"{cls.__name__}.{name} is not an expression.", place, repr(value), fix)


def _params(function: object, place: str) -> type[Params]:
    """The class of a training function's parameters, from the annotation of its second argument."""
    inner = inspect.unwrap(function) if callable(function) else function
    given = list(inspect.signature(inner).parameters.values()) if isinstance(inner, FunctionType) else []
    fix = "def late(train: TrainingSet, p: MyParams, seed: int), with class MyParams(Params): ..."
    if len(given) != 3 or not isinstance(inner, FunctionType):
        raise _refuse(
            "training", "A training takes rows, parameters and a seed.", place, f"{len(given)} arguments", fix
        )
    found = given[1].annotation
    if isinstance(found, str):
        found = inner.__globals__.get(found, found)
    if not (isinstance(found, type) and issubclass(found, Params)):
        raise _refuse("training", "The second argument is annotated with a class of Params.", place, repr(found), fix)
    return found


def _unknown(what: str, name: str, known: Iterable[str], place: str) -> UsageError:
    names = ", ".join(known) or "none yet"
    message = f"{name} is no {what} of this factory."
    return _refuse(
        "unknown", message, place, f"{what}: {names}", f"Decorate it first, above this line: @factory.{what}."
    )


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> UsageError:
    return UsageError(f"factory.{what}", message, place=place, found=found, fix=fix)
