"""Abuse of the sockets of running programs, and a well-behaved client beside it.

    abuse.py SERVER-SOCKET PORT WORKLOAD-SOCKET SERVER-PID AGENT-PID AMOUNT

Each attack comes from another peer than the well-behaved client (another user, another address), at low priority, so
that what is measured is the server and not who takes the processor. Prints a line an attack: the median and the 99th
percentile of the client's calls before and during it, and the resident memory of the attacked program. Ends with exit
code 1 when a bound is broken: a call of the client is not served, its calls take far longer than alone, or memory
grows on.

AMOUNT is `short`, or `full` for as much as the limits of the system permit.
"""
import json
import os
import random
import resource
import select
import signal
import socket
import ssl
import sys
import time

from h2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS,
                Connection, call, fields, frame, message, request_head)

STRANGER = 65533
FULL = sys.argv[6] == "full"
FETCH_JWT, GET_BUNDLE = "/SpiffeWorkloadAPI/FetchJWTSVID", "/spire.api.server.bundle.v1.Bundle/GetBundle"
LIST_ENTRIES = "/spire.api.server.entry.v1.Entry/ListEntries"


def amount(short, full):
    return full if FULL else short


class Door:
    """Where a program is attacked, and the call that everybody may make there."""

    def __init__(self, name, pid, path, body=b"", socket_path=None, port=None):
        self.name, self.pid, self.path, self.body = name, pid, path, body
        self.socket_path, self.port = socket_path, port

    def plain(self, source="127.0.0.1"):
        """A connection without TLS and without a preface."""
        if self.socket_path:
            connected = socket.socket(socket.AF_UNIX)
            connected.settimeout(20)
            connected.connect(self.socket_path)
            return connected
        connected = socket.socket()
        connected.settimeout(20)
        connected.bind((source, 0))
        connected.connect(("127.0.0.1", self.port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def secure(self, source="127.0.0.1"):
        connected = self.plain(source)
        if not self.port:
            return connected
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Who the server is, is checked elsewhere.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        return context.wrap_socket(connected)

    def hostile(self, greet=True):
        return Connection(self.secure("127.0.0.2"), greet=greet)

    def resident(self, what="VmRSS"):
        """Megabytes."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what)) / 1024


class Neighbour:
    """A process that makes one call after the other and measures each."""

    def __init__(self, door):
        self.door = door
        self.commands, child_commands = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.commands.close()
            try:
                self._run(child_commands)
            finally:
                os._exit(1)
        child_commands.close()

    def _run(self, commands):
        times, asked_for, connection, stream = [], None, None, 1
        while True:
            readable, _, _ = select.select([commands], [], [], 0)
            if readable:
                asked = commands.recv(4)
                if not asked:
                    os._exit(0)
                asked_for = int.from_bytes(asked, "big")
            if asked_for is not None and len(times) >= asked_for:
                commands.sendall(json.dumps(times).encode() + b"\n")
                times, asked_for = [], None
            began = time.perf_counter()
            try:
                # Every tenth call is the first of a new connection.
                if connection is None or stream > 19:
                    if connection:
                        connection.close()
                    connection, stream = Connection(self.door.secure()), 1
                connection.send(call(stream, self.door.path, self.door.body))
                served = connection.answer(stream) is not None
            except OSError:
                served = False
            times.append(time.perf_counter() - began if served else None)
            stream += 2
            if not served:
                connection = None
            # A client asks now and then; it is not an attack of its own.
            select.select([commands], [], [], 0.002)

    def measured(self, at_least):
        """How long each call took since this was asked last; waits until there were so many."""
        self.commands.sendall(at_least.to_bytes(4, "big"))
        answer = b""
        while not answer.endswith(b"\n"):
            part = self.commands.recv(65536)
            if not part:
                raise EOFError("the client that is measured has ended")
            answer += part
        return json.loads(answer)

    def end(self):
        self.commands.close()
        os.waitpid(self.pid, 0)


def percentile(times, share):
    return 1000 * sorted(times)[min(len(times) - 1, int(len(times) * share))]


# Each attack gets a door and a number, and ends when it is through or is thrown out.


def attempts(count, body):
    """Does something `count` times; being closed is what an attacker must expect."""
    done = 0
    for number in range(count):
        try:
            body(number)
            done += 1
        except OSError:
            pass
    return done


def garbage(door):
    noise = random.Random(1)

    def one(number):
        # To the bare port, to the server behind TLS, after a good preface.
        connected = door.plain("127.0.0.2") if number % 3 == 0 else door.secure("127.0.0.2")
        with connected:
            connected.sendall((PREFACE + frame(SETTINGS) if number % 3 == 2 else b"") + noise.randbytes(2000))
            connected.settimeout(1)
            try:
                while connected.recv(4096):
                    pass
            except OSError:
                pass
    return attempts(amount(60, 3000), one)


def half_frames(door):
    whole = call(1, door.path, b"x" * 1000)

    def one(number):
        connection = door.hostile()
        connection.send(whole[:1 + number * 7 % (len(whole) - 1)])
        connection.close()
    return attempts(amount(150, 5000), one)


def header_bombs(door):
    # One byte a field: each refers to a field of 3,500 bytes in the compression table.
    bomb = b"\x40\x01x" + b"\x7f\xad\x1a" + b"a" * 3500 + b"\xbe" * 12000

    def one(number):
        connection = door.hostile()
        if number % 2:
            connection.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, request_head(door.path) + bomb[:16000]))
            while connection.read() is not None:
                pass
        else:
            connection.send(frame(HEADERS, END_STREAM, 1, request_head(door.path)))
            for _ in range(10_000):
                connection.send(frame(CONTINUATION, 0, 1, fields(("x-more", "y" * 16_000))))
    # The port gives whoever does not read a second to agree to the end.
    return attempts(amount(2 if door.port else 6, 40), one)


def many_streams(door):
    """Streams by the ten thousand that ask for much and never end."""
    opened = 0
    for _ in range(amount(3, 20)):
        connection = door.hostile()
        try:
            for number in range(1, amount(1500, 10_000)):
                connection.send(frame(HEADERS, END_HEADERS, 2 * number + 1, request_head(door.path))
                                + frame(DATA, 0, 2 * number + 1, b"\0\0\x10\0\0" + b"z" * 50))
                opened += 1
        except OSError:
            pass
    return opened


def resets(door):
    sent = 0
    for _ in range(amount(3, 40)):
        connection = door.hostile()
        try:
            for number in range(amount(1500, 5_000)):
                stream = 2 * number + 1
                connection.send(call(stream, door.path, door.body) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
                sent += 1
        except OSError:
            pass
    return sent


def controls(door):
    def one(_):
        connection = door.hostile()
        for _ in range(200):
            connection.send((frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff")) * 50)
    return attempts(amount(3, 60), one)


def slow_readers(door):
    """Asks for a lot and reads nothing."""
    held = []

    def one(_):
        connection = door.hostile()
        held.append(connection)
        for number in range(amount(100, 1000)):
            connection.send(call(2 * number + 1, door.path, door.body))
    done = attempts(amount(8, 40), one)
    hold(0.3, 8)
    return done


def slow_writers(door):
    """One byte at a time, of calls that are in no hurry to be whole."""
    held, whole = [], PREFACE + frame(SETTINGS) + call(1, door.path, b"x" * 1000)
    attempts(amount(100, 1000), lambda _: held.append(Connection(door.secure("127.0.0.2"), greet=False)))
    sent = 0
    for position in range(amount(5, 60)):
        for connection in held:
            try:
                connection.send(whole[position:position + 1])
                sent += 1
            except OSError:
                pass
        hold(0.05, 0.2)
    return sent


def idle(door):
    """As many connections as this process may have, at most ten thousand."""
    held = []
    room = min(amount(800, 10_000), resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 50)

    def one(number):
        # Each fiftieth finishes its TLS handshake; the others cost the server only what a stranger may cost it.
        connected = door.secure("127.0.0.2") if number % 50 == 0 else door.plain("127.0.0.2")
        held.append(connected)
        if number % 2 and not door.port:
            connected.sendall(PREFACE + frame(SETTINGS))
    done = attempts(room, one)
    hold(0.3, 8)
    return done


def unfinished_handshakes(door):
    """The beginning of a ClientHello, and then nothing."""
    held = []

    def one(number):
        connected = door.plain("127.0.0.2")
        held.append(connected)
        connected.sendall(bytes.fromhex("1603010200010001fc0303") + b"\x42" * (number % 60))
    done = attempts(amount(300, 4000), one)
    hold(0.3, 8)
    return done


def oversized(door):
    def one(number):
        connection = door.hostile()
        if number % 2:
            # Says that it is 4 GiB, and goes on as long as it is let.
            connection.send(frame(HEADERS, END_HEADERS, 1, request_head(door.path)))
            for _ in range(amount(200, 5000)):
                connection.send(frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + b"z" * 16_000))
        else:
            # Just small enough, many at once, none ever whole.
            for stream in range(1, 200, 2):
                connection.send(frame(HEADERS, END_HEADERS, stream, request_head(door.path)))
                connection.send(frame(DATA, 0, stream, b"\0\0\x3f\xff\xff" + b"z" * 16_000))
    return attempts(amount(10, 200), one)


def hold(short, full):
    time.sleep(amount(short, full))


ATTACKS = (garbage, half_frames, header_bombs, many_streams, resets, controls, slow_readers, slow_writers, idle,
           unfinished_handshakes, oversized)


def attack(door, how):
    """Runs one attack in a process of its own, as a stranger. Returns how much of it was done."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        done = -1
        try:
            os.nice(10)
            if os.geteuid() == 0:
                # The administrator's socket lets its group in.
                os.setgroups([])
                os.setuid(STRANGER)
            done = how(door)
        finally:
            os.write(writer, str(done).encode())
            os._exit(0)
    os.close(writer)
    done = int(os.read(reader, 100) or b"-1")
    os.close(reader)
    os.waitpid(pid, 0)
    return done


def main():
    server_socket, port, workload_socket, server_pid, agent_pid = sys.argv[1:6]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"open files permitted: {hard}")
    doors = [Door("administrator's socket", int(server_pid), GET_BUNDLE, socket_path=server_socket),
             Door("port", int(server_pid), GET_BUNDLE, port=int(port)),
             Door("Workload API", int(agent_pid), FETCH_JWT, b"\x0a\x01x", socket_path=workload_socket)]
    wrong = []
    for door in doors:
        neighbour = Neighbour(door)
        alone = neighbour.measured(amount(100, 1000))
        if None in alone:
            wrong.append(f"{door.name}: the client is not served even alone")
        baseline = percentile([one or 20 for one in alone], 0.99)
        print(f"{door.name}: alone p50 {percentile([one or 20 for one in alone], 0.5):.1f} ms, p99 {baseline:.1f} ms, "
              f"{door.resident():.0f} MB")
        before, beside = door.resident(), []
        for how in ATTACKS:
            if how is unfinished_handshakes and not door.port:
                continue
            began = time.monotonic()
            done = attack(door, how)
            lasted = time.monotonic() - began
            times = neighbour.measured(3)
            served = [one for one in times if one is not None]
            beside += served
            p99 = percentile(served or [20], 0.99)
            print(f"  {how.__name__.replace('_', ' ')} ({done} in {lasted:.1f} s): {len(served)} of {len(times)} served, "
                  f"p50 {percentile(served or [20], 0.5):.1f} ms, p99 {p99:.1f} ms{'' if p99 < 50 else ' (above 50)'}, "
                  f"{door.resident():.0f} MB", flush=True)
            if done < 0:
                wrong.append(f"{door.name}, {how.__name__}: the attack failed by itself")
            if len(served) < len(times):
                wrong.append(f"{door.name}, {how.__name__}: {len(times) - len(served)} calls were not served")
        neighbour.end()
        p99 = percentile(beside or [20], 0.99)
        grown = door.resident("VmHWM") - before
        print(f"  all in all p99 {p99:.1f} ms; memory at most {door.resident('VmHWM'):.0f} MB, now {door.resident():.0f} MB")
        # The machine may have more to do than this, and the program may be a debug build: what counts is what is added.
        if p99 > max(50, 10 * baseline) * amount(20, 1):
            wrong.append(f"{door.name}: p99 {p99:.1f} ms, alone {baseline:.1f} ms")
        if grown > amount(300, 1000):
            wrong.append(f"{door.name}: memory grew by {grown:.0f} MB")
    for line in wrong:
        print("WRONG:", line)
    sys.exit(1 if wrong else 0)


signal.signal(signal.SIGPIPE, signal.SIG_IGN)
main()
