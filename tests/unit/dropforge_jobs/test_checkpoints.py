from pathlib import Path

import numpy as np
import pytest

from dropforge_jobs.checkpoints import KEPT, Checkpoint, load, save


def checkpoint(step: int, of: str = "this") -> Checkpoint:
    """Return one whose arrays tell its step."""
    arrays = [np.full((3, 4), step, np.float32), np.array(step)]
    return Checkpoint(step, {"fingerprint": of, "epoch": step}, arrays)


def step_of(folder: Path) -> int | None:
    """Return the step that training would go on from."""
    found = load(folder, "this")
    return found.step if found else None


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """State and arrays, in their order, with shape and type."""
    save(tmp_path / "new", checkpoint(7))
    found = load(tmp_path / "new", "this")
    assert found is not None
    assert (found.step, found.state) == (7, {"fingerprint": "this", "epoch": 7})
    for array, expected in zip(found.arrays, checkpoint(7).arrays, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_there_may_be_none(tmp_path: Path) -> None:
    """A first start has no folder, or an empty one."""
    assert step_of(tmp_path) is None
    assert step_of(tmp_path / "missing") is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_half_written_checkpoint_is_not_used(tmp_path: Path, share: float) -> None:
    """However much of it there is, under its final name: the one before is taken."""
    save(tmp_path, checkpoint(1))
    path = save(tmp_path, checkpoint(2))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert step_of(tmp_path) == 1


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    """In the middle of the numbers, where nothing else would tell."""
    save(tmp_path, checkpoint(1))
    path = save(tmp_path, checkpoint(2))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert step_of(tmp_path) == 1


def test_a_file_that_was_being_written_is_no_checkpoint(tmp_path: Path) -> None:
    """It has not got its name yet."""
    path = save(tmp_path, checkpoint(2))
    path.rename(path.with_suffix(".npz.~"))
    assert step_of(tmp_path) is None


def test_that_of_another_training_is_left_out(tmp_path: Path) -> None:
    """Other data or parameters: there is nothing to go on with."""
    save(tmp_path, checkpoint(1))
    save(tmp_path, checkpoint(2, of="another"))
    assert step_of(tmp_path) == 1


def test_old_ones_go(tmp_path: Path) -> None:
    """The newest and one to fall back to stay."""
    for step in range(5):
        save(tmp_path, checkpoint(step))
    assert len(list(tmp_path.iterdir())) == KEPT
    assert step_of(tmp_path) == 4
