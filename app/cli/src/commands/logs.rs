//! `logs`: of the machine, or of a container.

use super::since;
use crate::{
    arguments::Logs,
    failure::{Outcome, invalid, io},
    output::put,
};
use berth_api::{Client, container::LogOptions};
use futures_util::StreamExt;
use std::pin::pin;

pub(super) async fn logs(client: &Client, options: Logs) -> Outcome {
    let tail = match options.tail.as_str() {
        "all" => None,
        // Docker takes a negative number for all, too.
        number => {
            let number: i64 = number.parse().map_err(|_| invalid(format!("invalid value for --tail: {number:?}")))?;
            u64::try_from(number).ok()
        }
    };
    match &options.name {
        Some(name) => container(client, name, &options, tail).await,
        None => console(client, &options, tail).await,
    }
}

async fn container(client: &Client, name: &str, options: &Logs, tail: Option<u64>) -> Outcome {
    let options = LogOptions {
        follow: options.follow,
        tail,
        since: since::given(options.since.as_deref(), "--since")?,
        until: since::given(options.until.as_deref(), "--until")?,
        timestamps: options.timestamps,
        details: options.details,
    };
    super::session::copy(client.logs(name, &options).await?).await?;
    Ok(0)
}

async fn console(client: &Client, options: &Logs, tail: Option<u64>) -> Outcome {
    if options.since.is_some() || options.until.is_some() || options.timestamps || options.details {
        let why = "--since, --until, --timestamps and --details need a container: the machine's console has no times";
        return Err(invalid(why));
    }
    let path = client.home().console_log();
    let running = super::must_run(client).await;
    if running.is_err() && path.is_file() {
        // berthd is not there to ask, and what the machine said last is just what is wanted then.
        let text = std::fs::read(&path).map_err(io(format!("read {}", path.display())))?;
        put(last_lines(&text, tail));
        return Ok(0);
    }
    running?;
    let mut text = pin!(client.console(options.follow).await?);
    let mut first = Vec::new();
    if tail.is_some() && !options.follow {
        while let Some(bytes) = text.next().await {
            first.extend_from_slice(&bytes?);
        }
        put(last_lines(&first, tail));
        return Ok(0);
    }
    let mut tail = tail;
    while let Some(bytes) = text.next().await {
        // What is there comes in the first piece, of at most 64 KiB; `tail` is about that.
        put(last_lines(&bytes?, tail.take()));
    }
    Ok(0)
}

fn last_lines(text: &[u8], count: Option<u64>) -> &[u8] {
    let Some(count) = count else { return text };
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let Some(skip) = usize::try_from(count).ok().and_then(|count| count.checked_sub(1)) else { return b"" };
    let start = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(skip).map_or(0, |(at, _)| at + 1);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole_ones() {
        let text = b"a\nb\nc\n";
        assert_eq!(last_lines(text, Some(2)), b"b\nc\n");
        assert_eq!(last_lines(text, Some(9)), text);
        assert_eq!(last_lines(text, Some(0)), b"");
        assert_eq!(last_lines(text, None), text);
        assert_eq!(last_lines(b"a\nb", Some(1)), b"b");
    }
}
