"""Raw records to a key between two processes over a socket: sifted bits a second.

``python tests/benchmarks/pipeline_speed.py`` prints wall time, and the CPU seconds of either process from its
records to its key; the records are drawn beforehand.
"""

import multiprocessing
import socket
import struct
import sys
import time

import numpy as np

from quantumlink.qkd import AUTHENTICATION_BITS, Agreement, Alice, Bob, Ldpc, Records, SharedSecret, two_bases

Z = 0.9


def records(rounds, qber):
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, rounds, dtype=np.uint8)
    hers, his = (rng.random((2, rounds)) >= Z).astype(np.uint8)
    heard = np.where(hers == his, bits ^ (rng.random(rounds) < qber), rng.integers(0, 2, rounds)).astype(np.uint8)
    return (bits, hers), (heard, his)


def spoken(line, to):
    to.sendall(struct.pack("<q", len(line)) + line)


def heard(of):
    head = of.recv(8, socket.MSG_WAITALL)
    if len(head) < 8:
        return None
    return of.recv(struct.unpack("<q", head)[0], socket.MSG_WAITALL)


def one_end(kind, raw, line, found):
    agreement = Agreement(
        protocol="BB84", rounds=len(raw[0]), sifting=two_bases(Z), reconciliation=Ldpc(efficiency=1.24)
    )
    secret = SharedSecret(np.random.default_rng(2).integers(0, 2, AUTHENTICATION_BITS))
    Ldpc(efficiency=1.24).reconcile(raw[0][: 1 << 17], raw[0][: 1 << 17], qber=0.03, seed=1)  # compiled once
    line.sendall(b"!")
    line.recv(1)  # both are ready
    start, wall = time.process_time(), time.perf_counter()
    end = kind(Records(bits=raw[0], settings=raw[1]), agreement=agreement, secret=secret)
    if isinstance(end, Alice):
        spoken(end.open(), line)
    while (said := heard(line)) is not None:
        answer = end.receive(said)
        if answer is not None:
            spoken(answer, line)
        if end.finished:
            break
    line.shutdown(socket.SHUT_WR)
    end.hang_up()
    spent = time.process_time() - start, time.perf_counter() - wall
    found.put((end.name, len(end.key), end.key.sifted, *spent))


def talk(rounds, qber):
    """By name of the end: length of the key, sifted bits, CPU seconds, wall seconds."""
    context = multiprocessing.get_context("fork")
    hers, his = records(rounds, qber)
    lines, found = socket.socketpair(), context.Queue()
    ends = [
        context.Process(target=one_end, args=(kind, raw, line, found))
        for kind, raw, line in ((Alice, hers, lines[0]), (Bob, his, lines[1]))
    ]
    for end in ends:
        end.start()
    for line in lines:
        line.close()
    both = [found.get(timeout=250) for _ in ends]
    for end in ends:
        end.join()
    return {name: rest for name, *rest in both}


if __name__ == "__main__":
    for name, (length, sifted, cpu, wall) in talk(int(sys.argv[1]) if sys.argv[1:] else 4_000_000, 0.03).items():
        sys.stdout.write(
            f"{name}: {length} bits of {sifted} sifted, {cpu:.2f} CPU s ({sifted / cpu / 1e6:.2f} Mbit each), "
            f"{wall:.2f} s\n"
        )
