"""The report shows everything that was measured, loads and runs nothing, and cannot be broken out of."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.evidence import Measurement
from andon.contracts.model import Feature
from andon.line.validate.calibration import reliability
from andon.line.validate.markup import Markup, document, join, tag
from andon.line.validate.report import About, report
from andon.line.validate.stage import Champion, Rows, Trial, validate
from andon.line.validate.style import POLICY, STYLE
from andon.line.validate.words import number, percent

CHAMPION = "sha256:" + "c3" * 32
ROWS_SPLIT = {"rows_in": 10, "fit": 4, "tune": 2, "holdout": 1, "known_late": 1, "unlabelled": 1, "immature": 1}
ABOUT = About(
    factory="flights",
    model="late",
    purpose="Warn passengers",
    owner="ops-ml",
    task="binary",
    subject="sha256:" + "ab" * 32,
    snapshot="sha256:" + "12" * 32,
    as_of_ns=0,
    split={"rows": ROWS_SPLIT, "times": {"tune_from": "2013-05-24T23:00:00Z", "holdout_until": "2013-06-07T23:00:00Z"}},
    champion=CHAMPION,
    features=(Feature("hour", "int", categorical=False), Feature("carrier", "int", categorical=True)),
    made=(("Format", "lightgbm-text"), ("Seed", "7")),
)
TAGS = """html head meta title style body main header footer section h1 h2 h3 p div span dl dt dd table thead tbody tr
    th td ul li figure figcaption details summary svg rect line circle text polyline path"""
ATTRIBUTES = """class title scope role aria-label aria-hidden viewbox width height x y x1 x2 y1 y2 cx cy r rx d points
    transform text-anchor lang charset http-equiv name content"""


class Page(HTMLParser):
    """A strict reader: every tag must be known, closed, and nested as it was opened."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.titles, self.meta = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, name, attributes):
        assert name in TAGS.split()
        assert {key for key, _ in attributes} <= set(ATTRIBUTES.split())
        if name == "meta":
            self.meta.append(dict(attributes))
        else:
            self.open.append(name)
        self.titles += [value for key, value in attributes if key == "title"]

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)

    @property
    def text(self):
        return "\n".join(self.texts)


def drawn(task="binary", n=400):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 2))
    if task == "regression":
        y, p = x[:, 0] + random.normal(size=n), x[:, 0]
    elif task == "classes":
        y, p = random.integers(0, 3, n).astype(float), random.dirichlet(np.ones(3), n)
    else:
        p = 1 / (1 + np.exp(-x[:, 0]))
        y = (random.random(n) < p).astype(float)
    rows = Rows([f"h{i}" for i in range(n)], y, p, {"origin": np.array(["JFK", "LGA"])[random.integers(0, 2, n)]})
    learned = {"fit": replace(rows, ids=[f"f{i}" for i in range(n)])}
    champion = Champion(CHAMPION, p[::-1].copy(), frozenset(rows.ids[:7]))
    return Trial(task, rows, x, ABOUT.features, learned, champion, {"gain_from_fog": 0.0031, "cost": float("nan")})


@pytest.mark.parametrize("task", ["binary", "classes", "regression"])
def test_the_page_shows_every_measurement_and_every_count(task):
    trial = drawn(task)
    found = validate(trial)
    bins = reliability(trial.holdout.y, trial.holdout.p) if task == "binary" else ()
    page = Page(report(replace(ABOUT, task=task), found, bins))
    for m in found:
        assert m.metric in page.text
        assert m.value is None or number(m.value) in page.text
        assert m.problem in page.text
    for words in (
        "lightgbm-text",
        "hour, carrier (categories)",
        "2013-05-24 23:00 UTC",
        "7 rows that either",
        "gain_from_fog",
    ):
        assert words in page.text
    for digest in (ABOUT.subject, ABOUT.snapshot, CHAMPION):
        assert digest in page.titles


def test_a_first_release_has_no_champion_and_says_so():
    found = validate(replace(drawn(), champion=None))
    assert "first release" in Page(report(replace(ABOUT, champion=""), found)).text


def test_a_model_that_could_not_be_measured_still_has_a_report():
    trial = drawn()
    trial.holdout.p[3] = np.nan
    page = Page(report(ABOUT, validate(trial)))
    assert "1 of 400 predictions are not finite" in page.text
    assert Page(report(replace(ABOUT, split={}, features=(), made=()), ())).text


def test_the_page_loads_and_runs_nothing():
    html = report(ABOUT, validate(drawn()), reliability(drawn().holdout.y, drawn().holdout.p))
    assert not re.search(r"<script|javascript:|\son\w+=|\sstyle=|https?:|url\(|@import|<link|<img|<iframe", html)
    page = Page(html)
    policy = next(meta["content"] for meta in page.meta if "http-equiv" in meta)
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == POLICY
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>",
    "&lt;b&gt;",
    "'\"`<!--",
    "</td>",
]
HOSTILE = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30) | st.sampled_from(ATTACKS)


def squeezed(text):
    return re.sub(r"\s", "", text)


@settings(deadline=None, max_examples=60)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_name_breaks_out_of_the_page(name, value, problem):
    about = replace(
        ABOUT,
        model=name,
        purpose=value,
        features=(Feature(name, "int", categorical=True),),
        made=((name, value),),
        split={"rows": {name: 3, "fit": 2}, "times": {"holdout_until": value}},
    )
    found = (
        Measurement("auc", 0.7, 0.6, 0.8, n=9),
        Measurement("auc", 0.7, 0.6, 0.8, n=9, slice=f"{name}={value}"),
        Measurement(f"factory:{name}", None, problem=problem, measured_by="factory"),
        Measurement("leak.feature.max_auc", 0.9, n=9),
        Measurement("leak.feature.auc", 0.9, n=9, slice=f"feature={value}"),
    )
    page = Page(report(about, found))
    for text in (name, value, problem):
        assert squeezed(text) in squeezed(page.text)


@settings(deadline=None)
@given(st.recursive(HOSTILE, lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_text_comes_out_of_markup_as_it_went_in(tree):
    def build(node):
        return (
            node if isinstance(node, str) else tag("div", *(build(child) for child in node), title="".join(flat(node)))
        )

    def flat(node):
        return [node] if isinstance(node, str) else [text for child in node for text in flat(child)]

    texts = []

    class Read(HTMLParser):
        def handle_data(self, data):
            texts.append(data)

        def handle_starttag(self, name, attributes):
            assert name == "div"

    reader = Read()
    reader.feed(join(build(tree)))
    reader.close()
    assert "".join(texts) == "".join(flat(tree))


def test_markup_refuses_names_that_are_no_names():
    for name in ("a b", "1a", "a>"):
        with pytest.raises(ValueError, match=re.escape(name)):
            tag(name)
    with pytest.raises(ValueError, match="div"):
        tag("div", **{"on click": "x"})
    with pytest.raises(ValueError, match="style"):
        document("t", "</style>", POLICY, Markup(""))
    assert "<" not in STYLE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.78361, "0.7836"),
        (0.0, "0"),
        (3.0, "3"),
        (12345.6, "12,346"),
        (0.00012, "0.00012"),
        (-0.5, "-0.5000"),
        (33.333, "33.33"),
    ],
)
def test_numbers_have_the_digits_that_help(value, text):
    assert number(value) == text


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_share_is_never_rounded_to_all_or_nothing(count, total):
    count = min(count, total)
    assert (percent(count, total) in ("0.0 %",)) == (count == 0)
    assert (percent(count, total) == "100.0 %") == (count == total)
