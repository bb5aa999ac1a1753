"""The endpoints: health and metadata, inference on complete rows, and questions about entities."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from andon.adapters.asgi.answers import Reply, json_reply, refuse
from andon.adapters.asgi.inferred import InferForm
from andon.adapters.asgi.tensors import OUTPUT, output_shape, read_matrix
from andon.adapters.asgi.wire import (
    ENCODER,
    INFER,
    PREDICT,
    Entity,
    EntityPrediction,
    PredictionsResponse,
    PredictRequest,
    PredictResponse,
    Shown,
)
from andon.contracts.model import Package
from andon.contracts.prediction import Prediction
from andon.kernel.clock import SECOND_NS, iso, parse_iso
from andon.line.serve.predict import Serving
from andon.line.serve.route import Route

VERSION: Final = "0.1.0"
_MODELS: Final = "/v2/models/"
_INFER: Final = "/infer"
Routes = Mapping[str, Route]
"""The routes of a worker, by model; models that are promoted for the first time are added while it runs."""

INFER_FORM: Final = (
    'Send {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}]}, one input a feature.'
)
PREDICT_FORM: Final = (
    'Send {"entity": {"key": "value"}}, or {"entities": [{"key": "value"}]} for several; "asked" and "explain" are '
    "optional, nothing else is known."
)

T = TypeVar("T")


class Endpoints:
    """What each path answers; see `dispatch`.

    Args:
        factory: The factory whose models these are.
        routes: Every model that is served.
        most_rows: Rows that one request may hold.
    """

    def __init__(self, factory: str, routes: Routes, most_rows: int) -> None:
        self._factory = factory
        self._routes = routes
        self._most_rows = most_rows
        self._forms: dict[str, InferForm] = {}

    def dispatch(self, method: str, path: str, body: bytes) -> Reply:
        """Answer one request.

        Raises:
            AndonError: The request is refused.
        """
        if method == "POST" and path.startswith(_MODELS) and path.endswith(_INFER):
            model = path[len(_MODELS) : -len(_INFER)]
            route = self._routes.get(model)
            if route is not None:  # what is asked most often need not be taken to pieces
                return self._infer(model, route.follower.serving(), route, body)
        parts = path.strip("/").split("/")
        if parts[0] == "predict" and len(parts) == 3:
            return self._predict(parts[1], parts[2], _only("POST", method, body))
        if parts[0] != "v2":
            raise _unknown_path(path)
        match parts[1:]:
            case []:
                return _get(method, self._server)
            case ["health", "live"]:
                return _get(method, lambda: json_reply({"live": True}))
            case ["health", "ready"]:
                return _get(method, self._ready)
            case ["models", model, *rest]:
                return self._model(model, rest, method, body)
            case _:
                raise _unknown_path(path)

    def _model(self, model: str, rest: Sequence[str], method: str, body: bytes) -> Reply:
        route = self._routes.get(model)
        if route is None:
            raise _unknown_model(model, sorted(self._routes))
        release, rest = (rest[1], rest[2:]) if len(rest) >= 2 and rest[0] == "versions" else ("", rest)
        if rest == ["infer"]:
            body = _only("POST", method, body)
            return self._infer(model, _at(route.follower.serving(), release), route, body)
        if rest not in ([], ["ready"]):
            raise _unknown_path("/".join(rest))
        _only("GET", method, body)
        serving = _at(route.follower.serving(), release)
        if rest:
            return json_reply({"name": model, "ready": True})
        return json_reply(_metadata(model, serving))

    def _infer(self, model: str, serving: Serving, route: Route, body: bytes) -> Reply:
        request = _decode(INFER, body, INFER_FORM)
        made = route.answer_rows(read_matrix(request, serving.columns, self._most_rows), serving)
        form = self._forms.get(model)
        if form is None or form.serving is not serving:
            form = self._forms[model] = InferForm(model, serving)
        return Reply(200, form.write(request.id, made), model, serving.loaded.release, len(made))

    def _predict(self, factory: str, model: str, body: bytes) -> Reply:
        route = self._routes.get(model) if factory == self._factory else None
        if route is None:
            raise _unknown_model(f"{factory}/{model}", [f"{self._factory}/{one}" for one in sorted(self._routes)])
        serving = route.follower.serving()
        request = _decode(PREDICT, body, PREDICT_FORM)
        asked_ns = None if request.asked is None else parse_iso(request.asked)
        entities = self._entities(request)
        made = route.answer_entities(entities, asked_ns, serving)
        package, first = serving.loaded.package, made[0][0]
        told = [_told(package, one, features if request.explain else None) for one, features in made]
        shared = (serving.loaded.model, serving.loaded.release, serving.sequence, moment(first.asked_ns))
        response: PredictResponse | PredictionsResponse = PredictionsResponse(*shared, told)
        if request.entities is None:
            (one,) = told
            response = PredictResponse(one.id, one.prediction, *shared, one.probabilities, one.features)
        return Reply(200, ENCODER.encode(response), model, first.release, len(made))

    def _entities(self, request: PredictRequest) -> Sequence[Entity]:
        entities = request.entities
        if (request.entity is None) == (entities is None):
            found = "neither" if entities is None else "both"
            raise refuse("malformed", "A question is about `entity` or about `entities`.", found, PREDICT_FORM)
        if entities is not None and not 1 <= len(entities) <= self._most_rows:
            what = f"A request holds 1 to {self._most_rows} entities."
            raise refuse("too-many-rows", what, str(len(entities)), "Ask again with fewer, or with one at least.")
        return [request.entity or {}] if entities is None else entities

    def _server(self) -> Reply:
        return json_reply({"name": "andon", "version": VERSION, "extensions": []})

    def _ready(self) -> Reply:
        routes = dict(self._routes)
        problems = {model: route.follower.problems() for model, route in routes.items()}
        ready = {model: route.follower.peek() is not None for model, route in routes.items()}
        is_ready = bool(ready) and all(ready.values())
        body = {"ready": is_ready, "models": ready, "problems": {k: v for k, v in problems.items() if v}}
        return json_reply(body, 200 if is_ready else 503)


def moment(ns: int) -> str:
    """A moment as `iso` writes it; many questions of one second share the text of that second."""
    seconds, rest = divmod(ns, SECOND_NS)
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{_second(seconds)}{decimals}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return iso(seconds * SECOND_NS).removesuffix("Z")


def _at(serving: Serving, release: str) -> Serving:
    """What serves, if it is the release that was asked for by name."""
    if release and release != serving.loaded.release:
        raise refuse(
            "unknown-version",
            "This release does not answer now.",
            release,
            f"Leave the version out, or ask for {serving.loaded.release}.",
        )
    return serving


def _metadata(model: str, serving: Serving) -> dict[str, object]:
    package = serving.loaded.package
    return {
        "name": model,
        "versions": [serving.loaded.release],
        "platform": f"andon_{package.format}",
        "inputs": [{"name": feature.name, "datatype": "FP64", "shape": [-1, 1]} for feature in package.features],
        "outputs": [{"name": OUTPUT, "datatype": "FP64", "shape": output_shape(package)}],
    }


def _told(package: Package, made: Prediction, features: Mapping[str, object] | None) -> EntityPrediction:
    shown = None if features is None else _shown(features)
    if package.task != "classes":
        return EntityPrediction(made.id, made.outputs[0], None, shown)
    probabilities = dict(zip(package.classes, made.outputs, strict=True))
    return EntityPrediction(made.id, max(probabilities, key=lambda name: probabilities[name]), probabilities, shown)


def _shown(features: Mapping[str, object]) -> Shown:
    return {
        name: value if isinstance(value, bool | int | float | str | tuple) else None for name, value in features.items()
    }


def _decode(decoder: msgspec.json.Decoder[T], body: bytes, form: str) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise refuse("malformed", "The request has not the form it must have.", str(error), form) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refuse("not-json", "The body of the request is not JSON.", str(error), form) from error


def _only(allowed: str, method: str, body: bytes) -> bytes:
    if method != allowed:
        raise refuse("method", f"This path takes {allowed} only.", method, f"Send it as {allowed}.")
    return body


def _get(method: str, answer: Callable[[], Reply]) -> Reply:
    _only("GET", method, b"")
    return answer()


def _unknown_model(model: str, known: Sequence[str]) -> Exception:
    return refuse("unknown-model", "This server does not serve that model.", model, f"Ask for {', '.join(known)}.")


def _unknown_path(path: str) -> Exception:
    paths = "/v2, /v2/health/ready, /v2/models/MODEL, /v2/models/MODEL/infer, /predict/FACTORY/MODEL, /metrics"
    return refuse("unknown-path", "There is nothing at this path.", path, f"Ask for one of {paths}.")
