"""Processes that are not what they were when they connected, at the Workload API.

    processes.py WHAT SOCKET OTHER-PYTHON [TRIES]

Registered are /program for this interpreter's file and /user for this user; for reuse, /other for OTHER-PYTHON alone.
"""
import os
import signal
import socket
import subprocess
import sys
import time

from h2 import Connection, call

FETCH = "/SpiffeWorkloadAPI/FetchX509SVID"
PATH, OTHER = sys.argv[2], sys.argv[3]
PROGRAM, USER, VICTIM = b"spiffe://example.org/program", b"spiffe://example.org/user", b"spiffe://example.org/other"
wrong = []


def expect(name, got, want):
    if got != want:
        wrong.append(f"{name}: expected {want!r}, got {got!r}")


def identities(connection, stream):
    """Which identities an answer names; None when there is no answer."""
    connection.send(call(stream, FETCH))
    return named(connection.answer(stream))


def named(answer):
    return answer and [one for one in (PROGRAM, USER, VICTIM) if one in answer]


def until_registered(*want):
    """Asks until the registrations have reached the agent."""
    end = time.monotonic() + 20
    while identities(Connection.unix(PATH), 1) != list(want) and time.monotonic() < end:
        pass


def in_child(body):
    """Forks; the child runs `body` and ends with its number. Returns the pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = body() or 0
        finally:
            os._exit(code)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def exits():
    """Connects, fetches, ends; a child keeps the socket open."""
    until_registered(PROGRAM, USER)
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(20)

    def connector():
        connected.connect(PATH)
        connection = Connection(connected)
        return 0 if identities(connection, 1) == [PROGRAM, USER] else 1

    # The connector's answer came on the same description of the socket that this process holds.
    expect("the connector is answered", ended(in_child(connector)), 0)
    rest = Connection(connected, greet=False)
    rest.ended(1)
    try:
        expect("a call for one that is gone", identities(rest, 3), None)
    except OSError:
        pass
    # Gone before anybody can have looked.
    for number in range(200):
        early = socket.socket(socket.AF_UNIX)
        early.settimeout(20)
        ended(in_child(lambda: early.connect(PATH)))
        try:
            expect(f"gone at once, {number}", identities(Connection(early), 1), None)
        except OSError:
            pass
        early.close()


def forks():
    """A child speaks for the process that connected; a process that changes its user speaks for nobody."""
    until_registered(PROGRAM, USER)
    connection = Connection.unix(PATH)
    expect("before", identities(connection, 1), [PROGRAM, USER])
    expect("by a child", ended(in_child(lambda: identities(connection, 3) != [PROGRAM, USER])), 0)
    if os.geteuid() == 0:
        def other_user():
            os.setuid(65533)
            return identities(connection, 5) != [PROGRAM, USER]
        expect("by a child that is another user by now", ended(in_child(other_user)), 0)

        def changes():
            own = Connection.unix(PATH)
            if identities(own, 1) != [PROGRAM, USER]:
                return 1
            os.setuid(65533)
            return 0 if identities(own, 3) is None else 2
        expect("after changing its user", ended(in_child(changes)), 0)
    expect("after all", identities(connection, 7), [PROGRAM, USER])


def executes():
    """A process is judged by the program it executes when it calls, not by that which connected."""
    until_registered(PROGRAM, USER)
    connection = Connection.unix(PATH)
    expect("before", identities(connection, 1), [PROGRAM, USER])

    def becomes_other():
        own = Connection.unix(PATH)
        if identities(own, 1) != [PROGRAM, USER]:
            return 1
        own.socket.settimeout(None)
        os.set_inheritable(own.socket.fileno(), True)
        os.execve(OTHER, [OTHER, __file__, "executed", PATH, OTHER, str(own.socket.fileno())],
                  {**os.environ, "PYTHONHOME": sys.base_prefix})
    expect("after executing another program", ended(in_child(becomes_other)), 0)
    expect("the first is who it was", identities(connection, 3), [PROGRAM, USER])


def executed():
    connected = socket.socket(fileno=int(sys.argv[4]))
    connected.settimeout(20)
    expect("the other program", identities(Connection(connected, greet=False), 3), [USER])


def last_pid():
    """Writes which pid is next; None where this may not be done."""
    try:
        return os.open("/proc/sys/kernel/ns_last_pid", os.O_WRONLY)
    except OSError:
        return None


def reuse():
    """A process with an identity gets the pid of one that connected before and is gone."""
    helper = subprocess.Popen(
        [OTHER, __file__, "victims", PATH, OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONHOME": sys.base_prefix})
    tries, reused = int(sys.argv[4]), 0
    expect("the victim has an identity", helper.stdout.readline().strip(), "ready")
    for number in range(tries):
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(20)
        connection = Connection(connected, greet=False)

        def connector():
            connected.connect(PATH)
            if number % 2:
                # The other half ends before or while it is accepted.
                return 0 if Connection(connected).settled() else 1
        pid = in_child(connector)
        ended(pid)
        helper.stdin.write(f"{pid}\n")
        helper.stdin.flush()
        reused += int(helper.stdout.readline()) == pid
        try:
            if not number % 2:
                connection = Connection(connected)
            expect(f"try {number}", identities(connection, 1), None)
        except OSError:
            pass
        helper.stdin.write("end\n")
        helper.stdin.flush()
        helper.stdout.readline()
        connected.close()
    helper.stdin.close()
    expect("the victims", helper.wait(), 0)
    print(f"a pid was really reused in {reused} of {tries} tries", flush=True)


def victims():
    """Forks a process with each pid that is asked for, of a program that has an identity."""
    until_registered(VICTIM)
    expect("the victim", identities(Connection.unix(PATH), 1), [VICTIM])
    print("ready" if not wrong else wrong, flush=True)
    chooser = last_pid()
    while wanted := sys.stdin.readline().strip():
        if chooser is not None:
            os.pwrite(chooser, str(int(wanted) - 1).encode(), 0)
        pid = in_child(signal.pause)
        print(pid, flush=True)
        sys.stdin.readline()
        os.kill(pid, signal.SIGKILL)
        ended(pid)
        print("ended", flush=True)


{"exits": exits, "forks": forks, "executes": executes, "executed": executed, "reuse": reuse, "victims": victims}[
    sys.argv[1]]()
for line in wrong[:20]:
    print(line, file=sys.stderr)
sys.exit(1 if wrong else 0)
