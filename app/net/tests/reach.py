"""Prints how the system answers an attempt to reach each address: reach.py (tcp|udp) ADDRESS PORT ..."""
import errno, socket, sys

for kind, address, port in zip(*[iter(sys.argv[1:])] * 3):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    sock.settimeout(2)
    try:
        sock.connect((address, int(port)))
        if kind == "udp":
            sock.send(b"hello")
            sock.recv(100)
        said = "reached"
    except socket.timeout:
        said = "timeout"
    except OSError as error:
        said = errno.errorcode[error.errno]
    print(kind, address, port, said)
