"""A page whose script talks to this program over a websocket, and an echo of datagrams. Python's own library only."""
import base64, hashlib, http.server, socket, struct, threading, time

PAGE = """<!doctype html><title>echo</title><body>silent<script>
const socket = new WebSocket("ws://" + location.host + "/socket");
socket.onopen = () => socket.send("hello 안녕");
socket.onmessage = (event) => { document.body.append("heard " + event.data); fetch("/heard"); };
</script><img src="/wait">"""
heard = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/socket":
            return self.echo()
        if self.path == "/heard":
            heard.set()
        if self.path == "/wait":
            # The page is loaded only then, so that a browser does not print it before.
            heard.wait(60)
            time.sleep(0.5)
        body = PAGE.encode() if self.path == "/" else b""
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def echo(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        while True:
            first, second = self.rfile.read(2)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self.rfile.read(2))[0]
            mask, data = self.rfile.read(4), self.rfile.read(length)
            if first & 15 == 8:
                return
            plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
            head = bytes([first, length]) if length < 126 else bytes([first, 126]) + struct.pack(">H", length)
            self.wfile.write(head + plain)
            self.wfile.flush()


def datagrams(family, address):
    echo = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    echo.bind((address, 7))
    while True:
        data, client = echo.recvfrom(65535)
        echo.sendto(data, client)


threading.Thread(target=datagrams, args=(socket.AF_INET, "0.0.0.0"), daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
