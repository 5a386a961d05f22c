"""HTTP/2 by hand, for what no client library does."""
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _length(number, prefix, first):
    """An HPACK integer."""
    limit = (1 << prefix) - 1
    if number < limit:
        return bytes([first | number])
    encoded, number = [first | limit], number - limit
    while number >= 128:
        encoded.append(number % 128 | 128)
        number //= 128
    return bytes(encoded + [number])


def fields(*pairs):
    """A block of header fields, each literal and never indexed."""
    return b"".join(b"\x10" + _length(len(name), 7, 0) + name.encode() + _length(len(value), 7, 0) + value.encode()
                    for name, value in pairs)


def request_head(path, *more):
    return fields((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
                  ("content-type", "application/grpc"), ("te", "trailers"), ("workload.spiffe.io", "true"), *more)


def message(body=b""):
    return b"\0" + struct.pack(">I", len(body)) + body


def message_field(encoded, number):
    """The first value of a field of bytes in a protobuf message."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = encoded[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while position < len(encoded):
        key = varint()
        size = varint()
        if key & 7 != 2:
            continue
        if key >> 3 == number:
            return encoded[position:position + size]
        position += size
    return None


def call(stream, path, body=b"", end=True):
    """The frames of a unary call."""
    return (frame(HEADERS, END_HEADERS, stream, request_head(path))
            + frame(DATA, END_STREAM if end else 0, stream, message(body)))


class Connection:
    """A connection that has sent its preface."""

    def __init__(self, connected, greet=True):
        self.socket, self.buffer, self.partial, self.greets = connected, b"", {}, greet
        if greet:
            self.send(PREFACE + frame(SETTINGS))

    @classmethod
    def unix(cls, path, timeout=20, **options):
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(timeout)
        connected.connect(path)
        return cls(connected, **options)

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """The next frame as (kind, flags, stream, payload); None at the end of the connection."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self.buffer += data
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags = self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
        payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
        if kind == DATA and payload and self.greets:
            # What is read makes room for more.
            room = struct.pack(">I", len(payload))
            updates = frame(WINDOW_UPDATE, 0, 0, room)
            self.send(updates if flags & END_STREAM else updates + frame(WINDOW_UPDATE, 0, stream, room))
        if flags & ACK == 0 and kind in (SETTINGS, PING):
            try:
                self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
            except OSError:
                pass
        return kind, flags, stream, payload

    def settled(self):
        """Waits until the server has acknowledged the settings: it has accepted the connection and knows its peer."""
        while (got := self.read()) is not None:
            if got[0] == SETTINGS and got[1] & ACK:
                return True
        return False

    def answer(self, stream):
        """The next message on a stream, or None when the stream or the connection ends without one."""
        data = self.partial.pop(stream, b"")
        while (got := self.read()) is not None:
            kind, flags, number, payload = got
            if number != stream:
                continue
            if kind == DATA:
                data += payload
                end = 5 + int.from_bytes(data[1:5], "big")
                if len(data) >= 5 and len(data) >= end:
                    if data[end:]:
                        self.partial[stream] = data[end:]
                    return data[5:end]
            if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                return None
        return None

    def ended(self, stream):
        """Waits until a stream ends, with its connection or alone."""
        while (got := self.read()) is not None:
            if got[2] == stream and (got[0] == RST_STREAM or got[0] in (DATA, HEADERS) and got[1] & END_STREAM):
                return

    def close(self):
        self.socket.close()
