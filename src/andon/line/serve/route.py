"""One worker's desk for one model: questions come in, numbered and logged predictions go out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from andon.contracts.prediction import Prediction, Said
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.matrix import Matrix
from andon.line.serve.following import Follower
from andon.line.serve.log import PredictionLog
from andon.line.serve.predict import Inputs, Serving, inputs_of, predict_features, predict_rows, source_of


@dataclass(frozen=True, slots=True)
class Desk:
    """What a route needs besides the follower.

    Attributes:
        worker: Name of the worker.
        now_ns: The clock.
        new_id: Makes a prediction's id of the time.
    """

    worker: str
    now_ns: Callable[[], int]
    new_id: Callable[[int], str]


class Route:
    """Answers questions about one model with the release that the cell points to.

    Args:
        follower: Knows which release answers now.
        log: Where predictions go.
        desk: The worker's name, clock and ids.
    """

    def __init__(self, follower: Follower, log: PredictionLog, desk: Desk) -> None:
        self.follower = follower
        self.log = log
        self._desk = desk

    def answer_rows(self, matrix: Matrix, serving: Serving) -> list[Prediction]:
        """Answer complete feature rows, as many predictions as rows.

        Raises:
            InputError: The model fails or its answer is not finite.
        """
        now_ns = self._desk.now_ns()
        outputs = predict_rows(serving.loaded, matrix)
        return [
            self._record(serving, now_ns, {}, inputs_of(serving, row), output, {})
            for row, output in zip(matrix.tolist(), outputs, strict=True)
        ]

    def answer_entities(
        self, entities: Sequence[Mapping[str, object]], asked_ns: int | None, serving: Serving
    ) -> list[tuple[Prediction, Mapping[str, object]]]:
        """Answer questions about entities, fetching their features, and return these beside each prediction.

        All see the same moment of what is published, and the model is asked once for all of them.

        Args:
            entities: Of each the spine's columns, or only its keys; at least one.
            asked_ns: The time of the questions; `None` for now.
            serving: What answers.

        Raises:
            InputError: An entity is not one the spine's contract allows, no row has its keys, the questions are about
                the future (`serve.future`), features cannot be made, or an answer of the model is not finite. None of
                the questions is answered then.
        """
        now_ns = self._desk.now_ns()
        asked_ns = now_ns if asked_ns is None else asked_ns
        if asked_ns > now_ns:
            raise InputError(
                "serve.future",
                "A question cannot be asked in the future: what it may see is not known yet.",
                found=f"{asked_ns - now_ns} ns ahead",
                fix="Leave `asked` out to ask now, or give a time that has passed.",
            )
        spine, source = source_of(serving)
        with source.look() as seen:
            questions = spine.questions.read(entities, asked_ns, seen)
            features = seen.features([{**each.values, spine.asked: asked_ns} for each in questions], asked_ns)
            state = seen.state
        answers = zip(questions, features, predict_features(serving, features), strict=True)
        return [
            (self._record(serving, asked_ns, question.said, inputs, outputs, state), row)
            for question, row, (outputs, inputs) in answers
        ]

    def _record(
        self,
        serving: Serving,
        asked_ns: int,
        entity: Mapping[str, Said],
        inputs: Inputs,
        outputs: tuple[float, ...],
        state: Mapping[str, Digest],
    ) -> Prediction:
        answered_ns = self._desk.now_ns()
        prediction = Prediction(
            id=self._desk.new_id(answered_ns),
            worker=self._desk.worker,
            number=self.log.take_number(),
            asked_ns=asked_ns,
            answered_ns=answered_ns,
            release=serving.loaded.release,
            model=serving.loaded.model,
            entity=entity,
            inputs=inputs,
            outputs=outputs,
            state=state,
        )
        self.log.append(prediction)
        return prediction
