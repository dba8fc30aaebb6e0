//! Standard streams through the monitor: input, live output, terminals, clients that leave or stall.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    process::Child,
    time::Duration,
};

use serde_json::{Value, json};

use crate::fixture::{Fixture, eventually};

/// A client of a monitor.
pub(crate) struct Client(BufReader<UnixStream>);

impl Client {
    pub(crate) fn connect(directory: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(directory.join("monitor.sock")).unwrap()))
    }

    pub(crate) fn attached(directory: &Path, how: Value) -> Self {
        let mut client = Self::connect(directory);
        let answer = client.ask(json!({ "attach": how }));
        assert!(answer["attached"]["at"].is_string(), "{answer}");
        client
    }

    pub(crate) fn ask(&mut self, request: Value) -> Value {
        writeln!(self.0.get_mut(), "{request}").unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn send(&mut self, input: &[u8]) {
        let head = [&[0], &u32::try_from(input.len()).unwrap().to_be_bytes()[..]].concat();
        self.0.get_mut().write_all(&[&head, input].concat()).unwrap();
    }

    /// The next piece of output and which stream it is of; `None` at the end.
    pub(crate) fn piece(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).ok()?;
        let mut piece = vec![0; u32::from_be_bytes(head[1..].try_into().unwrap()) as usize];
        self.0.read_exact(&mut piece).ok()?;
        Some((head[0], piece))
    }

    /// Output up to and with `text`.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let mut all = String::new();
        while !all.contains(text) {
            let (_, piece) = self.piece().unwrap_or_else(|| panic!("{text:?} does not come: {all:?}"));
            all.push_str(&String::from_utf8(piece).unwrap());
        }
        all
    }

    /// All output of both streams that is still to come.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut output, mut error) = (Vec::new(), Vec::new());
        while let Some((kind, piece)) = self.piece() {
            if kind == 1 { output.extend(piece) } else { error.extend(piece) }
        }
        (output, error)
    }
}

fn everything() -> Value {
    json!({ "input": true, "close_input": true, "output": true, "error": true, "pending": true, "lossless": true })
}

fn started(fixture: &Fixture) -> Child {
    let (monitor, announcement) = fixture.monitor_with(&["--open-stdin"]);
    assert!(announcement["created"]["pid"].is_u64(), "{announcement}");
    monitor
}

#[test]
fn input_reaches_the_container_and_ends_where_the_client_ends_it() {
    let fixture = Fixture::new("cat; echo done >&2");
    let mut monitor = started(&fixture);
    let mut client = Client::attached(fixture.path(), everything());
    fixture.succeed(&["start", &fixture.id]);
    let text: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    std::thread::scope(|scope| {
        let mut writer = Client(BufReader::new(client.0.get_ref().try_clone().unwrap()));
        let text = &text;
        scope.spawn(move || {
            text.chunks(50_000).for_each(|chunk| writer.send(chunk));
            writer.send(b"");
        });
        let (output, error) = client.rest();
        assert!(output == *text, "{} of {} bytes", output.len(), text.len());
        assert_eq!(error, b"done\n");
    });
    assert!(monitor.wait().unwrap().success());
    assert_eq!(fixture.ended().code, 0);
}

#[test]
fn input_stays_open_for_the_next_client_unless_it_was_the_only_one() {
    let fixture = Fixture::new("while read line; do echo got $line; done; echo end");
    let mut monitor = started(&fixture);
    fixture.succeed(&["start", &fixture.id]);
    for word in ["one", "two"] {
        let mut client = Client::attached(fixture.path(), json!({ "input": true, "output": true }));
        client.send(format!("{word}\n").as_bytes());
        assert_eq!(client.until("\n"), format!("got {word}\n"));
    }
    let mut watcher = Client::attached(fixture.path(), json!({ "output": true }));
    watcher.send(b"not allowed to write\n");
    let mut last = Client::attached(fixture.path(), everything());
    last.send(b"three\n");
    assert_eq!(watcher.until("three\n"), "got three\n");
    drop(last);
    assert_eq!(watcher.rest().0, b"end\n");
    assert!(monitor.wait().unwrap().success());
    assert_eq!(fixture.ended().stdout, "got one\ngot two\ngot three\nend\n");
}

#[test]
fn between_log_and_attachment_no_byte_is_missing_or_comes_twice() {
    let fixture = Fixture::new(
        "i=0; while [ $i -lt 3000 ]; do printf 'line %s' $i; [ $i = 1500 ] && sleep 1; echo; i=$((i+1)); done",
    );
    let mut monitor = started(&fixture);
    fixture.succeed(&["start", &fixture.id]);
    let mut seen = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(fixture.path());
        let how = json!({ "output": true, "pending": true, "lossless": true });
        let answer = client.ask(json!({ "attach": how }));
        let at = answer["attached"]["at"].as_str().unwrap().to_owned();
        seen.push((client, at));
        std::thread::sleep(Duration::from_millis(3));
    }
    let live: Vec<_> = seen.into_iter().map(|(mut client, at)| (client.rest().0, at)).collect();
    assert!(monitor.wait().unwrap().success());
    let all: String = (0..3000).map(|number| format!("line {number}\n")).collect();
    assert!(live.iter().any(|(live, _)| live.len() < all.len()), "no client came in the middle");
    for (live, at) in live {
        let entries = fixture.log_entries();
        let before = entries.iter().filter(|entry| entry["time"].as_str().unwrap() <= at.as_str());
        let logged: String = before.map(|entry| entry["log"].as_str().unwrap()).collect();
        assert_eq!(logged + &String::from_utf8(live).unwrap(), all);
    }
}

#[test]
fn a_stalled_client_is_left_behind_and_a_lossless_one_waited_for() {
    let fixture =
        Fixture::new("head -c 8000000 /dev/zero; echo > /finished; read line; head -c 3000000 /dev/zero | tr '\\0' x");
    let mut monitor = started(&fixture);
    let mut stalled = Client::attached(fixture.path(), json!({ "output": true }));
    let mut writer = Client::attached(fixture.path(), json!({ "input": true }));
    fixture.succeed(&["start", &fixture.id]);
    let finished = fixture.rootfs().join("finished");
    assert!(eventually(|| finished.exists()), "the container waits for a stalled client");
    let pieces: Vec<_> = std::iter::from_fn(|| stalled.piece()).collect();
    let (told, output) = pieces.split_last().unwrap();
    assert_eq!(told, &(3, vec![]), "it is told that this is not all");
    assert!(output.iter().map(|(_, piece)| piece.len()).sum::<usize>() < 8_000_000);
    let mut slow = Client::attached(fixture.path(), json!({ "output": true, "lossless": true }));
    writer.send(b"go\n");
    std::thread::sleep(Duration::from_millis(500));
    assert!(monitor.try_wait().unwrap().is_none(), "who is owed every byte was left behind");
    // What the first eight megabytes left in the pipe may come before them.
    assert_eq!(slow.rest().0.iter().filter(|byte| **byte == b'x').count(), 3_000_000);
    assert!(monitor.wait().unwrap().success());
}

#[test]
fn a_terminal_is_typed_at_and_resized() {
    let script = "trap 'stty size' WINCH; echo ready; while [ -z \"$line\" ]; do read line; done; echo \"<$line>\"; cat; \
                  echo bye";
    let fixture = Fixture::new(script).with(|spec| spec["process"]["terminal"] = json!(true));
    let mut monitor = started(&fixture);
    let mut client = Client::attached(fixture.path(), everything());
    fixture.succeed(&["start", &fixture.id]);
    client.until("ready\r\n");
    let mut asking = Client::connect(fixture.path());
    assert_eq!(asking.ask(json!({ "resize": { "rows": 41, "columns": 77 } })), json!({ "done": {} }));
    client.send(b"hello\n");
    let said = client.until("<hello>\r\n");
    assert!(said.contains("41 77\r\n"), "{said}");
    // Closing it means nothing to a terminal: its end of file is typed.
    client.send(b"");
    client.send(b"\x04");
    client.until("bye\r\n");
    assert!(monitor.wait().unwrap().success());
    let plain = Fixture::new("sleep 100");
    let mut monitor = started(&plain);
    let answer = Client::connect(plain.path()).ask(json!({ "resize": { "rows": 1, "columns": 1 } }));
    assert_eq!(answer["error"]["message"], "the process has no terminal");
    plain.succeed(&["delete", "--force", &plain.id]);
    monitor.wait().unwrap();
}

#[test]
fn without_open_stdin_the_input_is_empty() {
    let fixture = Fixture::new("cat; readlink /proc/self/fd/0");
    let (mut monitor, _) = fixture.monitor();
    let mut client = Client::attached(fixture.path(), everything());
    client.send(b"for nobody\n");
    fixture.succeed(&["start", &fixture.id]);
    assert_eq!(client.rest().0, b"/dev/null\n");
    assert!(monitor.wait().unwrap().success());
}

#[test]
fn clients_that_come_and_go_in_any_state_do_no_harm() {
    let fixture = Fixture::new("while read line; do echo $line; done");
    let mut monitor = started(&fixture);
    fixture.succeed(&["start", &fixture.id]);
    for bytes in
        [&b"{\"attach\":{}}\n"[..], b"{\"attach\":{\"input\":true}}\n\0\0\0", b"{\"attach\":{}}\n\x09", b"{", b"\n"]
    {
        let mut stream = UnixStream::connect(fixture.path().join("monitor.sock")).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // What the monitor says to it, if anything, ends.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let mut client = Client::attached(fixture.path(), everything());
    client.send(b"still here\n");
    assert_eq!(client.until("\n"), "still here\n");
    client.send(b"");
    assert!(monitor.wait().unwrap().success());
    assert!(fs::read_dir(fixture.path()).unwrap().all(|entry| entry.unwrap().file_name() != "monitor.sock"));
}
