"""One file of arrays: what was written is what is read, and nothing else is taken for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from routing.prepared import MAGIC, load, save
from routing.times import RoadError

some_arrays = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.sampled_from([np.int32, np.uint8, np.int64, np.float32, np.bool_]).flatmap(
        lambda kind: arrays(kind, array_shapes(min_dims=1, min_side=0, max_side=9))
    ),
    max_size=5,
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    save(tmp_path / "a.roads", "roads", 3, {"seconds": np.arange(1000, dtype=np.int32)}, source="porto")
    return tmp_path / "a.roads"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(some_arrays)
def test_arrays_are_read_as_they_were_written(tmp_path: Path, written: dict[str, NDArray[Any]]) -> None:
    save(tmp_path / "x", "roads", 1, written, source="æøå")
    read, about = load(tmp_path / "x", "roads", 1)
    assert about == {"source": "æøå"}
    assert list(read) == list(written)
    for name, array in written.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_arrays_are_mapped_and_cannot_be_written_to(kept: Path) -> None:
    read, _ = load(kept, "roads", 3)
    assert not read["seconds"].flags.writeable
    assert read["seconds"].ctypes.data % 64 == 0


def test_the_same_arrays_give_the_same_bytes(kept: Path, tmp_path: Path) -> None:
    save(tmp_path / "b", "roads", 3, {"seconds": np.arange(1000, dtype=np.int32)[::1]}, source="porto")
    assert (tmp_path / "b").read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("at", [0, 5, 9, 40, 120, 200, 260, -1, -2000])
def test_a_changed_byte_anywhere_is_noticed(kept: Path, at: int) -> None:
    data = bytearray(kept.read_bytes())
    data[at] ^= 0x15
    kept.write_bytes(data)
    with pytest.raises(RoadError, match="Prepare the area again"):
        load(kept, "roads", 3)


@pytest.mark.parametrize("length", [0, 4, len(MAGIC), 20, 500, 2000])
def test_a_file_that_is_cut_off_is_refused(kept: Path, length: int) -> None:
    kept.write_bytes(kept.read_bytes()[:length])
    with pytest.raises(RoadError, match="Prepare the area again"):
        load(kept, "roads", 3)


def test_a_file_of_another_version_or_kind_says_both(kept: Path) -> None:
    with pytest.raises(RoadError, match="roads of version 3; this program reads roads of version 4"):
        load(kept, "roads", 4)
    with pytest.raises(RoadError, match="reads names of version 3"):
        load(kept, "names", 3)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RoadError, match="nowhere"):
        load(tmp_path / "nowhere", "roads", 1)
