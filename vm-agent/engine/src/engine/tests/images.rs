use super::*;
use crate::{
    ErrorKind,
    container::RemoveOptions,
    image::{ImageFilters, ImageRemoval, LoadEvent, PullProgress},
};
use futures_util::StreamExt;

#[tokio::test]
async fn a_pull_tells_its_news_and_ends() {
    let case = Case::new().await;
    case.fakes.images.offer("docker.io/library/nginx:1.27", |_| {});
    let pull = case.engine.pull_image("nginx:1.27", None, None).await.unwrap();
    let news: Vec<_> = pull.map(Result::unwrap).collect().await;
    assert_eq!(news[0], PullProgress::Started { repository: "library/nginx".into(), tag: "1.27".into() });
    let PullProgress::Done { digest, reference, up_to_date } = &news[1] else { panic!("{news:?}") };
    assert!(digest.starts_with("sha256:") && reference == "nginx:1.27" && !up_to_date);

    let mut pull = case.engine.pull_image("nope", None, None).await.unwrap();
    let error = pull.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "manifest for nope:latest not found: manifest unknown: manifest unknown");
    assert!(pull.next().await.is_none());
    let Err(error) = case.engine.pull_image("UPPER", None, None).await else { panic!("it was answered") };
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
}

#[tokio::test]
async fn an_image_in_use_is_kept() {
    let case = Case::new().await;
    let id = case.run("web", |_| {}).await;
    let refused = case.engine.remove_image("busybox", None, true).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains(&id[..12]));
    case.engine.remove_container("web", RemoveOptions { force: true, volumes: false }).await.unwrap();
    let removed = case.engine.remove_image("busybox", None, false).await.unwrap();
    assert_eq!(removed[0], ImageRemoval::Untagged("busybox:latest".into()));
    assert_eq!(case.engine.inspect_image("busybox", None).await.unwrap_err().to_string(), "No such image: busybox");
}

#[tokio::test]
async fn an_image_for_another_platform_is_not_the_one_asked_for() {
    let case = Case::new().await;
    let other = "image with reference busybox was found but does not provide the specified platform (linux/s390x)";
    let asked = Some("linux/s390x");
    let answers = [
        case.engine.inspect_image("busybox", asked).await.map(drop),
        case.engine.image_history("busybox", asked).await.map(drop),
        case.engine.remove_image("busybox", asked, true).await.map(drop),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, other));
    }
    let own = case.engine.inspect_image("busybox", None).await.unwrap();
    let own = format!("{}/{}", own.os, own.architecture);
    case.engine.image_history("busybox", Some(&own)).await.unwrap();
    case.engine.remove_image("busybox", Some(&own), false).await.unwrap();
}

#[tokio::test]
async fn images_are_listed_tagged_and_loaded() {
    let case = Case::new().await;
    case.create("web", |_| {}).await;
    case.engine.tag_image("busybox", "mine/box:1").await.unwrap();
    let all = case.engine.list_images(ImageFilters::default(), false).await.unwrap();
    assert_eq!(
        (all[0].repo_tags.as_slice(), all[0].containers),
        (&["busybox:latest".to_owned(), "mine/box:1".to_owned()][..], 1)
    );
    let loaded: Vec<_> = case.engine.load_images(&b"app:2"[..], None).await.unwrap().collect().await;
    let [Ok(LoadEvent::Loaded { name: Some(name), .. })] = loaded.as_slice() else { panic!("{loaded:?}") };
    assert_eq!(name.familiar(), "app:2");
    let only = ImageFilters { reference: vec!["*/box".into()], ..ImageFilters::default() };
    assert_eq!(case.engine.list_images(only, false).await.unwrap().len(), 1);
    assert_eq!(case.engine.inspect_image("app:2", None).await.unwrap().os, "linux");
    let refused: Vec<_> = case.engine.load_images(&b"\0"[..], None).await.unwrap().collect().await;
    assert!(matches!(refused.as_slice(), [Err(_)]));
    let saved: Vec<_> = case.engine.save_images(&["app:2".into()], None).await.unwrap().collect().await;
    assert_eq!(saved[0].as_ref().unwrap(), "app:2\n");
    assert!(case.engine.save_images(&["app:2".into(), "nope".into()], None).await.is_err());
    let info = case.engine.info().await.unwrap();
    assert_eq!((info.containers, info.stopped, info.images), (1, 1, 2));
    assert!(info.memory > 0 && info.cpus > 0 && !info.kernel_version.is_empty());
}
