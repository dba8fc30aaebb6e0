//! A container's root filesystem as the engine touches it: by [`berth_image::Root`], so that no link of an image leads
//! out.

pub(crate) use berth_image::Root as Rootfs;
