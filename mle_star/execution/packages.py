"""What an interpreter has installed: import names for the engineer, versions for the cache key."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import subprocess
import sys

from mle_star.errors import SettingsError

KNOWN: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "polars": ("polars",),
    "pyarrow": ("pyarrow",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "imblearn": ("imbalanced-learn",),
    "category_encoders": ("category-encoders",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "optuna": ("optuna",),
    "statsmodels": ("statsmodels",),
    "joblib": ("joblib",),
    "numba": ("numba",),
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "timm": ("timm",),
    "transformers": ("transformers",),
    "sentence_transformers": ("sentence-transformers",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "jax": ("jax",),
    "pytorch_tabnet": ("pytorch-tabnet",),
    "pytabkit": ("pytabkit",),
    "tabpfn": ("tabpfn",),
    "autogluon": ("autogluon", "autogluon.tabular"),
    "nltk": ("nltk",),
    "spacy": ("spacy",),
    "PIL": ("pillow",),
    "cv2": ("opencv-python", "opencv-python-headless"),
    "skimage": ("scikit-image",),
    "networkx": ("networkx",),
    "librosa": ("librosa",),
    "prophet": ("prophet",),
}
"""Import name -> distributions that bring it."""

_QUERY = """
import importlib.metadata, json, platform, sys
found = {}
for name in json.loads(sys.argv[1]):
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
version = platform.python_implementation() + " " + platform.python_version()
print(json.dumps({"python": version, "found": found}))
"""


@functools.lru_cache(maxsize=8)
def interpreter_versions(python: str, image: str = "") -> tuple[tuple[str, str], ...]:
    """Version of an interpreter and of the known packages it has, as sorted (import name, version).

    Args:
        python: the interpreter.
        image: container image it lies in; empty: this machine. The version then names the image's
            content, too.

    Raises:
        SettingsError: the interpreter can't be started.
    """
    if image:
        version, found = _ask_image(python, image)
    elif os.path.abspath(python) == os.path.abspath(sys.executable):  # noqa: PTH100 - links must stay
        version, found = _own()
    else:
        version, found = _ask(python)
    packages = {
        name: next(found[d] for d in distributions if d in found)
        for name, distributions in KNOWN.items()
        if any(d in found for d in distributions)
    }
    return (("", version), *sorted(packages.items()))


def installed_packages(python: str, image: str = "") -> frozenset[str]:
    """Import names, among well-known packages, that a script of this interpreter may use.

    Raises:
        SettingsError: the interpreter can't be started.
    """
    return frozenset(name for name, _ in interpreter_versions(python, image) if name)


def _distributions() -> list[str]:
    return [name for names in KNOWN.values() for name in names]


def _own() -> tuple[str, dict[str, str]]:
    import platform

    found = {}
    for name in _distributions():
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{platform.python_implementation()} {platform.python_version()}", found


def _ask_image(python: str, image: str) -> tuple[str, dict[str, str]]:
    from mle_star.execution.cages.engine import image_digest, run_in

    content = image_digest(image)
    try:
        value = json.loads(
            run_in(image, python, ["-I", "-c", _QUERY, json.dumps(_distributions())])
        )
        return f"{value['python']} in {content}", value["found"]
    except (ValueError, KeyError):
        raise SettingsError(
            f"The interpreter {python!r} of the image {image!r} does not say what it has: "
            "name an image whose Python runs by itself."
        ) from None


def _ask(python: str) -> tuple[str, dict[str, str]]:
    try:
        answer = subprocess.run(
            [python, "-I", "-c", _QUERY, json.dumps(_distributions())],
            capture_output=True,
            check=True,
            timeout=60,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
        value = json.loads(answer.stdout)
        return value["python"], value["found"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        raise SettingsError(
            f"The interpreter {python!r} can't be started: "
            "set 'python' to a Python 3.8 or newer that exists."
        ) from None
