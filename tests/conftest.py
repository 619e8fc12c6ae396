"""What the tests of every room share."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ci", deadline=None)  # a shared machine must not fail a test by being slow
settings.load_profile("ci")


@pytest.fixture(scope="session")
def helsinki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare the real extract of central Helsinki once; tests only read this folder."""
    from routing.graph import prepare  # OSMnx takes seconds to import: only tests that need roads pay

    folder = tmp_path_factory.mktemp("areas") / "helsinki"
    prepare("helsinki", "helsinki", folder)
    return folder
