"""Sends datagrams of each size until each has come back, and prints the sizes that did: datagrams.py ADDRESS PORT SIZE..."""
import socket, sys

address, port, *sizes = sys.argv[1:]
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((address, int(port)))
sock.settimeout(2)
whole = []
for size in map(int, sizes):
    sent = bytes(at % 251 for at in range(size))
    # A datagram may be lost on the way, as anywhere.
    for _ in range(3):
        sock.send(sent)
        try:
            if sock.recv(65535) == sent:
                whole.append(str(size))
                break
        except socket.timeout:
            pass
print(*whole)
