"""Texts from a set of texts as typed expressions: compared, looked for in a list, and numbered for a model."""

from __future__ import annotations

from andon.api.lift import constant
from andon.api.typed import Bool, Comparable, Float, Int, is_among, two_sided
from andon.expressions import tree
from andon.expressions.functions import CATEGORY


class Category(Comparable):
    """A text from a set of texts."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: Category | str) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("eq", self, other))

    def __ne__(self, other: Category | str) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("ne", self, other))

    def is_in(self, values: tuple[str, ...]) -> Bool:
        """Whether it is one of these."""
        return is_among(self, values)

    def starts_with(self, prefix: str) -> Bool:
        """Whether it begins with this text."""
        return self._text("starts_with", prefix)

    def ends_with(self, suffix: str) -> Bool:
        """Whether it ends with this text."""
        return self._text("ends_with", suffix)

    def contains(self, text: str) -> Bool:
        """Whether this text, taken as it stands, is somewhere in it."""
        return self._text("contains", text)

    def head(self, number: int) -> Category:
        """Its first characters, at most `number` of them."""
        return Category(tree.apply("head", self.node, number=number), self.home)

    def len_chars(self) -> Int:
        """How many characters (Unicode code points) it has."""
        return Int(tree.apply("len_chars", self.node), self.home)

    def _text(self, op: str, text: str) -> Bool:
        return Bool(tree.apply(op, self.node, constant(text, CATEGORY)), self.home)

    def fill_null(self, value: Category | str) -> Category:
        """This, or `value` where it is null."""
        return Category(*two_sided("fill_null", self, value))

    def codes(self, *, min_count: int = 1) -> Int:
        """Its number in the sorted list of the texts that occur at least `min_count` times in the rows to fit on.

        Others are -1, null stays null. The list is learned once and is then a constant of the feature plan.
        """
        return Int(tree.apply("codes", self.node, min_count=min_count), self.home)

    def target_mean(self, *, smoothing: int = 20, of: str | None = None) -> Float:
        """The mean label of the rows to fit on that have this text.

        The means are learned once and are then constants of the feature plan. A row to fit on gets the mean of other
        stretches of time than its own, so that it never learns its own label. A text that was not there has the mean of
        all rows, null stays null.

        Args:
            smoothing: How many rows of the mean of all rows are added to those of each text; the fewer rows a text has,
                the nearer it is to the mean of all.
            of: For a label that is a category: the class whose share is meant.
        """
        named = {} if of is None else {"of": of}
        return Float(tree.apply("target_mean", self.node, smoothing=smoothing, **named), self.home)
