"""Strategies for ``encode`` on numbers and text: clusters, neighbours, topics, opinions.

Everything is learnt from the fitting rows; what is learnt from the target is cross-fitted among
them.
"""

from __future__ import annotations

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.engineer.playbook.strategies import columns
from mle_star.engineer.playbook.strategies.encodings import KFOLD, goals, learnt
from mle_star.engineer.playbook.strategies.strategy import named

_SCALED = """
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    numbers.fit(X_fit[NUMERIC])
    spaces = [numbers.transform(source[NUMERIC]) for source in sources]
"""
_SCALED_IMPORTS = (
    "from sklearn.impute import SimpleImputer",
    "from sklearn.pipeline import make_pipeline",
    "from sklearn.preprocessing import StandardScaler",
)


def _many(brief: Brief, least: int) -> bool:
    return len(Facts(brief).numeric) >= least


CLUSTERS = learnt(
    "cluster-distances",
    "clusters",
    lambda brief: 0.08 if _many(brief, 4) else 0.0,
    lambda _: "Add the distances to eight k-means centres of the scaled numbers.",
    lambda _: (
        _SCALED
        + """
    centres = KMeans(8, n_init=3, random_state=SEED).fit(spaces[0])
    for X, space in zip(tables, spaces):
        for k, distance in enumerate(centres.transform(space).T):
            X[f"distance to centre {k}"] = distance
    """
    ),
    imports=(*_SCALED_IMPORTS, "from sklearn.cluster import KMeans"),
)

_NEIGHBOURS = '''
def neighbour_means(
    known: np.ndarray, goal: np.ndarray, asked: np.ndarray, counts: tuple[int, ...]
) -> np.ndarray:
    """Mean goal among the nearest known rows, one column per number of neighbours."""
    tree = NearestNeighbors(n_neighbors=min(max(counts), len(known))).fit(known)
    nearest = tree.kneighbors(asked, return_distance=False)
    return np.column_stack([goal[nearest[:, :count]].mean(axis=1) for count in counts])


def neighbour_columns(
    spaces: list[np.ndarray], goal: np.ndarray, counts: tuple[int, ...]
) -> list[np.ndarray]:
    """Neighbour means of every space; in the first, whose goals are known, from its other parts."""
    inner = np.zeros((len(goal), len(counts)))
    for known, asked in KFold(10, shuffle=True, random_state=SEED).split(spaces[0]):
        inner[asked] = neighbour_means(spaces[0][known], goal[known], spaces[0][asked], counts)
    return [inner, *(neighbour_means(spaces[0], goal, space, counts) for space in spaces[1:])]
'''
_NEIGHBOUR_IMPORTS = (KFOLD, "from sklearn.neighbors import NearestNeighbors")

PLACE_NEIGHBOURS = learnt(
    "place-neighbours",
    "neighbours",
    # Prices, species and incomes of the neighbourhood say more than any split along the axes.
    lambda brief: 0.9 if columns.coordinates(brief) else 0.0,
    lambda brief: (
        "Add the cross-fitted mean target of the nearest 5, 15 and 40 rows by "
        + named(columns.coordinates(brief)[0])
        + "."
    ),
    lambda brief: (
        f"""
    for x, y_axis in {literal(columns.coordinates(brief)[:2])}:
        middle = X_fit[[x, y_axis]].mean()
        # A degree of longitude is shorter than a degree of latitude.
        shrink = np.array([np.cos(np.deg2rad(middle[y_axis])), 1.0])
        spaces = [source[[x, y_axis]].fillna(middle).to_numpy() * shrink for source in sources]
        for suffix, goal in {goals(Facts(brief))}.items():
            means = neighbour_columns(spaces, goal, (5, 15, 40))
            for X, values in zip(tables, means):
                for count, column in zip((5, 15, 40), values.T):
                    X[f"{{x}} {{count}} neighbours{{suffix}}"] = column
    """
    ),
    imports=_NEIGHBOUR_IMPORTS,
    helpers=_NEIGHBOURS,
)

NEIGHBOURS = learnt(
    "neighbour-target",
    "neighbours",
    # In time order near rows are also near in time: the cross-fitted means promise too much.
    lambda brief: 0.2 if _many(brief, 3) and not brief.task.time else 0.0,
    lambda _: (
        "Add the cross-fitted mean target of the nearest 8 and 30 rows in the scaled numbers."
    ),
    lambda brief: (
        _SCALED
        + f"""
    for suffix, goal in {goals(Facts(brief))}.items():
        means = neighbour_columns(spaces, goal, (8, 30))
        for X, values in zip(tables, means):
            for count, column in zip((8, 30), values.T):
                X[f"mean of {{count}} neighbours{{suffix}}"] = column
    """
    ),
    imports=(*_SCALED_IMPORTS, *_NEIGHBOUR_IMPORTS),
    helpers=_NEIGHBOURS,
)

LETTERS = learnt(
    "letter-topics",
    "letters",
    lambda brief: 0.5 if Facts(brief).text else 0.0,
    lambda brief: f"Add 30 topics of the letter sequences of {named(Facts(brief).text)}.",
    lambda _: (
        """
    for column in TEXT:
        letters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), min_df=3, max_features=30_000, sublinear_tf=True
        ).fit(X_fit[column])
        count = min(30, len(letters.vocabulary_) - 1)
        topics = TruncatedSVD(count, random_state=SEED).fit(letters.transform(X_fit[column]))
        names = [f"{column} letters {k}" for k in range(count)]
        for i, source in enumerate(sources):
            weights = topics.transform(letters.transform(source[column]))
            tables[i] = tables[i].join(pd.DataFrame(weights, index=source.index, columns=names))
    """
    ),
    imports=(
        "from sklearn.decomposition import TruncatedSVD",
        "from sklearn.feature_extraction.text import TfidfVectorizer",
    ),
)

OPINION = learnt(
    "text-opinion",
    "opinion",
    lambda brief: 0.8 if Facts(brief).text else 0.0,
    lambda brief: (
        f"Add what a ridge regression on the words of {named(Facts(brief).text)} "
        "predicts, cross-fitted."
    ),
    lambda brief: (
        f"""
    for column in TEXT:
        texts = [source[column] for source in sources]
        for suffix, goal in {goals(Facts(brief))}.items():
            reader = make_pipeline(
                TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), Ridge(1.0)
            )
            halves = KFold(5, shuffle=True, random_state=SEED)
            inner = cross_val_predict(reader, texts[0], goal, cv=halves)
            reader.fit(texts[0], goal)
            opinions = [inner, *(reader.predict(text) for text in texts[1:])]
            for X, values in zip(tables, opinions):
                X[f"{{column}} opinion{{suffix}}"] = values
    """
    ),
    imports=(
        "from sklearn.feature_extraction.text import TfidfVectorizer",
        "from sklearn.linear_model import Ridge",
        "from sklearn.model_selection import KFold, cross_val_predict",
        "from sklearn.pipeline import make_pipeline",
    ),
)

ALL = (CLUSTERS, PLACE_NEIGHBOURS, NEIGHBOURS, LETTERS, OPINION)
