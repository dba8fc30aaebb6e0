//! The images, read and compared with what they were.

use super::{Engine, images::told};
use crate::{Result, image::CheckStep};
use futures_util::stream::BoxStream;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a check tells how far it is.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What a check says, until it is done or failed. Dropping it does not end the check.
pub type CheckStream = BoxStream<'static, Result<CheckStep>>;

impl Engine {
    /// Reads everything that is stored of images and sets aside what is damaged; the next pull of such an image puts it
    /// back.
    #[must_use]
    pub fn check_images(&self) -> CheckStream {
        let engine = self.clone();
        told(|news| async move {
            let told = Mutex::new(None::<Instant>);
            let progress = {
                let news = news.clone();
                Arc::new(move |current, total| {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                        *told = Some(Instant::now());
                        drop(news.send(Ok(CheckStep::Read { current, total })));
                    }
                })
            };
            let checked = engine.inner.seams.images.check(progress).await.map(|mut checked| {
                for container in checked.damage.iter_mut().flat_map(|damage| &mut damage.containers) {
                    if let Some(name) = engine.name_of(container) {
                        *container = name;
                    }
                }
                CheckStep::Done(checked)
            });
            drop(news.send(checked.map_err(Into::into)));
        })
    }

    /// The name of a container that is here.
    fn name_of(&self, id: &str) -> Option<String> {
        let container = self.inner.roster.all().into_iter().find(|container| container.id() == id)?;
        Some(container.now().ok()?.name.clone())
    }
}
