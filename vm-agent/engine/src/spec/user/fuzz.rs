//! Images whose `passwd` and `group` were written by somebody else.

use super::*;
use proptest::{collection::vec, prelude::*};
use std::fs;

/// A line of a file: an entry, or what an image may have between them.
#[derive(Clone, Debug)]
enum Line {
    Entry { name: String, uid: u32, gid: u32, members: Vec<String> },
    Other(Vec<u8>),
}

fn name() -> impl Strategy<Value = String> {
    // Few names, so that they meet.
    "[a-c]{1,2}"
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let id = || prop_oneof![4 => 0_u32..5, 1 => any::<u32>()];
    let entry = (name(), id(), id(), vec(name(), 0..4)).prop_map(|(name, uid, gid, members)| Line::Entry {
        name,
        uid,
        gid,
        members,
    });
    let other = prop_oneof![
        Just(vec![]),
        "#[ -~]{0,20}".prop_map(String::into_bytes),
        // Entries of no number, of a number that is none, of too few fields.
        "[a-c]{1,2}:x?:(|-1|4294967296|1e3|0x1):[0-9]?:[a-z:]{0,8}".prop_map(String::into_bytes),
        "[a-c]{1,2}(:x)?".prop_map(String::into_bytes),
        vec(any::<u8>().prop_filter("one line", |byte| ![b'\n', b':'].contains(byte)), 0..40),
        (1_usize..100_000).prop_map(|length| vec![b'a'; length]),
    ];
    vec(prop_oneof![2 => entry, 1 => other.prop_map(Line::Other)], 0..12)
}

fn image(passwd: &[u8], group: &[u8]) -> (tempfile::TempDir, Rootfs) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
    fs::write(dir.path().join("etc/group"), group).unwrap();
    let root = Rootfs::open(dir.path()).unwrap();
    (dir, root)
}

fn text(lines: &[Line], ending: &str, write: impl Fn(&str, u32, u32, &[String]) -> String) -> Vec<u8> {
    let line = |line: &Line| match line {
        Line::Entry { name, uid, gid, members } => write(name, *uid, *gid, members).into_bytes(),
        Line::Other(bytes) => bytes.clone(),
    };
    lines.iter().map(line).collect::<Vec<_>>().join(ending.as_bytes())
}

proptest! {
    #[test]
    fn the_first_whole_entry_of_a_name_counts_whatever_stands_around_it(
        users in lines(), groups in lines(), user in name(), ending in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let passwd = text(&users, ending, |name, uid, gid, _| format!("{name}:x:{uid}:{gid}:g,e;c os:/home/{name}:/bin/sh"));
        let group = text(&groups, ending, |name, _, gid, members| format!("{name}:x:{gid}:{}", members.join(",")));
        let (_dir, root) = image(&passwd, &group);
        let entry = users.iter().find_map(|line| match line {
            Line::Entry { name, uid, gid, .. } if *name == user => Some((*uid, *gid)),
            _ => None,
        });
        let mut mine: Vec<u32> = groups.iter().filter_map(|line| match line {
            Line::Entry { gid, members, .. } if members.contains(&user) => Some(*gid),
            _ => None,
        }).collect();
        mine.sort_unstable();
        mine.dedup();
        match (ResolvedUser::look_up(&root, &user, &[]), entry) {
            (Ok(found), Some((uid, gid))) => {
                prop_assert_eq!((found.uid, found.gid, found.groups), (uid, gid, mine));
                prop_assert_eq!(found.home, format!("/home/{user}"));
            }
            (Err(error), None) => prop_assert!(error.to_string().starts_with("unable to find user"), "{error}"),
            (Err(error), Some((uid, gid))) => {
                let largest = mine.into_iter().chain([uid, gid]).max().unwrap_or(0);
                prop_assert!(largest > LARGEST_ID, "{error}");
            }
            (Ok(found), None) => prop_assert!(false, "nobody wrote {found:?}"),
        }
    }

    #[test]
    fn no_bytes_in_the_files_are_a_panic(
        passwd in berth_fuzz::damaged(b"root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/var/www:/bin/false\n".to_vec()),
        group in berth_fuzz::damaged(b"root:x:0:\nwww:x:33:\nextra:x:50:www,other\n".to_vec()),
        user in "[a-z0-9:-]{0,12}",
        more in vec("[a-z0-9-]{0,8}", 0..3),
    ) {
        let (_dir, root) = image(&passwd, &group);
        for user in [user.as_str(), "www", "0", "www:extra"] {
            if let Ok(found) = ResolvedUser::look_up(&root, user, &more) {
                prop_assert!(found.groups.iter().chain([&found.uid, &found.gid]).all(|id| *id <= LARGEST_ID));
                prop_assert!(found.groups.is_sorted() && !found.home.is_empty());
            }
        }
    }
}
