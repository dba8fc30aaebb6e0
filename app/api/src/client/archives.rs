//! Images out of archives and into them.

use super::{Client, http, images::new_name, told};
use crate::{error::Error, image::PullProgress};
use ::http::Method;
use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

/// How much of an archive is read at once, bytes.
const CHUNK: usize = 256 << 10;

/// An image to be made of an archive of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// `name[:tag]` of the image; it has only an id for `None`.
    pub reference: Option<String>,
    /// What is said of it.
    pub message: Option<String>,
    /// Lines of a Dockerfile that make its settings.
    pub changes: Vec<String>,
    /// What it is made for; the machine's own platform without one.
    pub platform: Option<String>,
}

impl Import {
    /// The request; `source` is where the engine finds the archive, `-` for the request's body.
    fn path(&self, source: &str) -> Result<String, Error> {
        let mut path = format!("/images/create?fromSrc={}", http::query_value(source));
        let mut add = |key: &str, value: &str| path += &format!("&{key}={}", http::query_value(value));
        if let Some(reference) = &self.reference {
            let (repository, tag) = new_name(reference)?;
            add("repo", repository);
            add("tag", tag);
        }
        let options = [("message", &self.message), ("platform", &self.platform)];
        options.iter().for_each(|(key, value)| value.iter().for_each(|value| add(key, value)));
        self.changes.iter().for_each(|change| add("changes", change));
        Ok(path)
    }
}

impl Client {
    /// Makes an image of an archive of files; the stream ends when it is there, with its id.
    ///
    /// # Errors
    /// Those of every request; the rest comes in the stream.
    pub async fn import<R: AsyncRead + Send + 'static>(
        &self,
        archive: R,
        import: &Import,
    ) -> Result<impl Stream<Item = Result<PullProgress, Error>> + Send + use<R>, Error> {
        let bytes = ReaderStream::with_capacity(archive, CHUNK);
        Ok(told::lines(http::upload(&self.home, Method::POST, &import.path("-")?, bytes).await?))
    }

    /// [`Client::import`] of what the engine fetches from a URL.
    ///
    /// # Errors
    /// Those of every request; the rest comes in the stream.
    pub async fn import_from(
        &self,
        url: &str,
        import: &Import,
    ) -> Result<impl Stream<Item = Result<PullProgress, Error>> + Send + use<>, Error> {
        Ok(told::lines(http::send(&self.home, Method::POST, &import.path(url)?).await?))
    }

    /// Loads the images of an archive, of the machine's own platform or another; the stream ends when they are there,
    /// and says so (`Loaded image: name:tag`). Layers are told too unless it is to be `quiet`.
    ///
    /// # Errors
    /// Those of every request; the rest comes in the stream.
    pub async fn load<R: AsyncRead + Send + 'static>(
        &self,
        archive: R,
        platform: Option<&str>,
        quiet: bool,
    ) -> Result<impl Stream<Item = Result<PullProgress, Error>> + Send + use<R>, Error> {
        let path = format!("/images/load?quiet={}{}", u8::from(quiet), for_platform(platform));
        let bytes = ReaderStream::with_capacity(archive, CHUNK);
        Ok(told::lines(http::upload(&self.home, Method::POST, &path, bytes).await?))
    }

    /// Images as one archive, as it comes; a name without a tag is all tags of its repository.
    ///
    /// # Errors
    /// Those of every request; in the stream, [`Error::Broken`] when it ends too early.
    pub async fn save(
        &self,
        names: &[String],
        platform: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Error> {
        let names: Vec<String> = names.iter().map(|name| format!("names={}", http::query_value(name))).collect();
        let path = format!("/images/get?{}{}", names.join("&"), for_platform(platform));
        let response = http::send(&self.home, Method::GET, &path).await?;
        Ok(http::pieces(response))
    }
}

/// The end of a query.
pub(super) fn for_platform(platform: Option<&str>) -> String {
    platform.map(|platform| format!("&platform={}", http::query_value(platform))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_asked_for_as_docker_does() {
        let import = Import {
            reference: Some("localhost:5000/app".into()),
            changes: vec!["CMD x".into(), "ENV A=1&b".into()],
            platform: Some("linux/arm64".into()),
            ..Import::default()
        };
        assert_eq!(
            import.path("-").unwrap(),
            "/images/create?fromSrc=-&repo=localhost%3A5000%2Fapp&tag=latest&platform=linux%2Farm64\
             &changes=CMD%20x&changes=ENV%20A%3D1%26b"
        );
        assert_eq!(Import::default().path("http://a/b").unwrap(), "/images/create?fromSrc=http%3A%2F%2Fa%2Fb");
    }
}
