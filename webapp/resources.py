"""Find the project's data files: beside the packages in a checkout, inside the package in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Name a file or folder under `data/`.

    The wheel carries the folder as `webapp/data`, which no checkout has, so it is looked for first: a stranger's
    `data` folder in site-packages is never taken for ours.
    """
    inside = _PACKAGE / "data"
    return (inside if inside.is_dir() else _PACKAGE.parent / "data").joinpath(*parts)
