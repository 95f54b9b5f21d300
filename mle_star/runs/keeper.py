"""Scripts of the playbook that keep what they fitted; used by predict.py of the solution folder.

Such a script fits its models by functions ``fit(X, y, seed)`` in a dict ``MODELS``, each of which
returns a function that predicts. With the lines added here a fit whose rows, labels and seed are
known from ``model.pkl`` is not done again; everything else (encodings, averages, where labels are
cut) is computed as before. So a prediction can't differ from one without the file: what does not
match is fitted anew.
"""

from __future__ import annotations

import hashlib
import re

_PLACE = re.compile(r"^# === validate ===[ \t]*$", re.MULTILINE)
_MODELS = re.compile(r"^MODELS = \{", re.MULTILINE)

_BEFORE = '''\
# === keep ===
import hashlib as _hashlib
import pathlib as _pathlib

import cloudpickle as _cloudpickle

# The file is of this very script and no stranger's: unpickling runs code.
_FILE = _pathlib.Path("model.pkl")
_KEPT = _cloudpickle.loads(_FILE.read_bytes()) if _FILE.exists() else {}
_USED, _FITTED = {}, []


def _keeping(name, fit):
    """The function that predicts: kept where these rows, labels and seed were fitted before."""

    def fitted(X, y, seed):
        about = (name, list(X.columns), [str(kind) for kind in X.dtypes], str(y.dtype), seed)
        rows = pd.util.hash_pandas_object(X, index=False).to_numpy().tobytes()
        labels = np.ascontiguousarray(y).tobytes()
        key = _hashlib.sha256(repr(about).encode() + rows + labels).hexdigest()
        if key not in _KEPT:
            _KEPT[key] = fit(X, y, seed)
            _FITTED.append(key)
        _USED[key] = _KEPT[key]
        return _USED[key]

    return fitted


MODELS = {name: _keeping(name, fit) for name, fit in MODELS.items()}


'''
_AFTER = """

# === kept ===
if _FITTED:
    _pathlib.Path("final/model.pkl").write_bytes(_cloudpickle.dumps(_USED))
"""


def keeping(script: str) -> str | None:
    """The script with these lines; None where it is not of the playbook's form."""
    place = _PLACE.search(script)
    models = _MODELS.search(script)
    if place is None or models is None or models.start() > place.start():
        return None
    at = place.start()
    return script[:at] + _BEFORE + script[at:].rstrip("\n") + _AFTER


def model_name(script: str) -> str:
    """Name of the file with what the script fitted; another script has another one."""
    return f"{hashlib.sha256(script.encode()).hexdigest()[:16]}.pkl"
