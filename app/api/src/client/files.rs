//! What is in a container's root, as an archive, as a list of changes, and as a new image.

use super::{Client, http, images::new_name, segment};
use crate::error::Error;
use ::http::Method;
use bytes::Bytes;
use futures_util::Stream;
use serde::Deserialize;

/// A path of a container that is not as its image has it; docker's `FilesystemChange`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PathChange {
    /// Absolute.
    pub path: String,
    /// 0 changed, 1 added, 2 deleted.
    pub kind: u8,
}

/// How an image is made of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// `name[:tag]` of the image; it has only an id for `None`.
    pub reference: Option<String>,
    /// Who made it.
    pub author: String,
    /// What is new in it.
    pub message: String,
    /// Lines of a Dockerfile that change its settings.
    pub changes: Vec<String>,
    /// Freezes the container meanwhile.
    pub pause: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Committed {
    id: String,
}

impl Commit {
    /// The request for `container`.
    fn path(&self, container: &str) -> Result<String, Error> {
        let mut path = format!("/commit?container={}&pause={}", http::query_value(container), u8::from(self.pause));
        let mut add = |key: &str, value: &str| path += &format!("&{key}={}", http::query_value(value));
        if let Some(reference) = &self.reference {
            let (repository, tag) = new_name(reference)?;
            add("repo", repository);
            add("tag", tag);
        }
        add("author", &self.author);
        add("comment", &self.message);
        self.changes.iter().for_each(|change| add("changes", change));
        Ok(path)
    }
}

impl Client {
    /// The paths of a container that are not as its image has them.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn changes(&self, name: &str) -> Result<Vec<PathChange>, Error> {
        let path = format!("/containers/{}/changes", segment("container", name)?);
        // Docker writes a list without entries as `null`.
        Ok(http::json::<Option<_>>(&self.home, Method::GET, &path).await?.unwrap_or_default())
    }

    /// The whole root of a container as a tar archive, as it comes.
    ///
    /// # Errors
    /// Those of every request; in the stream, [`Error::Broken`] when it ends too early.
    pub async fn export(&self, name: &str) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Error> {
        let path = format!("/containers/{}/export", segment("container", name)?);
        let response = http::send(&self.home, Method::GET, &path).await?;
        Ok(http::pieces(response))
    }

    /// Makes an image of a container; gives its id.
    ///
    /// # Errors
    /// Those of every request; [`Error::Invalid`] for a name with a digest.
    pub async fn commit(&self, name: &str, commit: &Commit) -> Result<String, Error> {
        Ok(http::json::<Committed>(&self.home, Method::POST, &commit.path(name)?).await?.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_asked_for_as_docker_does() {
        let commit = Commit {
            reference: Some("localhost:5000/app".into()),
            author: "A B".into(),
            changes: vec!["CMD x".into(), "ENV A=1&b".into()],
            ..Commit::default()
        };
        assert_eq!(
            commit.path("web").unwrap(),
            "/commit?container=web&pause=0&repo=localhost%3A5000%2Fapp&tag=latest&author=A%20B&comment=\
             &changes=CMD%20x&changes=ENV%20A%3D1%26b"
        );
        let nameless = Commit { pause: true, ..Commit::default() };
        assert_eq!(nameless.path("a&b").unwrap(), "/commit?container=a%26b&pause=1&author=&comment=");
        let digest = Commit { reference: Some("app@sha256:ab".into()), ..Commit::default() };
        assert_eq!(digest.path("web").unwrap_err().to_string(), "refusing to create a tag with a digest reference");
    }
}
