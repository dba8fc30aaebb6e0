//! One line of a pull or a push.

use serde::Serialize;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) progress_detail: Option<Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
}

impl Message<'_> {
    pub(super) fn status(status: String) -> Self {
        Self { status, progress_detail: None, id: None }
    }
}
