//! The guest's console as a stream: what is in its file, and what comes after.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use std::{io, path::PathBuf, time::Duration};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(200);
const CHUNK: usize = 64 << 10;

struct Reader {
    path: PathBuf,
    follow: bool,
    file: Option<File>,
    read: u64,
}

/// The text of `path`; with `follow` also what is written from now on, over restarts of the machine, for ever.
pub(crate) fn read(path: PathBuf, follow: bool) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let reader = Reader { path, follow, file: None, read: 0 };
    stream::try_unfold(reader, |mut reader| async move {
        loop {
            let bytes = reader.next().await?;
            if !bytes.is_empty() {
                return Ok(Some((bytes, reader)));
            }
            if !reader.follow {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

impl Reader {
    /// The next bytes; none when there are no more for now.
    async fn next(&mut self) -> io::Result<Bytes> {
        // A shorter file is that of a new boot: begin again.
        let length = match tokio::fs::metadata(&self.path).await {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Bytes::new()),
            Err(error) => return Err(error),
        };
        if length < self.read {
            (self.file, self.read) = (None, 0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut file = File::open(&self.path).await?;
                file.seek(io::SeekFrom::Start(self.read)).await?;
                none.insert(file)
            }
        };
        let mut bytes = BytesMut::with_capacity(CHUNK);
        let count = file.read_buf(&mut bytes).await?;
        self.read += count as u64;
        if count == 0 {
            // Opened afresh at the next look: the file may have been replaced by one of the same name.
            self.file = None;
        }
        Ok(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn a_followed_console_goes_on_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.log");
        std::fs::write(&path, "first boot\n").unwrap();
        let mut text = std::pin::pin!(read(path.clone(), true));
        assert_eq!(text.next().await.unwrap().unwrap(), "first boot\n");
        std::fs::rename(&path, folder.path().join("console.log.old")).unwrap();
        std::fs::write(&path, "second\n").unwrap();
        assert_eq!(text.next().await.unwrap().unwrap(), "second\n");
    }

    #[tokio::test]
    async fn without_follow_it_ends_and_no_file_is_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<_> = read(folder.path().join("none"), false).collect().await;
        assert!(text.is_empty());
    }
}
