//! Files of a container as tar archives, in and out.

use super::{Client, http, segment};
use crate::error::Error;
use ::http::{HeaderMap, Method};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::Stream;
use serde::Deserialize;

/// Where docker tells what a path is, as JSON in base64.
const PATH_STAT: &str = "x-docker-container-path-stat";

/// What a path of a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStat {
    /// The last part of the path as asked, and of the names in its archive; `.` for `path/.`.
    pub name: String,
    /// What is there.
    pub kind: PathKind,
    /// Of a link: the path it means in the container.
    pub link_target: String,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device.
    Device,
    /// A pipe, a socket.
    Other,
}

/// How an archive is put into a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutArchive {
    /// Give everything to the container's user, not to the owners in the archive.
    pub own_by_user: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatIn {
    name: String,
    mode: u32,
    #[serde(default)]
    link_target: String,
}

impl PathStat {
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let broken = |why: String| Error::Broken(format!("the engine's {PATH_STAT} is unreadable: {why}"));
        let text = headers.get(PATH_STAT).ok_or_else(|| broken("there is none".into()))?;
        let json = STANDARD.decode(text).map_err(|error| broken(error.to_string()))?;
        let StatIn { name, mode, link_target } =
            serde_json::from_slice(&json).map_err(|error| broken(error.to_string()))?;
        Ok(Self { name, kind: PathKind::of(mode), link_target })
    }
}

impl PathKind {
    /// From the bits of Go's `fs.FileMode`.
    fn of(mode: u32) -> Self {
        let is = |bit: u32| mode & (1 << bit) != 0;
        match () {
            () if is(31) => Self::Directory,
            () if is(27) => Self::Link,
            () if is(26) => Self::Device,
            () if is(25) || is(24) || is(19) => Self::Other,
            () => Self::File,
        }
    }
}

impl Client {
    /// What a path of a container is; a link in its last place is told as the link. `None` when nothing is there.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn path_stat(&self, name: &str, path: &str) -> Result<Option<PathStat>, Error> {
        match http::send(&self.home, Method::HEAD, &request(name, path)?).await {
            Ok(response) => PathStat::of(response.headers()).map(Some),
            // The answer to HEAD has no words in which a container and a path could be told apart.
            Err(Error::Engine { status: 400 | 404, .. }) => {
                http::json::<serde::de::IgnoredAny>(
                    &self.home,
                    Method::GET,
                    &format!("/containers/{}/json", segment("container", name)?),
                )
                .await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A file or directory of a container as a tar archive, as it comes, and what it is.
    ///
    /// # Errors
    /// Those of every request; in the stream, [`Error::Broken`] when it ends too early.
    pub async fn archive(
        &self,
        name: &str,
        path: &str,
    ) -> Result<(PathStat, impl Stream<Item = Result<Bytes, Error>> + use<>), Error> {
        let response = http::send(&self.home, Method::GET, &request(name, path)?).await?;
        let stat = PathStat::of(response.headers())?;
        Ok((stat, http::pieces(response)))
    }

    /// Puts a tar archive, plain or compressed, into a directory of a container. What is there keeps its kind: nothing
    /// else takes the place of a directory, and no directory that of something else.
    ///
    /// # Errors
    /// Those of every request, also of an `archive` that breaks off.
    pub async fn put_archive(
        &self,
        name: &str,
        path: &str,
        options: PutArchive,
        archive: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), Error> {
        let mut path = request(name, path)? + "&noOverwriteDirNonDir=true";
        if options.own_by_user {
            path += "&copyUIDGID=true";
        }
        http::body(http::upload(&self.home, Method::PUT, &path, archive).await?).await.map(drop)
    }
}

fn request(name: &str, path: &str) -> Result<String, Error> {
    Ok(format!("/containers/{}/archive?path={}", segment("container", name)?, http::query_value(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_as_docker_tells_it_and_nonsense_is_an_error() {
        let told = |json: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PATH_STAT, STANDARD.encode(json).parse().unwrap());
            PathStat::of(&headers)
        };
        for (mode, kind) in [
            (0o644_u32, PathKind::File),
            (2_147_484_141, PathKind::Directory),
            (134_218_239, PathKind::Link),
            (69_206_454, PathKind::Device),
            (1 << 25, PathKind::Other),
        ] {
            let stat = told(&format!(
                r#"{{"name":"etc","size":7,"mode":{mode},"mtime":"2023-11-14T22:13:20Z","linkTarget":"/x"}}"#
            ));
            assert_eq!(stat.unwrap(), PathStat { name: "etc".into(), kind, link_target: "/x".into() });
        }
        assert!(matches!(told("{}"), Err(Error::Broken(_))));
        assert!(matches!(PathStat::of(&HeaderMap::new()), Err(Error::Broken(_))));
    }

    #[test]
    fn a_path_cannot_become_another_option() {
        assert_eq!(request("web", "/a&b=c ü").unwrap(), "/containers/web/archive?path=%2Fa%26b%3Dc%20%C3%BC");
    }
}
