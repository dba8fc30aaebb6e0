//! The welcome image that ships inside the app: Debian's static busybox serving one page.

use crate::checkout::Checkout;
use crate::fixtures;
use crate::oci::{Compression, Defaults, Family, Image, LayerBuilder, write_archive};
use crate::stamp::Stamp;
use crate::steps::Note;
use anyhow::Result;

/// The name under which the image is loaded.
const REFERENCE: &str = "berth/welcome:latest";

/// Writes `share/berth/welcome.tar`.
pub(crate) fn build(checkout: &Checkout, note: &Note) -> Result<()> {
    let page = checkout.root.join("guest-image/welcome/index.html");
    let out = checkout.share().join("welcome.tar");
    let stamp = Stamp::of(checkout, "welcome", &[page.clone(), checkout.root.join("installer/xtask/src")], "")?;
    if stamp.is_fresh(std::slice::from_ref(&out)) {
        note.set("unchanged");
        return Ok(());
    }
    let busybox = fixtures::busybox_layer(checkout, note)?;
    let mut site = LayerBuilder::new("welcome page");
    site.dir("srv", 0o755)?.dir("srv/www", 0o755)?.file("srv/www/index.html", 0o644, &std::fs::read(&page)?)?;
    let defaults = Defaults {
        // As PID 1 busybox's httpd would end by SIGKILL only; the shell around it ends in good order when asked.
        cmd: &["/bin/sh", "-c", "trap 'exit 0' TERM INT; httpd -f -vv -p 80 -h /srv/www & wait"],
        expose: Some("80/tcp"),
        ..Defaults::default()
    };
    let image = Image::new("amd64", vec![busybox, site.finish(Compression::Gzip)?], Family::Oci, &defaults);
    write_archive(&image, REFERENCE, &out)?;
    note.set(format!("{} kB", std::fs::metadata(&out)?.len() / 1000));
    stamp.keep()
}
