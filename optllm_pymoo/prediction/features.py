"""From query texts to the features of the success predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from optllm_pymoo.prediction.texts import COUNTS, TfidfSVD, as_texts, surface_counts
from optllm_pymoo.tolerances import SINGULAR
from optllm_pymoo.validation import UserError, as_whole


def _as_reader(text: Any, texts: list[str]) -> Callable[[list[str]], Any]:
    """Make a function from texts to numbers; a transformer is cloned and fitted."""
    if hasattr(text, "fit") and hasattr(text, "transform"):
        reader: Callable[[list[str]], Any] = clone(text).fit(sorted(texts)).transform  # in any order alike
    elif callable(getattr(text, "encode", None)) and not isinstance(text, str):
        reader = text.encode
    elif callable(text):
        reader = text
    else:
        known = "a transformer, an object with encode() or a function list[str] -> (N, D)"
        raise UserError(f"text must be {known}; got {text!r:.60}")
    return reader


_MAX_FIT: Final = 10_000  # texts from which components are learned: memory is in double precision
_BLOCK: Final = 4_096  # texts projected at a time


class _Reduced:
    """The columns of a text model of the user, as principal components where they are many."""

    def __init__(self, reader: Callable[[list[str]], Any], n_components: int | None, seed: int) -> None:
        self.reader, self.n_components, self.seed = reader, n_components, seed
        self.n_read = 0
        self.mean: NDArray[np.float64] | None = None

    @property
    def n_columns(self) -> int:
        """Columns that `transform` returns."""
        return self.n_read if self.mean is None else len(self.components)

    def fit(self, texts: list[str]) -> None:
        """Learn from N distinct texts; a second one is read only if there is something to reduce."""
        self.n_read = self._read(texts[:1]).shape[1]
        if self.n_components is not None and self.n_read > self.n_components:
            self.fit_transform(texts)

    def fit_transform(self, texts: list[str]) -> NDArray[np.floating]:
        """Learn from N distinct texts, reading each once, and return their columns."""
        order = sorted(range(len(texts)), key=texts.__getitem__)
        self.n_read, self.mean = 0, None
        columns = self._read([texts[i] for i in order])
        self.n_read = columns.shape[1]
        if self.n_components is not None and self.n_read > self.n_components:
            self._fit(columns[:: -(-len(columns) // _MAX_FIT)].astype(np.float64), self.n_components)
        return self._project(columns)[np.argsort(order)]

    def _fit(self, columns: NDArray[np.float64], n_components: int) -> None:
        """Find the components that are more than rounding noise; a column of zeros if there is none."""
        scale = np.abs(columns).max() or 1.0  # squares of what is very large or small are not finite or 0
        columns /= scale
        self.mean, self.components = columns.mean(axis=0) * scale, np.zeros((1, self.n_read))
        if len(columns) > 1 and np.ptp(columns, axis=0).any():
            pca = PCA(min(n_components, len(columns) - 1), random_state=self.seed)
            with threadpool_limits(1, user_api="blas"):  # sums in one order on any machine
                pca.fit(columns)
            self.components = pca.components_[pca.singular_values_ > SINGULAR * pca.singular_values_[0]]

    def transform(self, texts: list[str]) -> NDArray[np.floating]:
        """Read texts and reduce their columns as learnt."""
        return self._project(self._read(texts))

    def _project(self, columns: NDArray[np.floating]) -> NDArray[np.floating]:
        """Reduce in double precision, so that a row's result doesn't depend on how many rows are beside it."""
        if self.mean is None:
            return columns
        out = np.empty((len(columns), len(self.components)), dtype=np.float32)
        with np.errstate(over="ignore"):  # what is too large for single precision is refused below
            for start in range(0, len(columns), _BLOCK):
                part = slice(start, start + _BLOCK)
                out[part] = (columns[part].astype(np.float64) - self.mean) @ self.components.T
        return _check_finite(out, "text features")

    def _read(self, texts: list[str]) -> NDArray[np.floating]:
        """Have the model read texts; the table must have a row per text and always the same columns."""
        columns = _as_matrix(self.reader(texts), "text features")
        if len(columns) != len(texts):
            raise UserError(f"text features must have one row per query: {len(texts)} expected, got {len(columns)}")
        if self.n_read and columns.shape[1] != self.n_read:
            raise UserError(f"text features have {columns.shape[1]} columns, in fit there were {self.n_read}")
        return columns


class QueryFeatures(TransformerMixin, BaseEstimator):
    """Turn queries into numbers: topics of the text, and counts of its characters.

    Fit it on all texts of the batch, labelled or not: it uses no labels, and the texts to plan are already known.
    Nothing is downloaded. A table of numbers is returned unchanged.

    Args:
        text: A text model beside the built-in features: an embedding model with `encode(list[str])`, a function
            list[str] -> (N, D), or any scikit-learn transformer of strings (it is cloned). None: nothing.
        text_components: Largest number of columns of `text`. If it has more, they are reduced to their principal
            components, as float32: hundreds of columns would crowd out the built-in ones. None: all are kept.
        n_components: Columns of `TfidfSVD`, the topics of the built-in view, at most.
        topics: Whether to use these; always without `text`.
        surface: Whether to append counts of the surface of a text: length, digits, punctuation, casing, lines.
        random_state: Seed or `RandomState` for the topics and the principal components.

    Examples:
        >>> texts = ["What is 2 + 2?", "Name a river", "", "何時ですか"]
        >>> QueryFeatures(random_state=0).fit_transform(texts).shape
        (4, 39)
        >>> def length(texts):
        ...     return [[len(text)] for text in texts]
        >>> QueryFeatures(length, random_state=0).fit_transform(texts).shape
        (4, 40)
        >>> QueryFeatures(length, topics=False, surface=False).fit_transform(texts).T
        array([[14., 12.,  0.,  5.]])
        >>> QueryFeatures().fit_transform([[1.0, 2.0]])
        array([[1., 2.]])
    """

    def __init__(
        self,
        text: Any = None,
        *,
        text_components: int | None = 32,
        n_components: int = 100,
        topics: bool = True,
        surface: bool = True,
        random_state: Any = None,
    ) -> None:
        self.text = text
        self.text_components = text_components
        self.n_components = n_components
        self.topics = topics
        self.surface = surface
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> QueryFeatures:
        """Learn the text part, without labels.

        Args:
            X: N >= 1 strings, or numbers (N, D).
            y: Ignored.

        Returns:
            The transformer itself.

        Raises:
            UserError: If X is empty, holds something other than strings, or non-finite numbers.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.floating]:
        """Learn the text part and turn the same queries into features.

        A function or a model with `encode` reads each distinct text once; by `fit` and `transform` it would be twice.

        Args:
            X: As in `fit`.
            y: Ignored.

        Returns:
            Features, as from `transform`.

        Raises:
            UserError: As `fit` and `transform` do.
        """
        columns = self._fit(X, and_read=True)
        return self._numbers(X) if self.numeric_ else self._read(as_texts(X), columns)

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Turn queries into features; each distinct text is read once.

        Args:
            X: N strings, or numbers (N, D), as in `fit`.

        Returns:
            Features, (N, n_features_out_), finite: float32, or float64 where numbers were given or `text` returns it.

        Raises:
            UserError: If X is of another kind or width than in `fit`, or an embedding returns a wrong shape.
        """
        check_is_fitted(self)
        if _is_numeric(X) != self.numeric_:
            known, given = ("numbers", "texts") if self.numeric_ else ("texts", "numbers")
            raise UserError(f"QueryFeatures was fitted on {known} and is now given {given}; fit it again")
        features = self._numbers(X) if self.numeric_ else self._read(as_texts(X))
        if features.shape[1] != self.n_features_out_:
            raise UserError(f"features have {features.shape[1]} columns, in fit there were {self.n_features_out_}")
        return features

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns: `text_...` of topics and of a model, then `surface_...`.

        Args:
            input_features: Names of the columns where numbers are passed through; else ignored.

        Returns:
            Names, (n_features_out_,).
        """
        check_is_fitted(self)
        surface = [f"surface_{name}" for name in COUNTS] if self.surface and not self.numeric_ else []
        width = self.n_features_out_ - len(surface)
        if self.numeric_ and input_features is not None:
            return np.asarray(input_features, dtype=object)
        stem = "x" if self.numeric_ else "text_"
        return np.concatenate([np.array([f"{stem}{k}" for k in range(width)], dtype=object), surface])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the fitted state as plain arrays by name, for `from_state`.

        Raises:
            UserError: If it wasn't fitted on texts, or uses a text model of the user.
        """
        check_is_fitted(self)
        if self.numeric_ or self.topics_ is None or self.text_ is not None:
            raise UserError("only features of texts by TfidfSVD, the default, can be saved as arrays")
        return {
            "sizes": np.array([self.surface, self.topics_.n_characters_]),
            "grams": self.topics_.grams_,
            "idf": self.topics_.idf_,
            "directions": self.topics_.directions_.astype(np.float16),
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], /) -> QueryFeatures:
        """Rebuild features from `state`; they return exactly the same values.

        Args:
            arrays: By name.

        Examples:
            >>> made = QueryFeatures(random_state=0).fit(["sum two numbers", "write a poem"])
            >>> again = QueryFeatures.from_state(made.state())
            >>> np.array_equal(again.transform(["a sum"]), made.transform(["a sum"]))
            True
        """
        surface, n_characters = arrays["sizes"].tolist()
        topics = TfidfSVD()
        topics.grams_, topics.idf_, topics.n_characters_ = arrays["grams"], arrays["idf"], n_characters
        topics.directions_ = np.ascontiguousarray(arrays["directions"], dtype=np.float32)
        topics.n_features_out_ = topics.directions_.shape[1]
        made = cls(surface=bool(surface))
        made.numeric_, made.topics_, made.text_ = False, topics, None
        made.n_features_out_ = made._read([""]).shape[1]
        return made

    def _fit(self, X: Any, *, and_read: bool = False) -> NDArray[np.floating] | None:
        """Fit all parts; return the columns of `text` for the distinct texts if they are to be read."""
        n_components = self.text_components
        if n_components is not None:
            n_components = as_whole("text_components", n_components, lower=1)
        self.numeric_ = _is_numeric(X)
        if self.numeric_:
            self.n_features_out_ = self._numbers(X, reset=True).shape[1]
            return None
        texts = as_texts(X)
        if not texts:
            raise UserError("texts is empty; at least one query is needed to fit the features")
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self.text_: _Reduced | None = None
        self.topics_: TfidfSVD | None = None
        columns = None
        if self.text is not None:
            self.text_ = _Reduced(_as_reader(self.text, texts), n_components, seed)
            distinct = _distinct(texts)[1]
            if and_read:
                columns = self.text_.fit_transform(distinct)
            else:
                self.text_.fit(distinct)
        if self.topics or self.text is None:
            self.topics_ = TfidfSVD(n_components=self.n_components, random_state=seed).fit(texts)
        widths = (self.topics_ and self.topics_.n_features_out_, self.text_ and self.text_.n_columns)
        self.n_features_out_ = sum(filter(None, widths)) + self.surface * len(COUNTS)
        return columns

    def _numbers(self, X: Any, *, reset: bool = False) -> NDArray[np.floating]:
        options = {"dtype": np.float64, "ensure_all_finite": False, "reset": reset}
        return _check_finite(validate_data(self, _as_dense(X), **options), "features")

    def _read(self, texts: list[str], columns: NDArray[np.floating] | None = None) -> NDArray[np.floating]:
        """Join the parts; `columns` are those of `text` for the distinct texts where they are known."""
        places, read = _distinct(texts)
        parts: list[NDArray[np.floating]] = []
        if self.topics_ is not None:
            parts.append(self.topics_.transform(read))
        if self.text_ is not None:
            parts.append(self.text_.transform(read) if columns is None else columns)
        if self.surface:
            parts.append(surface_counts(read))
        features = np.hstack(parts)
        return features if len(read) == len(texts) else features[places]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.sparse = True
        return tags


def _distinct(texts: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return where each text is among the distinct ones, and these in order of appearance."""
    places, distinct = pd.factorize(np.array(texts, dtype=object))
    return places, distinct.tolist()


def _is_numeric(X: Any) -> bool:
    """Whether X is a table of numbers (an array, sparse matrix or frame of them) and not of texts."""
    if hasattr(X, "dtypes") and hasattr(X, "select_dtypes"):
        return bool(len(X.columns) == X.select_dtypes(["number", "bool"]).shape[1])
    if hasattr(X, "tocsr"):
        return True
    if isinstance(X, Iterator):
        raise UserError("queries are read more than once, and a generator can't be; wrap it in list(...)")
    if isinstance(X, str):
        return False
    array = np.asarray(X) if hasattr(X, "__array__") else np.asarray(list(X), dtype=object)
    if array.dtype == object:
        return array.ndim == 2 and not isinstance(next(iter(array.flat), ""), (str, bytes))
    return array.dtype.kind in "fiubc"


def _as_matrix(X: Any, name: str) -> NDArray[np.floating]:
    """Convert an array, frame, sparse matrix or vectors one by one to a finite matrix (N, D); float32 is kept."""
    try:
        matrix = np.asarray(list(X) if isinstance(X, Iterator) else _as_dense(X))
        if matrix.dtype != np.float32:
            matrix = matrix.astype(np.float64)
    except (TypeError, ValueError) as error:  # rows of several lengths, text, nothing
        raise UserError(f"{name} must be a row of numbers per query, all equally long: {error}") from None
    if matrix.ndim != 2:
        raise UserError(f"{name} must have shape (N, D), got {matrix.shape}. Reshape your data: one row per query")
    return _check_finite(matrix, name)


def _as_dense(X: Any) -> Any:
    """Convert a sparse matrix to a dense one; return anything else unchanged."""
    return X.toarray() if hasattr(X, "toarray") else X


def _check_finite(matrix: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    """Refuse NaN and infinity, naming the first place."""
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise UserError(f"{name} must hold neither NaN nor inf; {name}[{row}, {column}] = {matrix[row, column]}")
    return matrix
