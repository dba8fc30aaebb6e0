//! Images, through the Docker Engine API of the guest.

use super::{Client, Filters, archives::for_platform, http, segment, told};
use crate::{
    container::ContainerQuery,
    error::Error,
    image::{CheckStep, Exploration, HistoryStep, ImageCheck, ImageRow, ImageUser, PullProgress, TagMeaning},
    login::{self, Login, Logins},
};
use ::http::Method;
use bollard::{
    auth::DockerCredentials,
    models::{ImageDeleteResponseItem, ImageSearchResponseItem, ImageSummary},
    query_parameters::{
        CreateImageOptions, ListImagesOptions, PruneImagesOptions, RemoveImageOptions, TagImageOptions,
    },
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

/// One thing that removing an image did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name was taken away.
    Untagged(String),
    /// An image or layer was deleted.
    Deleted(String),
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggedIn {
    #[serde(default)]
    identity_token: String,
}

impl Client {
    /// The images, one row per tag, newest first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn images(&self) -> Result<Vec<ImageRow>, Error> {
        let list = self.docker()?.list_images(None::<ListImagesOptions>).await?;
        Ok(list.iter().flat_map(ImageRow::of).collect())
    }

    /// Images with everything the engine lists of them, newest first.
    ///
    /// # Errors
    /// Those of every request; 400 for a filter that makes no sense.
    pub async fn list_images(&self, filters: super::Filters) -> Result<Vec<ImageSummary>, Error> {
        let options = ListImagesOptions { filters: Some(filters), ..Default::default() };
        Ok(self.docker()?.list_images(Some(options)).await?)
    }

    /// How an image came about, the last step first, as docker's document. With a platform, only if it is for that.
    ///
    /// # Errors
    /// Those of every request; 404 for an image for another platform.
    pub async fn image_history(&self, name: &str, platform: Option<&str>) -> Result<Vec<serde_json::Value>, Error> {
        let path = format!("/images/{}/history?{}", segment("image", name)?, for_platform(platform));
        http::json(&self.home, Method::GET, &path).await
    }

    /// How an image came about, the last step first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn image_steps(&self, name: &str) -> Result<Vec<HistoryStep>, Error> {
        http::json(&self.home, Method::GET, &format!("/images/{}/history", segment("image", name)?)).await
    }

    /// The containers that stand on images, newest first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn image_users(&self) -> Result<Vec<ImageUser>, Error> {
        let all = ContainerQuery { all: true, ..ContainerQuery::default() };
        Ok(self.list_containers(all).await?.into_iter().filter_map(ImageUser::of).collect())
    }

    /// What each layer of an image does to the files of those below, and what is wasted.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn explore_image(&self, name: &str) -> Result<Exploration, Error> {
        http::json(&self.home, Method::GET, &format!("/images/{}/layers", segment("image", name)?)).await
    }

    /// The images that a tag means and meant before, the last first.
    ///
    /// # Errors
    /// Those of every request; 404 when it never meant one that is still here.
    pub async fn tag_meanings(&self, name: &str) -> Result<Vec<TagMeaning>, Error> {
        http::json(&self.home, Method::GET, &format!("/images/{}/previous", segment("image", name)?)).await
    }

    /// Removes the images that no container has and that fit: `dangling=false` for those with a name too.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn prune_images(&self, filters: super::Filters) -> Result<Pruned<Removed>, Error> {
        let options = PruneImagesOptions { filters: Some(filters) };
        let pruned = self.docker()?.prune_images(Some(options)).await?;
        let removed = pruned.images_deleted.unwrap_or_default().into_iter().filter_map(removed).collect();
        Ok(Pruned { removed, space_reclaimed: bytes(pruned.space_reclaimed) })
    }

    /// Pulls an image, of the machine's own platform or another, with the user's login at its registry; the stream ends
    /// when it is there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a reference that is none; the rest comes in the stream.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<impl Stream<Item = Result<PullProgress, Error>> + Send + use<>, Error> {
        let (image, tag) = name_and_tag(reference);
        if image.is_empty() {
            return Err(Error::Invalid(format!("invalid reference format: {reference:?}")));
        }
        let options = CreateImageOptions {
            from_image: Some(image.into()),
            tag: Some(tag.into()),
            platform: platform.unwrap_or_default().into(),
            ..Default::default()
        };
        let docker = self.docker()?;
        let (login, warning) = login(reference).await;
        let credentials = login.map(|login| DockerCredentials {
            username: Some(login.username),
            password: Some(login.password),
            identitytoken: Some(login.identity_token),
            serveraddress: Some(login.server),
            ..DockerCredentials::default()
        });
        let pull = docker.create_image(Some(options), None, credentials).map_ok(Into::into).map_err(Error::from);
        Ok(stream::iter(warning.map(Ok)).chain(pull))
    }

    /// Pushes an image to the registry of its name, or those of all tags of the repository, with the user's login there;
    /// the stream ends when it is there. With a platform, only an image for that is pushed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a reference that cannot be pushed, those of every request; the rest comes in the stream.
    pub async fn push(
        &self,
        reference: &str,
        all_tags: bool,
        platform: Option<&str>,
    ) -> Result<impl Stream<Item = Result<PullProgress, Error>> + Send + use<>, Error> {
        let (image, tag) = name_and_tag(reference);
        if reference.contains('@') {
            return Err(Error::Invalid("cannot push a digest reference".into()));
        }
        if all_tags && image.len() < reference.len() {
            return Err(Error::Invalid("tag can't be used with --all-tags/-a".into()));
        }
        let tag = if all_tags { String::new() } else { http::query_value(tag) };
        let path = format!("/images/{}/push?tag={tag}{}", segment("image", image)?, for_platform(platform));
        let (login, warning) = login(reference).await;
        let header = login.unwrap_or_default().header();
        let answer = http::post_empty(&self.home, &path, &[("x-registry-auth", &header)]).await?;
        Ok(stream::iter(warning.map(Ok)).chain(told::lines(answer)))
    }

    /// Has the engine read everything that it stores of images, and set aside what is damaged; the stream ends with
    /// what was found.
    ///
    /// # Errors
    /// Those of every request; the rest comes in the stream.
    pub async fn check_images(&self) -> Result<impl Stream<Item = Result<CheckStep, Error>> + Send + use<>, Error> {
        let answer = http::send(&self.home, Method::POST, "/images/check").await?;
        Ok(told::texts(answer).try_filter_map(async |line| checked(&line)))
    }

    /// At most `limit` repositories whose name fits `term`, of docker.io or of the registry whose host stands in front.
    ///
    /// # Errors
    /// Those of every request; 400 for a filter or a limit that makes no sense.
    pub async fn search_images(
        &self,
        term: &str,
        limit: Option<i64>,
        filters: Filters,
    ) -> Result<Vec<ImageSearchResponseItem>, Error> {
        let (login, _) = login(term).await;
        let header = login.unwrap_or_default().header();
        let filters = serde_json::to_string(&filters).map_err(|error| Error::Invalid(error.to_string()))?;
        let (term, filters) = (http::query_value(term), http::query_value(&filters));
        let path = format!("/images/search?term={term}&limit={}&filters={filters}", limit.unwrap_or(0));
        http::get_with(&self.home, &path, &[("x-registry-auth", &header)]).await
    }

    /// Shows a login to its registry; gives it as it is to be kept, where the registry gives a token for the password.
    ///
    /// # Errors
    /// Those of every request; 401 when the registry refuses it.
    pub async fn log_in(&self, mut login: Login) -> Result<Login, Error> {
        let answer: LoggedIn = http::post(&self.home, "/auth", &login.document()).await?;
        if !answer.identity_token.is_empty() {
            login.password.clear();
            login.identity_token = answer.identity_token;
        }
        Ok(login)
    }

    /// Everything the engine knows of an image.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inspect_image(&self, name: &str) -> Result<serde_json::Value, Error> {
        http::json(&self.home, Method::GET, &format!("/images/{}/json", segment("image", name)?)).await
    }

    /// Removes a name of an image, and the image with its last name.
    ///
    /// # Errors
    /// Those of every request; 409 while a container uses it.
    pub async fn remove_image(&self, name: &str, force: bool) -> Result<Vec<Removed>, Error> {
        let name = segment("image", name)?;
        let options = RemoveImageOptions { force, ..Default::default() };
        let done = self.docker()?.remove_image(&name, Some(options), None).await?;
        Ok(done.into_iter().filter_map(removed).collect())
    }

    /// Gives an image another name.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn tag_image(&self, source: &str, target: &str) -> Result<(), Error> {
        let source = segment("image", source)?;
        let (repo, tag) = name_and_tag(target);
        let options = TagImageOptions { repo: Some(repo.into()), tag: Some(tag.into()) };
        Ok(self.docker()?.tag_image(&source, Some(options)).await?)
    }
}

/// The login at the registry of an image. One that cannot be read is told and not used: what everyone may pull is
/// pulled without.
async fn login(image: &str) -> (Option<Login>, Option<PullProgress>) {
    let server = login::of_image(image);
    let found = async { Logins::from_env()?.get(server).await };
    match found.await {
        Ok(login) => (login, None),
        Err(error) => {
            let status = format!("WARNING: going on without a login at {}: {error}", login::hostname(server));
            (None, Some(PullProgress { id: None, status, current: None, total: None }))
        }
    }
}

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned<T> {
    /// In order.
    pub removed: Vec<T>,
    /// Bytes.
    pub space_reclaimed: u64,
}

pub(super) fn bytes(told: Option<i64>) -> u64 {
    told.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

fn removed(item: ImageDeleteResponseItem) -> Option<Removed> {
    item.untagged.map(Removed::Untagged).or(item.deleted.map(Removed::Deleted))
}

/// One line of a check.
fn checked(line: &str) -> Result<Option<CheckStep>, Error> {
    #[derive(serde::Deserialize)]
    struct Line {
        aux: Option<ImageCheck>,
    }
    let broken = |error| Error::Broken(format!("a line of the check: {error}"));
    let Line { aux } = serde_json::from_str(line).map_err(broken)?;
    if let Some(found) = aux {
        return Ok(Some(CheckStep::Done(found)));
    }
    let progress = told::said(line)?.and_then(|progress| Some(CheckStep::Read(progress.current?, progress.total?)));
    Ok(progress)
}

/// `name` and tag or digest; `latest` when neither is given. A colon before a slash is a registry's port.
fn name_and_tag(reference: &str) -> (&str, &str) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name, digest);
    }
    let last = reference.rfind('/').map_or(0, |slash| slash + 1);
    match reference[last..].find(':') {
        Some(colon) => (&reference[..last + colon], &reference[last + colon + 1..]),
        None => (reference, "latest"),
    }
}

/// `name` and tag of an image that is to be made.
///
/// # Errors
/// [`Error::Invalid`] for one with a digest, in docker's words.
pub(super) fn new_name(reference: &str) -> Result<(&str, &str), Error> {
    if reference.contains('@') {
        return Err(Error::Invalid("refusing to create a tag with a digest reference".into()));
    }
    Ok(name_and_tag(reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_splits_at_its_tag_or_digest() {
        assert_eq!(name_and_tag("nginx"), ("nginx", "latest"));
        assert_eq!(name_and_tag("localhost:5000/nginx"), ("localhost:5000/nginx", "latest"));
        assert_eq!(name_and_tag("localhost:5000/nginx:1"), ("localhost:5000/nginx", "1"));
        assert_eq!(name_and_tag("nginx:a:b"), ("nginx", "a:b"), "the engine is to judge the whole of it");
        assert_eq!(name_and_tag("nginx@sha256:ab"), ("nginx", "sha256:ab"));
    }
}
