"""Messages have one form, transcripts only grow, and a damaged file is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantumlink.distillation.transcript import Message, Transcript, TranscriptError, pack_bits, unpack, unpack_bits

BODIES = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.booleans() | st.none())


def message(number=0, **change):
    facts = {"session": "ab", "number": number, "sender": "alice", "kind": "hello", "body": {"n": 1}}
    return Message(**facts | change)


@settings(deadline=None, max_examples=60)
@given(body=BODIES, tag=st.none() | st.text(max_size=5))
def test_messages_come_back_as_they_were(body, tag):
    sent = message(body=body, tag=tag)
    assert Message.decode(sent.encode()) == sent
    assert Message.decode(sent.untagged()).tag is None


@given(line=st.binary(max_size=80))
def test_noise_is_no_message(line):
    with pytest.raises(TranscriptError):
        Message.decode(line)


LINE = message().encode()


@pytest.mark.parametrize(
    "line",
    [
        LINE + b" ",
        LINE.replace(b'"number":0', b'"number": 0'),
        LINE.replace(b'"version":1', b'"version":2'),
        LINE.replace(b'"version":1', b'"version":true'),
        LINE.replace(b'"number":0', b'"number":0.0'),
        LINE.replace(b'"number":0', b'"number":false'),
        LINE.replace(b'"n":1', b'"n":NaN'),
        LINE.replace(b"hello", b"\\u0068ello"),
        LINE.replace(b'"kind":"hello",', b""),
        LINE.replace(b'"body":{"n":1}', b'"body":[]'),
        json.dumps([1]).encode(),
        b"[" * 100_000,
    ],
)
def test_any_other_form_is_refused(line):
    with pytest.raises(TranscriptError):
        Message.decode(line)


def test_only_the_next_message_of_this_conversation_is_added():
    transcript = Transcript()
    transcript.append(message(0).encode())
    for wrong, text in (
        (message(0), "message 1 was expected, got number 0"),
        (message(2), "message 1 was expected, got number 2"),
        (message(1, session="cd"), "another conversation"),
    ):
        with pytest.raises(TranscriptError, match=text):
            transcript.append(wrong.encode())
    transcript.append(message(1, sender="bob").encode())
    assert (len(transcript), transcript[1].sender) == (2, "bob")


def test_files_come_back_and_damage_is_noticed(tmp_path):
    transcript = Transcript()
    for number in range(3):
        transcript.append(message(number).encode())
    path = tmp_path / "talk.jsonl"
    transcript.save(path)
    assert Transcript.load(path) == transcript
    data = path.read_bytes()
    for damaged in (
        b"",
        data[:-1],
        data[:-9],
        data[10:],
        data[: len(data) // 3] + data[-(len(data) // 3) :],
        b"\n",
    ):
        path.write_bytes(damaged)
        with pytest.raises(TranscriptError):
            Transcript.load(path)


@pytest.mark.parametrize("wrong", [None, 3, "a", "====", "YR==", "é", ["YQ=="]])
def test_fields_that_hold_no_binary_data_are_refused(wrong):
    with pytest.raises(TranscriptError):
        unpack(wrong)


@given(bits=st.lists(st.integers(0, 1), max_size=40))
def test_bits_come_back(bits):
    text = pack_bits(np.array(bits, dtype=np.uint8))
    assert unpack_bits(text, len(bits)).tolist() == bits
    with pytest.raises(TranscriptError, match="must hold"):
        unpack_bits(text, len(bits) + 8)
