//! How docker names registries in its files.

/// Docker's own registry there.
pub const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// And in names of images.
const DOCKER_IO: &str = "docker.io";

/// The registry that an image's name means.
#[must_use]
pub fn of_image(image: &str) -> &str {
    match image.split_once('/') {
        Some((DOCKER_IO | "index.docker.io", _)) => DOCKER_HUB,
        Some((first, _))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            first
        }
        _ => DOCKER_HUB,
    }
}

/// The registry that was typed behind `login`; docker's own when nothing was.
#[must_use]
pub fn typed(server: Option<&str>) -> &str {
    match server {
        None | Some("" | DOCKER_IO | DOCKER_HUB) => DOCKER_HUB,
        Some(server) => hostname(server),
    }
}

/// Host and port of a registry that may be written with scheme and path.
#[must_use]
pub fn hostname(server: &str) -> &str {
    let bare = server.strip_prefix("http://").or_else(|| server.strip_prefix("https://")).unwrap_or(server);
    bare.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_registry_is_dockers_unless_its_name_begins_with_a_host() {
        for (image, server) in [
            ("nginx", DOCKER_HUB),
            ("team/app:1", DOCKER_HUB),
            ("docker.io/team/app", DOCKER_HUB),
            ("localhost/app", "localhost"),
            ("localhost:5000/app:1", "localhost:5000"),
            ("r.example.com/a/b@sha256:00", "r.example.com"),
            ("Host/app", "Host"),
        ] {
            assert_eq!(of_image(image), server, "{image}");
        }
    }

    #[test]
    fn what_is_typed_behind_login_loses_scheme_and_path() {
        assert_eq!(typed(None), DOCKER_HUB);
        assert_eq!(typed(Some("docker.io")), DOCKER_HUB);
        assert_eq!(typed(Some("https://r.example.com:5000/v2/")), "r.example.com:5000");
    }
}
