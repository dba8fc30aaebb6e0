//! Files of this system become an archive for a container.

use super::{path::Source, system};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use tar::{EntryType, Header};

/// Writes `source` under the name `name`; without one, only what is in it. What cannot be in an archive is left out and
/// told. Blocks.
///
/// # Errors
/// What could not be read, as (path, why); [`io::ErrorKind::BrokenPipe`] when nobody reads the archive.
pub(crate) fn pack(source: &Source, name: Option<&OsStr>, out: &mut impl Write) -> io::Result<Vec<String>> {
    let mut pack = Pack { archive: tar::Builder::new(out), links: HashMap::new(), left_out: Vec::new() };
    let metadata = fs::symlink_metadata(&source.path).map_err(at(&source.path))?;
    match name {
        Some(name) => pack.entry(&source.path, Path::new(name), &metadata)?,
        None => pack.below(&source.path, Path::new(""))?,
    }
    pack.archive.finish()?;
    pack.archive.get_mut().flush()?;
    Ok(pack.left_out)
}

struct Pack<'a, W: Write> {
    archive: tar::Builder<&'a mut W>,
    /// Where a file with several names was first written.
    links: HashMap<(u64, u64), PathBuf>,
    left_out: Vec<String>,
}

impl<W: Write> Pack<'_, W> {
    fn below(&mut self, folder: &Path, name: &Path) -> io::Result<()> {
        let names: io::Result<Vec<_>> = fs::read_dir(folder).and_then(|all| all.map(|e| Ok(e?.file_name())).collect());
        let mut names = names.map_err(at(folder))?;
        names.sort();
        for last in names {
            let path = folder.join(&last);
            match fs::symlink_metadata(&path) {
                Ok(metadata) => self.entry(&path, &name.join(&last), &metadata)?,
                // It went while the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(&path)(error)),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &Path, metadata: &Metadata) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_metadata(metadata);
        header.set_mode(system::mode(metadata));
        header.set_size(0);
        if let Some(file) = system::shared(metadata) {
            if let Some(first) = self.links.get(&file) {
                header.set_entry_type(EntryType::Link);
                return self.archive.append_link(&mut header, name, first);
            }
            self.links.insert(file, name.to_path_buf());
        }
        if metadata.is_dir() {
            self.archive.append_data(&mut header, name, io::empty())?;
            self.below(path, name)
        } else if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(at(path))?;
            self.archive.append_link(&mut header, name, target)
        } else if metadata.is_file() {
            let file = File::open(path).map_err(at(path))?;
            let size = file.metadata().map_err(at(path))?.len();
            header.set_size(size);
            self.archive.append_data(&mut header, name, Whole { file, left: size, path })
        } else if header.entry_type() == EntryType::Fifo {
            self.archive.append_data(&mut header, name, io::empty())
        } else {
            let what = if system::is_device(metadata) { "device" } else { "socket" };
            self.left_out.push(format!("{} was left out: it is a {what}", path.display()));
            Ok(())
        }
    }
}

/// A file at the length that its header tells.
struct Whole<'a> {
    file: File,
    left: u64,
    path: &'a Path,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.file.read(&mut buffer[..most]).map_err(at(self.path))?;
        if length == 0 && most > 0 {
            return Err(at(self.path)(io::Error::other("it became shorter while it was copied")));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// An error that says where.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("could not read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{super::extract::extract, *};

    fn packed(path: &Path, name: Option<&str>) -> Vec<u8> {
        let source = Source { path: path.to_path_buf(), name: None, is_dir: path.is_dir() };
        let mut bytes = Vec::new();
        assert_eq!(pack(&source, name.map(OsStr::new), &mut bytes).unwrap(), [""; 0]);
        bytes
    }

    #[cfg(unix)]
    #[test]
    fn a_tree_goes_and_comes_back_the_same() {
        use std::os::unix::fs::{MetadataExt, symlink};
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let long = "long".repeat(60);
        fs::create_dir_all(from.path().join("sub").join(&long)).unwrap();
        fs::write(from.path().join("sub").join(&long).join("deep"), vec![7; 300_000]).unwrap();
        fs::write(from.path().join("ü"), "").unwrap();
        fs::hard_link(from.path().join("ü"), from.path().join("z")).unwrap();
        for target in ["../../out", "/absolute/one", &format!("./{long}//x")] {
            symlink(target, from.path().join(format!("to{}", target.len()))).unwrap();
        }
        for (name, top) in [(Some("top"), "top"), (None, ".")] {
            extract(&packed(from.path(), name)[..], top, to.path(), name.map(OsStr::new)).unwrap();
            let to = to.path().join(name.unwrap_or_default());
            assert_eq!(fs::read(to.join("sub").join(&long).join("deep")).unwrap(), vec![7; 300_000]);
            assert_eq!(fs::metadata(to.join("z")).unwrap().nlink(), 2);
            for target in ["../../out", "/absolute/one"] {
                assert_eq!(fs::read_link(to.join(format!("to{}", target.len()))).unwrap(), Path::new(target));
            }
        }
    }

    #[test]
    fn a_small_file_is_as_long_as_dockers_archive_of_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), "x").unwrap();
        assert_eq!(packed(&folder.path().join("f"), Some("f")).len(), 2048);
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_is_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
        let source = Source { path: folder.path().to_path_buf(), name: None, is_dir: true };
        let left_out = pack(&source, None, &mut Vec::new()).unwrap();
        assert!(left_out[0].ends_with("/s was left out: it is a socket"), "{left_out:?}");
    }
}
