"""A run of the line and its attempts, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest

RunKind = Literal["ingest", "model"]
RunState = Literal["running", "waiting", "done", "failed", "refused", "cancelled"]
AttemptState = Literal["running", "done", "failed", "refused", "cancelled", "lost"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run, from its start to where it stands now.

    Attributes:
        kind: `ingest` runs are per source and end at the data gate; `model` runs go from features to deploy.
        subject: The source or the model it is about.
        as_of_ns: The moment up to which it may see data, in nanoseconds UTC.
        declaration: Digest of the factory's declaration it runs.
        started_by: Principal who started it, or the schedule or signal that did.
        traceparent: W3C trace context that its attempts continue.
        stage: The stage or gate where it stands.
        since_ns: Since when it stands there, in nanoseconds UTC.
        waiting_for: Who or what it waits for; empty when it does not wait.
        error: The refusal that ended it, as `AndonError.to_json` writes it.
        facts: Small values of the run, such as the digests its stages made.
    """

    id: str
    factory: str
    kind: RunKind
    subject: str
    as_of_ns: int
    declaration: Digest
    started_by: str
    started_ns: int
    traceparent: str
    state: RunState
    stage: str
    since_ns: int
    waiting_for: str = ""
    error: Mapping[str, Json] | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in ("running", "waiting")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one stage of a run.

    Attributes:
        number: 1 for a run's first attempt at a stage, then one more each.
        stage_key: Key of the work; an output committed under it ends all further attempts.
        state: `lost` when its process vanished without a word.
        started_ns: In nanoseconds UTC.
        ended_ns: `None` while it works.
        record: What was seen of it: durations, peak memory, exit status, its output's digest or its error.
    """

    run_id: str
    stage: str
    number: int
    stage_key: Digest
    state: AttemptState
    started_ns: int
    ended_ns: int | None
    host: str
    pid: int
    record: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may work on something until when, in nanoseconds UTC."""

    name: str
    holder: str
    until_ns: int
