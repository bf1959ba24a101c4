"""Files of time tags: what is written is read, the vendor's layout byte for byte, and what is wrong is told."""

import json
import struct

import numpy as np
import pytest
from typer.testing import CliRunner

from quantumlink.cli import app
from quantumlink.hardware import Detector, Fiber
from quantumlink.hardware.continuous_source import ContinuousSource
from quantumlink.qkd.timetags import TimeTags, read_tags, simulate_tags, write_tags

INT, FLOAT, TEXT, EMPTY = 0x10000008, 0x20000008, 0x4001FFFF, 0xFFFF0008


def ptu(records, kind, *, unit_s=1e-12, count=None):
    """A unified file as the vendor's tables lay it out."""

    def tag(name, type_, value, index=-1):
        return name.encode().ljust(32, b"\0") + struct.pack("<iI", index, type_) + value

    comment = b"made by hand\0\0\0\0"
    return b"".join(
        [
            b"PQTTTR\0\0",
            b"1.0.00\0\0",
            tag("File_Comment", TEXT, struct.pack("<q", len(comment))) + comment,
            tag("MeasDesc_GlobalResolution", FLOAT, struct.pack("<d", unit_s)),
            tag("HWInpChan_CFDLevel", INT, struct.pack("<q", -80), index=0),
            tag("TTResultFormat_TTTRRecType", INT, struct.pack("<q", kind)),
            tag("Measurement_Mode", INT, struct.pack("<q", 2)),
            tag("TTResultFormat_BitsPerRecord", INT, struct.pack("<q", 32)),
            tag("TTResult_NumberOfRecords", INT, struct.pack("<q", len(records) if count is None else count)),
            tag("Header_End", EMPTY, struct.pack("<q", 0)),
            np.array(records, dtype="<u4").tobytes(),
        ]
    )


def t2(special, channel, time):
    return special << 31 | channel << 25 | time


@pytest.mark.parametrize("kind", [0x01010204, 0x00010205, 0x00010206, 0x00010207])
def test_records_with_a_special_bit(tmp_path, kind):
    records = [
        t2(0, 0, 7),  # input 1
        t2(1, 0, 9),  # sync
        t2(1, 3, 11),  # a marker
        t2(0, 2, (1 << 25) - 1),
        t2(1, 63, 1),
        t2(0, 1, 5),
        t2(1, 63, 40),
        t2(1, 63, 0),  # counts as one
        t2(0, 0, 6),
    ]
    file = tmp_path / "a.ptu"
    file.write_bytes(ptu(records, kind, unit_s=5e-12))
    tags = read_tags(file)
    wrap = 1 << 25
    assert tags.times_ps.tolist() == [35, 45, 5 * (wrap - 1), 5 * (wrap + 5), 5 * (42 * wrap + 6)]
    assert tags.channels.tolist() == [1, 0, 3, 2, 1]
    assert not tags.simulated


def test_records_of_the_picoharp_300(tmp_path):
    records = [0 << 28 | 10, 1 << 28 | 20, 15 << 28 | 0, 4 << 28 | 3, 15 << 28 | 2, 15 << 28 | 0, 2 << 28 | 1]
    file = tmp_path / "a.ptu"
    file.write_bytes(ptu(records, 0x00010203, unit_s=4e-12))
    tags = read_tags(file)
    assert tags.times_ps.tolist() == [40, 80, 4 * (210_698_240 + 3), 4 * (2 * 210_698_240 + 1)]
    assert tags.channels.tolist() == [0, 1, 4, 2]


def test_an_unfinished_file_says_no_number_of_records(tmp_path):
    file = tmp_path / "a.ptu"
    file.write_bytes(ptu([t2(0, 0, 7), t2(0, 1, 8)], 0x00010207, count=0))
    assert len(read_tags(file)) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ptu([t2(0, 0, 7)] * 3, 0x00010207)[:-4], "header says 3 records, 2 are there"),
        (ptu([t2(0, 0, 7)] * 3, 0x00010207)[:-2], "header says 3 records, 2 are there"),
        (ptu([], 0x00010207)[:200], "its header has no end"),
        (ptu([t2(0, 0, 7)], 0x00010303), "type 0x00010303; read are PicoHarp 300 T2"),
        (b"PQHISTO\0" + bytes(100), "must begin with PQTTTR"),
        (ptu([t2(0, 0, 7)], 0x00010207, unit_s=float("nan")), "MeasDesc_GlobalResolution"),
    ],
)
def test_what_is_wrong_with_a_vendors_file(tmp_path, content, words):
    file = tmp_path / "a.ptu"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_tags(file)


@pytest.mark.parametrize("name", ["a.csv", "a.npz"])
@pytest.mark.parametrize("simulated", [True, False])
def test_what_is_written_is_read(tmp_path, name, simulated):
    tags = TimeTags([-5, 0, 1 << 60], [4, 0, 255], simulated)
    again = read_tags(write_tags(tags, tmp_path / name))
    assert again.times_ps.tolist() == tags.times_ps.tolist()
    assert again.channels.tolist() == tags.channels.tolist()
    assert again.simulated == simulated


def test_a_table_of_numpy(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[5, 1], [9, 2]]))
    assert read_tags(tmp_path / "a.npy").channels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5,1\n", "first line must be time_ps,channel, got '5,1'"),
        ("", "the file has none"),
        ("time_ps,channel\n5,1\n4,1\n", "times_ps must not fall: click 1"),
        ("time_ps,channel\n5,1\n6\n", "row"),
        ("time_ps,channel\n5,1,2\n", "got 3 numbers"),
        ("time_ps,channel\n5,1\n6.5,1\n", "6.5"),
        ("time_ps,channel\n5,1\n7,300\n", r"channels must lie in \[0, 255\]"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path, text, words):
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_tags(file)


def test_other_files_are_refused(tmp_path):
    for name, content in (("a.txt", b""), ("a.npz", b"PK"), ("b.npz", b"none"), ("a.npy", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read_tags(tmp_path / name)
    with pytest.raises(ValueError, match=r"written as .csv or .npz"):
        write_tags(TimeTags([0], [1]), tmp_path / "a.ptu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tags")
    detector = Detector(0.6, dark_count_rate_hz=1000, jitter_s=0.4e-9, dead_time_s=45e-9, elements=4)
    run = simulate_tags(
        ContinuousSource(pair_rate_hz=5e5), Fiber(30), duration_s=1, seed=3, detector=detector, offset_s=0.004
    )
    return write_tags(run.alice, folder / "alice.npz"), write_tags(run.bob, folder / "bob.csv")


def test_the_command(files, tmp_path):
    out, secret = tmp_path / "report.json", tmp_path / "key"
    arguments = ["qkd", "timetags", *map(str, files), "--max-offset-s", "0.05"]
    result = CliRunner().invoke(app, [*arguments, "--json", str(out), "--key-file", str(secret)])
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    assert report["secret_bits"] > 5_000
    assert report["origin"] == ["simulated"]
    assert report["clock"]["offset_s"] == pytest.approx(0.004, abs=1e-8)
    assert len(secret.read_text().splitlines()[1]) == report["secret_bits"]
    assert "SECRET KEY" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--alice-channels", "1,2,3"], "--alice-channels must be four channels"),
        (["--bob-channels", "1,2,3,9"], "--bob-channels"),
        (["--max-offset-s", "0.002"], "no common peak"),
        (["--window-s", "0"], "--window-s"),
        (["--key-bases", "Y"], "--key-bases"),
    ],
)
def test_the_command_says_what_is_wrong(files, options, words):
    result = CliRunner().invoke(app, ["qkd", "timetags", *map(str, files), *options])
    assert result.exit_code == 1
    assert words in result.output


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.csv",
            b"time_ps,channel\n1,1\n2\n",
            "whole numbers: the number of columns changed from 2 to 1 at row 2$",
        ),
        ("a.csv", b"time_ps,channel\n1.5,1\n", "must hold a time and a channel, whole numbers: .*'1.5'.* row 0"),
        ("a.npz", b"abc", "the content is not that of a .npz file$"),
        ("a.npy", b"PQTTTR", "the content is not that of a .npy file$"),
        ("a.npy", b"", "the content is not that of a .npy file$"),
        ("a.npz", b"PK\x03", "the content is not that of a .npz file$"),
    ],
)
def test_files_that_are_none_are_told_in_words_of_their_own(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_tags(tmp_path / name)


@pytest.mark.parametrize("simulated", ["no", [True, False], 1])
def test_whether_they_are_simulated_is_a_truth_value(tmp_path, simulated):
    np.savez(tmp_path / "a.npz", times_ps=[1], channels=[1], simulated=simulated)
    with pytest.raises(ValueError, match="simulated must be one truth value"):
        read_tags(tmp_path / "a.npz")


def test_a_table_from_a_spreadsheet(tmp_path):
    (tmp_path / "a.csv").write_bytes("\ufefftime_ps,channel\r\n5,1\r\n6,2\r\n".encode())
    assert read_tags(tmp_path / "a.csv").times_ps.tolist() == [5, 6]
