"""Raw records to keys between two processes over a socket: sifted bits a second.

``python tests/benchmarks/pipeline_speed.py ROUNDS BLOCKS`` prints, for conversations one by one and two at once,
wall time and the CPU seconds of either process from its records to its keys; the records are drawn
beforehand. Two idle cores need at least the larger of both CPU times, and their sum where the ends take turns.
"""

import multiprocessing
import queue
import socket
import struct
import sys
import threading
import time

import numpy as np

from quantumlink.distillation.interleaving import Interleaved
from quantumlink.qkd import AUTHENTICATION_BITS, Agreement, Alice, Bob, Ldpc, Records, SharedSecret, two_bases

Z = 0.9
METHOD = Ldpc(efficiency=1.24)


def records(rounds, qber, block=1):
    rng = np.random.default_rng(block)
    bits = rng.integers(0, 2, rounds, dtype=np.uint8)
    hers, his = (rng.random((2, rounds)) >= Z).astype(np.uint8)
    heard = np.where(hers == his, bits ^ (rng.random(rounds) < qber), rng.integers(0, 2, rounds)).astype(np.uint8)
    return (bits, hers), (heard, his)


def spoken(line, to):
    to.sendall(struct.pack("<q", len(line)) + line)


def listen(of, into):
    """Take in what is said at once, whatever this end is doing: two ends that only talk would wait for ever."""
    while len(head := of.recv(8, socket.MSG_WAITALL)) == 8:
        into.put(of.recv(struct.unpack("<q", head)[0], socket.MSG_WAITALL))
    into.put(None)


def one_end(kind, blocks, at_once, line, found):
    agreement = Agreement(protocol="BB84", rounds=len(blocks[0][0]), sifting=two_bases(Z), reconciliation=METHOD)
    secret = SharedSecret(np.random.default_rng(2).integers(0, 2, AUTHENTICATION_BITS * len(blocks)))
    METHOD.reconcile(blocks[0][0][: 1 << 17], blocks[0][0][: 1 << 17], qber=0.03, seed=1)  # compiled once
    ready = [Records(bits=bits, settings=settings) for bits, settings in blocks]
    keys, said = [], queue.Queue()
    end = Interleaved(
        (kind(raw, agreement=agreement, secret=secret) for raw in ready),
        on_key=lambda _, key: keys.append(key),
        at_once=at_once,
    )
    threading.Thread(target=listen, args=(line, said), daemon=True).start()
    found.put(None)
    found.ready.wait()
    start, wall = time.process_time(), time.perf_counter()
    for opening in end.open() if kind is Alice else ():
        spoken(opening, line)
    while len(keys) < len(blocks) and (heard := said.get()) is not None:
        for answer in end.receive(heard):
            spoken(answer, line)
    spent = time.process_time() - start, time.perf_counter() - wall
    line.shutdown(socket.SHUT_WR)
    found.put((kind.__name__, sum(map(len, keys)), sum(key.sifted for key in keys), *spent))


def talk(rounds, blocks, qber, at_once):
    """By name of the end: length of the keys, sifted bits, CPU seconds, wall seconds."""
    context = multiprocessing.get_context("fork")
    drawn = [records(rounds, qber, block) for block in range(blocks)]
    lines, found = socket.socketpair(), context.Queue()
    found.ready = context.Event()
    ends = [
        context.Process(target=one_end, args=(kind, [block[who] for block in drawn], at_once, lines[who], found))
        for who, kind in enumerate((Alice, Bob))
    ]
    for end in ends:
        end.start()
    for line in lines:
        line.close()
    for _ in ends:
        found.get(timeout=250)
    found.ready.set()
    both = [found.get(timeout=250) for _ in ends]
    for end in ends:
        end.join()
    return {name: rest for name, *rest in both}


def table(rounds, blocks):
    for at_once in (1, 2):
        ends = talk(rounds, blocks, 0.03, at_once)
        cpu = [spent for _, _, spent, _ in ends.values()]
        sifted = ends["Alice"][1]
        for name, (length, _, spent, wall) in ends.items():
            sys.stdout.write(
                f"{at_once} at once, {name}: {length} bits of {sifted} sifted, {blocks} blocks, {spent:.2f} CPU s "
                f"({sifted / spent / 1e6:.2f} Mbit each), {wall:.2f} s\n"
            )
        least = sum(cpu) if at_once == 1 else max(cpu)
        sys.stdout.write(f"  so two idle cores: {sifted / least / 1e6:.2f} Mbit/s at best\n")


if __name__ == "__main__":
    table(*(int(float(word)) for word in sys.argv[1:] or ("1e6", "6")))
