"""Numbers from image files: a classical baseline, far behind a fitted network.

What is read from an image: its grey values on a small grid, how rough each part is, and how often
each shade of each colour occurs (colour histograms: Swain and Ballard 1991).
"""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.tasks.pictures import SUFFIXES

IMPORTS = (
    "import os",
    "from concurrent.futures import ThreadPoolExecutor",
    "from pathlib import Path",
    "from PIL import Image",
)

_CODE = '''

def image_files(part: str) -> dict[str, Path]:
    """Image files by their names with and without folders and suffix.

    Of several with one name, one in a folder of the part itself is taken.
    """
    places = [(Path(folder), file) for folder, _, files in WALK for file in files]
    places = [place for place in places if place[1].lower().endswith(SUFFIXES)]
    found = {}
    for folder, file in sorted(places, key=lambda place: part in str(place[0]).lower()):
        places = [*folder.parts, file]
        for i in range(len(places)):
            name = "/".join(places[i:])
            found[name] = found[os.path.splitext(name)[0]] = folder / file
    return found


def file_of(name: object, files: dict[str, Path]) -> Path | None:
    """The file that a cell names, with as many of its folders as are there."""
    places = str(name).split("/")
    tails = ("/".join(places[i:]) for i in range(len(places)))
    return next((files[tail] for tail in tails if tail in files), None)


def look_at(path: Path | None) -> np.ndarray:
    """Grey values on a grid of 12 x 12, roughness on 4 x 4, shades of red, green and blue.

    Missing values where there is no image, or none that can be read.
    """
    nothing = np.full(190, np.nan, dtype=np.float32)
    if path is None:
        return nothing
    try:
        with Image.open(path) as image:
            image.draft("RGB", (64, 64))
            pixels = np.asarray(image.convert("RGB").resize((48, 48)), dtype=np.float32) / 255
    except (OSError, ValueError):
        return nothing
    grey = pixels.mean(axis=2)
    grid = grey.reshape(12, 4, 12, 4).mean(axis=(1, 3))
    steps = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(
        np.diff(grey, axis=1, append=grey[:, -1:])
    )
    rough = steps.reshape(4, 12, 4, 12).mean(axis=(1, 3))
    shades = [np.histogram(pixels[:, :, c], 8, (0, 1))[0] / grey.size for c in range(3)]
    colours = pixels.reshape(-1, 3)
    parts = [grid.ravel(), rough.ravel(), *shades, colours.mean(axis=0), colours.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


def read_pictures(table: pd.DataFrame, part: str) -> pd.DataFrame:
    """What is seen in the image of each row; a missing image gives missing values."""
    files = image_files(part)
    paths = [file_of(name, files) for name in table[PICTURE]]
    with ThreadPoolExecutor(THREADS) as pool:
        seen = np.stack(list(pool.map(look_at, paths)))
    return table.join(pd.DataFrame(seen, index=table.index, columns=SEEN))


train, test = read_pictures(train, "train"), read_pictures(test, "test")
NUMERIC = NUMERIC + SEEN
'''


def reading(facts: Facts) -> list[str]:
    """Lines that join what is seen in the rows' images to both tables; none without images."""
    if facts.pictures is None:
        return []
    return [
        f"PICTURE = {literal(facts.pictures)}",
        f"SUFFIXES = {SUFFIXES!r}".replace("'", '"'),
        'SEEN = [f"seen {i}" for i in range(190)]',
        'WALK = list(os.walk("input", followlinks=True))',
        *_CODE.strip("\n").splitlines(),
    ]
