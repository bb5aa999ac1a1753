"""How a run moves: to the next stage, to its end, or to where a gate left it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from andon.contracts.wire import to_json
from andon.gates.request import Judgement
from andon.kernel.canonical import Json
from andon.runtime.children import Progress
from andon.runtime.line import Line
from andon.runtime.run import Run

Tell = Callable[[str], None]
EVERY_S: Final = 2.0


def telling(name: str, tell: Tell) -> Callable[[Progress], None]:
    """Pass on what a child says of its progress: its first and last word, and one in two seconds between."""
    told = [-EVERY_S]

    def pass_on(progress: Progress) -> None:
        is_last = 0 < progress.of <= progress.step
        if is_last or progress.seconds - told[0] >= EVERY_S:
            told[0] = progress.seconds
            tell(f"{name}: {progress.text}")

    return pass_on


def arrived(line: Line, run: Run, stage: str, facts: Mapping[str, Json]) -> Run:
    """The run, standing at the next stage with what this one found."""
    return replace(
        run,
        state="running",
        stage=stage,
        since_ns=line.clock.now_ns(),
        waiting_for="",
        facts={**run.facts, **facts},
    )


def ended(line: Line, run: Run, facts: Mapping[str, Json]) -> Run:
    """The run, done."""
    return replace(run, state="done", since_ns=line.clock.now_ns(), waiting_for="", facts={**run.facts, **facts})


def judged(line: Line, run: Run, judgement: Judgement, next_stage: str, tell: Tell) -> Run:
    """The run after a gate: on the next stage, waiting there, or refused for good."""
    gate = judgement.question.gate
    facts: dict[str, Json] = {f"{run.stage} verdict": judgement.verdict} if judgement.verdict else {}
    match judgement.outcome:
        case "PASSED":
            tell(f"{gate}: passed{' (cached)' if judgement.is_recorded else ''}")
            return arrived(line, run, next_stage, facts)
        case "PENDING":
            waiting = "; ".join(judgement.missing)
            tell(f"{gate}: waits for {waiting}")
            same = run.state == "waiting" and run.waiting_for == waiting
            since = run.since_ns if same else line.clock.now_ns()
            return replace(run, state="waiting", since_ns=since, waiting_for=waiting)
        case "FAILED":
            failed = [finding for finding in judgement.findings if finding.holds == "no"]
            for finding in failed:
                place = f" for {finding.slice}" if finding.slice else ""
                tell(f"{gate}: {finding.criterion.text()}{place} does not hold: {finding.why}")
            return replace(
                run,
                state="refused",
                since_ns=line.clock.now_ns(),
                facts={**run.facts, **facts, "refused": [to_json(finding) for finding in failed]},
            )
