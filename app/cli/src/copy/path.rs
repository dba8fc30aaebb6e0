//! Paths of a copy, as docker reads them (moby `pkg/archive/copy.go`).

use crate::failure::{Failure, invalid};
use std::{
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf, is_separator},
};

/// As many links as docker follows to a destination.
const MAX_LINKS: usize = 10;

/// One side of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A path of a container.
    Container {
        /// Name or id.
        name: String,
        /// The path.
        path: String,
    },
    /// A path of this system.
    Local(String),
    /// A standard stream.
    Stream,
}

impl Side {
    /// `CONTAINER:PATH`, a path, or `-`. A path of this system that has a colon begins with `/` or `.`.
    pub(crate) fn parse(text: &str) -> Self {
        let absolute = Path::new(text).is_absolute() || text.starts_with(is_separator);
        match text.split_once(':') {
            Some((name, path)) if !absolute && !name.is_empty() && !name.starts_with('.') => {
                Self::Container { name: name.to_owned(), path: path.to_owned() }
            }
            _ if text == "-" => Self::Stream,
            _ => Self::Local(text.to_owned()),
        }
    }
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its name.
    Name,
    /// With a separator: it is to be a directory.
    Directory,
    /// With `.`: what is in the directory is meant.
    Contents,
}

impl Ending {
    pub(crate) fn of(text: &str, is_separator: impl Fn(char) -> bool) -> Self {
        let trimmed = text.trim_end_matches(&is_separator);
        match () {
            () if trimmed == "." || trimmed.ends_with('.') && trimmed[..trimmed.len() - 1].ends_with(&is_separator) => {
                Self::Contents
            }
            () if trimmed.len() < text.len() => Self::Directory,
            () => Self::Name,
        }
    }
}

/// Where a copy lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// In the destination, a directory, under its own name.
    Inside,
    /// In the destination's place.
    InPlace,
}

/// Where a copy lands. `destination` is whether it is a directory, and `None` when nothing is there.
///
/// # Errors
/// Docker's, when it can land nowhere.
pub(crate) fn landing(source_is_dir: bool, destination: Option<bool>, ending: Ending) -> Result<Landing, Failure> {
    match destination {
        Some(true) => Ok(Landing::Inside),
        Some(false) if source_is_dir => Err(invalid("cannot copy directory")),
        None if !source_is_dir && ending != Ending::Name => Err(invalid("no such directory")),
        _ => Ok(Landing::InPlace),
    }
}

/// The directory and the name that a path of a container ends in.
pub(crate) fn in_container(path: &str) -> (String, String) {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let name = match Ending::of(path, |c| c == '/') {
        Ending::Contents => ".",
        _ => parts.pop().unwrap_or("/"),
    };
    (format!("/{}", parts.join("/")), name.to_owned())
}

/// A path of this system, made absolute and plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) path: PathBuf,
    pub(crate) ending: Ending,
}

impl Local {
    pub(crate) fn of(text: &str) -> Result<Self, Failure> {
        let absolute = std::path::absolute(text).map_err(failed("abs", Path::new(text)))?;
        let mut path = PathBuf::new();
        for part in absolute.components() {
            match part {
                Component::CurDir => {}
                // At the root it changes nothing.
                Component::ParentDir => drop(path.pop()),
                part => path.push(part),
            }
        }
        Ok(Self { path, ending: Ending::of(text, is_separator) })
    }

    /// As docker shows it.
    pub(crate) fn shown(&self) -> String {
        let shown = match self.ending {
            Ending::Name => self.path.clone(),
            Ending::Directory => self.path.join(""),
            Ending::Contents => self.path.join("."),
        };
        shown.display().to_string()
    }

    /// Refuses what can be no destination, before a container is asked.
    ///
    /// # Errors
    /// Docker's.
    pub(crate) fn check_output(&self) -> Result<(), Failure> {
        if let Some(parent) = self.path.parent()
            && is_nothing(&fs::metadata(parent))
        {
            return Err(invalid(format!("invalid output path: directory {parent:?} does not exist")));
        }
        match fs::metadata(&self.path) {
            Ok(there) if super::system::is_device(&there) => Err(invalid(format!(
                "invalid output path: {:?} must be a directory or a regular file: got a device",
                self.shown()
            ))),
            found if found.is_ok() || is_nothing(&found) => Ok(()),
            Err(error) => Err(failed("stat", &self.path)(error)),
            Ok(_) => Ok(()),
        }
    }

    /// Where the destination is, links followed, and whether it is a directory; `None` when nothing is there.
    ///
    /// # Errors
    /// Docker's, when it is no directory but has to be, or cannot be looked at.
    pub(crate) fn destination(&self) -> Result<(PathBuf, Option<bool>), Failure> {
        let mut path = self.path.clone();
        let mut found = fs::symlink_metadata(&path);
        let mut links = 0;
        while found.as_ref().is_ok_and(fs::Metadata::is_symlink) {
            links += 1;
            if links > MAX_LINKS {
                return Err(invalid(format!("too many symlinks in {}", self.path.display())));
            }
            let target = fs::read_link(&path).map_err(failed("readlink", &path))?;
            path = path.parent().unwrap_or(Path::new("")).join(target);
            found = fs::symlink_metadata(&path);
        }
        match found {
            Ok(there) if self.ending == Ending::Name || there.is_dir() => Ok((path, Some(there.is_dir()))),
            Ok(_) => Err(failed("lstat", Path::new(&self.shown()))(io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("lstat", &path)(error)),
            Err(error) if self.ending == Ending::Contents => Err(failed("stat", &path)(error)),
            Err(_) => match path.parent().map(fs::metadata) {
                Some(Ok(parent)) if !parent.is_dir() => Err(invalid("not a directory")),
                Some(Err(error)) => Err(failed("stat", path.parent().unwrap_or(&path))(error)),
                _ => Ok((path, None)),
            },
        }
    }
}

/// Something of this system that goes into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its name; `None` when what is in it is meant.
    pub(crate) name: Option<OsString>,
    pub(crate) is_dir: bool,
}

impl Source {
    /// Looks at it; a link in the last place is the link itself, unless it is to be followed or to be a directory.
    ///
    /// # Errors
    /// When nothing is there, or no directory where one is asserted.
    pub(crate) fn look_up(local: &Local, follow: bool) -> Result<Self, Failure> {
        let shown = local.shown();
        let failed = || failed("lstat", Path::new(&shown));
        let mut path = local.path.clone();
        if follow || local.ending != Ending::Name {
            path = fs::canonicalize(path).map_err(failed())?;
        }
        let is_dir = fs::symlink_metadata(&path).map_err(failed())?.is_dir();
        if local.ending != Ending::Name && !is_dir {
            return Err(failed()(io::ErrorKind::NotADirectory.into()));
        }
        let name = local.path.file_name().filter(|_| local.ending != Ending::Contents).map(ToOwned::to_owned);
        Ok(Self { path, name, is_dir })
    }
}

fn is_nothing<T>(found: &io::Result<T>) -> bool {
    matches!(found, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// A failure in docker's form: what was tried, where, and why it failed.
fn failed(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            io::ErrorKind::NotADirectory => "not a directory".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        invalid(format!("{what} {}: {why}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: std::fmt::Debug>(answer: Result<T, Failure>) -> String {
        let Err(Failure::Problem(problem)) = answer else { panic!("{answer:?}") };
        problem.message
    }

    #[test]
    fn a_side_is_a_container_only_where_docker_sees_one() {
        let container = |name: &str, path: &str| Side::Container { name: name.into(), path: path.into() };
        for (text, side) in [
            ("web:/etc", container("web", "/etc")),
            ("web:a:b", container("web", "a:b")),
            ("web:", container("web", "")),
            ("./a:b", Side::Local("./a:b".into())),
            ("/a:b", Side::Local("/a:b".into())),
            (":x", Side::Local(":x".into())),
            ("-", Side::Stream),
            ("-:x", container("-", "x")),
            ("plain", Side::Local("plain".into())),
        ] {
            assert_eq!(Side::parse(text), side, "{text}");
        }
    }

    #[test]
    fn an_ending_says_what_is_meant() {
        for (text, ending) in [
            (".", Ending::Contents),
            ("/", Ending::Directory),
            ("/a", Ending::Name),
            ("/a/", Ending::Directory),
            ("/a/.", Ending::Contents),
            ("/a/./", Ending::Contents),
            ("a.", Ending::Name),
            ("..", Ending::Name),
            ("/a/..", Ending::Name),
        ] {
            assert_eq!(Ending::of(text, |c| c == '/'), ending, "{text}");
        }
    }

    #[test]
    fn a_copy_lands_where_dockers_table_says() {
        use Ending::{Contents, Directory, Name};
        // Source is a directory, destination (is one), its ending.
        for (dir, destination, ending, lands) in [
            (false, Some(true), Name, Ok(Landing::Inside)),
            (true, Some(true), Directory, Ok(Landing::Inside)),
            (true, Some(false), Name, Err("cannot copy directory")),
            (false, Some(false), Name, Ok(Landing::InPlace)),
            (true, None, Name, Ok(Landing::InPlace)),
            (true, None, Directory, Ok(Landing::InPlace)),
            (false, None, Name, Ok(Landing::InPlace)),
            (false, None, Directory, Err("no such directory")),
            (false, None, Contents, Err("no such directory")),
        ] {
            let answer = landing(dir, destination, ending);
            match lands {
                Ok(landing) => assert_eq!(answer.unwrap(), landing),
                Err(text) => assert_eq!(said(answer), text),
            }
        }
    }

    #[test]
    fn a_path_of_a_container_has_a_directory_and_a_name() {
        for (path, dir, name) in [
            ("/a/b", "/a", "b"),
            ("a", "/", "a"),
            ("/a/b/", "/a", "b"),
            ("/a/b/.", "/a/b", "."),
            ("/", "/", "/"),
            ("/a/../../b", "/", "b"),
        ] {
            assert_eq!(in_container(path), (dir.into(), name.into()), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_source_is_the_link_unless_it_is_to_be_followed() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("dir")).unwrap();
        fs::write(real.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("dir", real.join("link")).unwrap();
        let look =
            |text: &str, follow| Source::look_up(&Local::of(&format!("{}{text}", real.display())).unwrap(), follow);
        let name = |name: &str| Some(OsString::from(name));
        let link = look("/link", false).unwrap();
        assert_eq!(link, Source { path: real.join("link"), name: name("link"), is_dir: false });
        let followed = Source { path: real.join("dir"), name: name("link"), is_dir: true };
        assert_eq!(look("/link", true).unwrap(), followed);
        assert_eq!(look("/link/", false).unwrap(), followed);
        assert_eq!(look("/link/.", false).unwrap(), Source { name: None, ..followed });
        assert_eq!(look("/dir/../file", false).unwrap().name, name("file"));
        assert_eq!(said(look("/file/", false)), format!("lstat {}/file/: not a directory", real.display()));
        assert_eq!(said(look("/none", false)), format!("lstat {}/none: no such file or directory", real.display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_destination_is_what_its_links_mean() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("dir")).unwrap();
        fs::write(real.join("file"), "x").unwrap();
        symlink("dir", real.join("link")).unwrap();
        symlink("absent", real.join("dangling")).unwrap();
        symlink("round", real.join("round")).unwrap();
        let local = |text: &str| Local::of(&format!("{}{text}", real.display())).unwrap();
        let to = |text: &str| local(text).destination();
        assert_eq!(to("/link").unwrap(), (real.join("dir"), Some(true)));
        assert_eq!(to("/dangling").unwrap(), (real.join("absent"), None));
        assert_eq!(to("/file").unwrap(), (real.join("file"), Some(false)));
        assert!(said(to("/round")).starts_with("too many symlinks in "));
        assert!(said(to("/file/")).ends_with("/file/: not a directory"));
        assert!(said(to("/new/.")).ends_with("/new: no such file or directory"));
        local("/new").check_output().unwrap();
        let refused = said(local("/no/new").check_output());
        assert_eq!(refused, format!("invalid output path: directory \"{}/no\" does not exist", real.display()));
        assert_eq!(
            said(Local::of("/dev/null").unwrap().check_output()),
            "invalid output path: \"/dev/null\" must be a directory or a regular file: got a device"
        );
    }
}
