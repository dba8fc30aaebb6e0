//! The limit: a relay that does nothing but have the kernel move bytes from socket to socket, one thread each way.

use nix::fcntl::{SpliceFFlags, splice};
use nix::unistd::pipe;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

/// What a pipe holds, bytes (pipe(7)).
const PIPE: usize = 64 << 10;

/// Relays from this port, until the process ends.
pub(super) fn serve(port: u16, target: SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the relay's port");
    for client in listener.incoming().map_while(Result::ok) {
        let Ok(server) = TcpStream::connect(target) else { continue };
        let again = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        for stream in [&client, &server] {
            stream.set_nodelay(true).ok();
        }
        for (from, to) in [(again(&client), again(&server)), (server, client)] {
            let pour = move || {
                pour(&from, &to);
                to.shutdown(Shutdown::Write).ok();
            };
            std::thread::Builder::new().stack_size(64 << 10).spawn(pour).expect("a thread");
        }
    }
}

fn pour(from: &TcpStream, to: &TcpStream) {
    let (exit, entry) = pipe().expect("a pipe");
    let flags = SpliceFFlags::SPLICE_F_MOVE;
    while let Ok(mut held @ 1..) = splice(from, None, &entry, None, PIPE, flags) {
        while held > 0 {
            match splice(&exit, None, to, None, held, flags) {
                Ok(moved @ 1..) => held -= moved,
                _ => return,
            }
        }
    }
}
