//! An ordinary HTTP client, and a server with one page.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

/// What [`serve_a_word`] answers.
pub const WORD: &str = "a word of the host";

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

/// Fetches `url`.
///
/// # Errors
/// When nothing answers.
pub fn get(url: &str) -> Result<Page, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut answer = agent.get(url).call()?;
    Ok(Page { status: answer.status().as_u16(), body: answer.body_mut().read_to_string()? })
}

/// Answers every request to an address of this machine with [`WORD`]: its port.
///
/// # Panics
/// When the system has no such address.
#[must_use]
pub fn serve_a_word(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close", WORD.len());
            let answer = format!("{head}\r\n\r\n{WORD}");
            // A scanner goes away without a word.
            drop(client.read(&mut [0; 1024]).and_then(|_| client.write_all(answer.as_bytes())));
        }
    });
    port
}
