"""A factory whose one source reads something without a function: its folder, its code, and a run of that source."""

from dataclasses import dataclass, field
from pathlib import Path

from andon.kernel.clock import SystemClock
from andon.wiring.calls.runs import LineResult, run_line
from andon.wiring.settings import write_settings
from andon.wiring.trust import found_trust

ID = "01890000-0000-7000-8000-00000000000d"
CODE = '''
"""Which order is large?"""

from sklearn.linear_model import LinearRegression

from andon import Contract, Factory, Params, TrainingSet, by_time, category, checks, delta, event_time, files, integer
from andon import mae, sql

factory = Factory("orders", owner="ops", purpose="Say which order is large")


class Order(Contract):
    id = category(key=True)
    at = event_time(known_after="0s")
    size = integer(ge=0, le=1000)
    note = category(nullable=True)


order = factory.ingest(Order, READS, every="1h", OPTIONS)


@factory.features(Order, label=Order.size, label_within="1d")
class Known:
    size = Order.size


class Plain(Params):
    c: float = 1.0


@factory.model(Known, split=by_time(tune="1d", holdout="1d"))
def large(train: TrainingSet, p: Plain, seed: int):
    x, y = train.xy()
    return LinearRegression().fit(x.to_numpy(), y.to_numpy())


factory.data_gate(order, require=[checks.schemaMORE])
factory.training_gate(large, require=[checks.completed])
factory.model_gate(large, require=[mae <= 100])
factory.release_gate(large, require=[checks.lineage_closed])
factory.release(large, to="local")
'''


@dataclass
class SourceFactory:
    """A factory's folder, and what its runs told."""

    folder: Path
    told: list[str] = field(default_factory=list)

    @classmethod
    def found(cls, folder: Path, reads: str, options: str = "") -> "SourceFactory":
        """A new factory in a folder that there is."""
        here = cls(folder)
        here.write(reads, options)
        found_trust(write_settings(folder, "orders", ID), SystemClock().now_ns())
        return here

    def write(self, reads: str, options: str = "", more: str = "") -> None:
        """Write the code."""
        code = CODE.replace("READS", reads).replace("OPTIONS", options).replace("MORE", more and f", {more}")
        (self.folder / "factory.py").write_text(code)

    def run(self, as_of: str = "") -> LineResult:
        """Bring the source up to date; what it tells is kept in `told`."""
        self.told.clear()
        return run_line(self.folder, ("order",), as_of=as_of, tell=self.told.append)
