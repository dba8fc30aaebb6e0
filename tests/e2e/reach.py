"""What a container reaches beside its network, one line each: the sockets it may make, the 32-bit way around a filter,
and who answers by vsock."""

import ctypes
import mmap
import os
import signal
import socket
import time


def told(family, kind):
    try:
        socket.socket(family, kind).close()
        return "made"
    except OSError as error:
        return error.strerror


def old_call(number):
    """Makes a system call of 32 bits in a child: how that ended."""
    code = b"\xb8" + number.to_bytes(4, "little") + b"\xcd\x80\xc3"  # mov eax, number; int 0x80; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    child = os.fork()
    if child == 0:
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        os._exit(0)
    ended = os.waitpid(child, 0)[1]
    return signal.Signals(ended & 127).name if ended & 127 else "returned"


def answers():
    """Who says anything to somebody without the secret of this boot: the host, the machine and what else there may be."""
    links = {}
    for place in range(6):
        for port in [22, 111, *range(1000, 1100), 2375, 2376]:
            link = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
            link.setblocking(False)
            try:
                link.connect((place, port))
            except BlockingIOError:
                pass
            except OSError:
                continue
            links[place, port] = link
    time.sleep(3)
    for link in links.values():
        try:
            link.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(4096))
        except OSError:
            pass
    time.sleep(3)
    for at, link in links.items():
        try:
            answer = link.recv(4096)
        except OSError:
            continue
        if answer:
            yield at, answer


print("vsock:", told(socket.AF_VSOCK, socket.SOCK_STREAM))
print("alg:", told(socket.AF_ALG, socket.SOCK_SEQPACKET))
print("socketcall:", old_call(102))
if told(socket.AF_VSOCK, socket.SOCK_STREAM) == "made":
    print("answers:", list(answers()))
