"""A file appears under its name when it is whole, whatever else lies in its folder."""

from __future__ import annotations

import os
import stat

import pytest

from vcffilter.errors import OutputError
from vcffilter.files import UnfinishedFile, publish, text_file, write_bytes, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_name_comes_with_the_last_byte(tmp_path):
    with text_file(tmp_path / "a.txt") as stream:
        stream.write("half")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "half"
    assert names(tmp_path) == ["a.txt"]


def test_a_block_that_raises_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), text_file(tmp_path / "a.txt") as stream:
        stream.write(f"half {1 / 0}")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_two_writers_of_one_name_do_not_meet(tmp_path):
    one, two = UnfinishedFile(tmp_path / "a"), UnfinishedFile(tmp_path / "a")
    assert one.path != two.path
    one.discard()
    two.publish()
    assert names(tmp_path) == ["a"]


def test_a_planted_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".a.{os.getpid()}.tmp").symlink_to(victim)
    unfinished = UnfinishedFile(tmp_path / "a")
    unfinished.path.unlink()
    unfinished.path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        unfinished.open_descriptor()
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("old_mode", [None, 0o640, 0o604])
def test_permissions_are_those_that_open_would_give(tmp_path, old_mode):
    path, like = tmp_path / "a", tmp_path / "like"
    for one in (path, like):
        if old_mode is not None:
            one.touch()
            one.chmod(old_mode)
    like.write_text("x")
    write_text(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(like.stat().st_mode)


def test_a_device_is_written_itself():
    write_bytes("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_long_name_fits(tmp_path):
    write_text(tmp_path / ("n" * 250), "x")
    assert names(tmp_path) == ["n" * 250]


def test_several_files_come_together_or_not_at_all(tmp_path):
    first, second = UnfinishedFile(tmp_path / "first"), UnfinishedFile(tmp_path / "second")
    (tmp_path / "second").mkdir()
    with pytest.raises(OutputError, match="second"):
        publish([first, second])
    assert names(tmp_path) == ["second"]


@pytest.mark.parametrize(("path", "hint"), [("no/such/a", "Make the folder first"), (".", "folder has this name")])
def test_what_cannot_be_written_says_what_to_do(tmp_path, path, hint):
    with pytest.raises(OutputError, match=hint):
        write_text(tmp_path / path, "x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_named():
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left"):
        write_text("/dev/full", "x")


def test_an_error_of_the_input_stays_its_own(tmp_path):
    with pytest.raises(FileNotFoundError), text_file(tmp_path / "a"):
        open(tmp_path / "absent").close()
    assert names(tmp_path) == []
