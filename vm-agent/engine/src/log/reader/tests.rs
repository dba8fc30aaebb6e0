use super::*;
use crate::{
    Timestamp,
    container::{Life, Turn},
};
use std::{fs::File, io::Write as _};

struct Log {
    dir: tempfile::TempDir,
    watcher: LogWatch,
    live: watch::Sender<Option<Arc<Live>>>,
}

fn live(life: Life) -> Option<Arc<Live>> {
    let network = crate::container::NetworkSettings::default();
    Some(Arc::new(Live {
        name: "web".into(),
        life,
        network,
        publications: vec![],
        filled: false,
        users: None,
        tuning: None,
    }))
}

impl Log {
    fn of_a_running_container() -> Self {
        let life = Life::new().after(Turn::Started { pid: 1, at: Timestamp(0), by_policy: false }).unwrap();
        let log = Self {
            dir: tempfile::tempdir().unwrap(),
            watcher: LogWatch::open().unwrap(),
            live: watch::Sender::new(live(life)),
        };
        log.append("");
        log
    }

    fn append(&self, text: &str) {
        let mut file = File::options().append(true).create(true).open(self.dir.path().join("log")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn write(&self, stream: &str, second: u8, text: &str) {
        let text = serde_json::to_string(text).unwrap();
        self.append(&format!(
            "{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"2026-01-01T00:00:{second:02}Z\"}}\n"
        ));
    }

    fn end(&self) {
        self.live.send_modify(|live| {
            let now = live.take().unwrap();
            let life = now.life.after(Turn::Ended { exit_code: 0, oom_killed: false, at: Timestamp(1) }).unwrap();
            *live = Some(Arc::new(Live { life, ..(*now).clone() }));
        });
    }

    async fn read(&self, options: LogOptions) -> LogStream {
        let path = self.dir.path().join("log");
        let reading = Reading { path: &path, options, now: Timestamp(0) };
        read(reading, &self.watcher, self.live.subscribe()).await.unwrap()
    }

    async fn text(&self, options: LogOptions) -> String {
        let frames: Vec<_> = self.read(options).await.collect().await;
        frames.into_iter().map(|frame| String::from_utf8(frame.unwrap().bytes.to_vec()).unwrap()).collect()
    }
}

fn both() -> LogOptions {
    LogOptions { stdout: true, stderr: true, ..LogOptions::default() }
}

async fn next(stream: &mut LogStream) -> String {
    let frame = stream.next().await.unwrap().unwrap();
    String::from_utf8(frame.bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn what_was_kept_is_read_as_chosen() {
    let log = Log::of_a_running_container();
    log.write("stdout", 1, "one\n");
    log.write("stderr", 2, "two\n");
    log.write("stdout", 3, "three\n");
    assert_eq!(log.text(both()).await, "one\ntwo\nthree\n");
    assert_eq!(log.text(LogOptions { stderr: true, ..LogOptions::default() }).await, "two\n");
    assert_eq!(log.text(LogOptions { tail: Some(2), ..both() }).await, "two\nthree\n");
    assert_eq!(log.text(LogOptions { tail: Some(0), ..both() }).await, "");
    let second = |n| Timestamp::parse_rfc3339(&format!("2026-01-01T00:00:0{n}Z"));
    assert_eq!(log.text(LogOptions { since: second(2), ..both() }).await, "two\nthree\n");
    assert_eq!(log.text(LogOptions { until: second(2), ..both() }).await, "one\ntwo\n");
    let stamped = log.text(LogOptions { tail: Some(1), timestamps: true, ..both() }).await;
    assert_eq!(stamped, "2026-01-01T00:00:03.000000000Z three\n");
}

#[tokio::test]
async fn a_line_in_pieces_is_joined_and_stamped_once() {
    let log = Log::of_a_running_container();
    log.write("stdout", 1, "a long ");
    log.write("stderr", 2, "between\n");
    log.write("stdout", 3, "line\n");
    let text = log.text(LogOptions { stdout: true, timestamps: true, ..LogOptions::default() }).await;
    assert_eq!(text, "2026-01-01T00:00:01.000000000Z a long line\n");
}

#[tokio::test]
async fn a_follower_gets_every_byte_and_ends_with_the_container() {
    let log = Log::of_a_running_container();
    log.write("stdout", 1, "before\n");
    let mut stream = log.read(LogOptions { follow: true, ..both() }).await;
    assert_eq!(next(&mut stream).await, "before\n");
    log.append("{\"log\":\"half\\n\",\"stream\":\"std");
    log.append("out\",\"time\":\"2026-01-01T00:00:02Z\"}\n");
    assert_eq!(next(&mut stream).await, "half\n");
    log.write("stdout", 3, "last\n");
    log.end();
    assert_eq!(next(&mut stream).await, "last\n");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn two_followers_of_one_file_are_both_told_and_a_removed_container_ends_them() {
    let log = Log::of_a_running_container();
    let options = LogOptions { follow: true, ..both() };
    let mut first = log.read(options.clone()).await;
    let mut second = log.read(options).await;
    log.write("stdout", 1, "x\n");
    assert_eq!((next(&mut first).await, next(&mut second).await), ("x\n".to_owned(), "x\n".to_owned()));
    drop(first);
    log.write("stdout", 2, "y\n");
    assert_eq!(next(&mut second).await, "y\n");
    std::fs::remove_file(log.dir.path().join("log")).unwrap();
    log.live.send_replace(None);
    assert!(second.next().await.is_none());
}

#[tokio::test]
async fn damage_in_the_middle_is_skipped() {
    let log = Log::of_a_running_container();
    log.write("stdout", 1, "a\n");
    log.append("garbage\n\n");
    log.write("stdout", 2, "b\n");
    assert_eq!(log.text(both()).await, "a\nb\n");
}

#[tokio::test]
async fn a_follower_goes_over_to_the_next_file() {
    let log = Log::of_a_running_container();
    let mut stream = log.read(LogOptions { follow: true, tail: Some(0), ..both() }).await;
    let path = log.dir.path().join("log");
    for number in 1..=3 {
        log.write("stdout", number, "before\n");
        std::fs::rename(&path, log.dir.path().join(format!("log.{number}"))).unwrap();
        log.write("stdout", number, "behind\n");
        assert_eq!((next(&mut stream).await, next(&mut stream).await), ("before\n".to_owned(), "behind\n".to_owned()));
    }
    log.end();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn what_options_attach_stands_in_front_of_a_line_behind_its_time() {
    let log = Log::of_a_running_container();
    log.append(
        "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"b\":\"2\",\"a\":\"1\"},\"time\":\"2026-01-01T00:00:01Z\"}\n",
    );
    assert_eq!(log.text(both()).await, "x\n");
    assert_eq!(log.text(LogOptions { details: true, ..both() }).await, "a=1,b=2 x\n");
    let all = log.text(LogOptions { details: true, timestamps: true, ..both() }).await;
    assert_eq!(all, "2026-01-01T00:00:01.000000000Z a=1,b=2 x\n");
}
