//! Ids of a container whose users are others outside: archives have those of the container, and the files that this
//! program sees through the container's mounts have the others.

use crate::pack::Xattr;

/// What the kernel shows for an id that a user namespace does not have.
const NOBODY: u32 = 65_534;
/// The attribute that holds a file's capabilities (`struct vfs_cap_data` in `linux/capability.h`).
const CAPABILITY: &[u8] = b"security.capability";
const CAPABILITY_LEN: usize = 20;
const REVISION: u32 = 0xff00_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
/// Attributes that hold an access control list (`linux/posix_acl_xattr.h`): a version, then entries.
const ACL: &[u8] = b"system.posix_acl_";
const ACL_HEADER: usize = 4;
const ACL_ENTRY: usize = 8;
/// The tags of entries that name a user or a group.
const ACL_NAMED: [u16; 2] = [0x02, 0x08];

/// Who a container's users are outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// Themselves.
    #[default]
    Same,
    /// Those from 0 on are those from `first` on, and there are `count`.
    From {
        /// What the container's root is.
        first: u32,
        /// How many there are.
        count: u32,
    },
}

impl Ids {
    /// What an id of the container is outside; `None` for one that it has not.
    #[must_use]
    pub const fn outside(self, id: u32) -> Option<u32> {
        match self {
            Self::Same => Some(id),
            Self::From { first, count } if id < count => first.checked_add(id),
            Self::From { .. } => None,
        }
    }

    /// What an id outside is in the container; nobody for one that it has not.
    #[must_use]
    pub const fn inside(self, id: u32) -> u32 {
        match self {
            Self::Same => id,
            Self::From { first, count } if id >= first && id - first < count => id - first,
            Self::From { .. } => NOBODY,
        }
    }

    /// An extended attribute as the container has it.
    pub(crate) fn attribute_inside(self, attribute: &mut Xattr) {
        let Self::From { first, .. } = self else { return };
        let (name, value) = attribute;
        if name == CAPABILITY {
            let owner = value.get(CAPABILITY_LEN..).and_then(word);
            if revision(value) == Some(REVISION_3) && owner == Some(first) {
                value.truncate(CAPABILITY_LEN);
                set_revision(value, REVISION_2);
            }
        } else if name.starts_with(ACL) {
            acl(value, |id| Some(self.inside(id)));
        }
    }

    /// An extended attribute of the container as it is outside; whether it can be.
    pub(crate) fn attribute_outside(self, attribute: &mut Xattr) -> bool {
        let Self::From { first, .. } = self else { return true };
        let (name, value) = attribute;
        if name == CAPABILITY && revision(value) == Some(REVISION_2) && value.len() == CAPABILITY_LEN {
            value.extend(first.to_le_bytes());
            set_revision(value, REVISION_3);
        } else if name.starts_with(ACL) {
            return acl(value, |id| self.outside(id));
        }
        true
    }
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn revision(value: &[u8]) -> Option<u32> {
    word(value).map(|word| word & REVISION)
}

fn set_revision(value: &mut [u8], revision: u32) {
    if let (Some(old), Some(place)) = (word(value), value.first_chunk_mut()) {
        *place = (old & !REVISION | revision).to_le_bytes();
    }
}

/// Changes the ids of the entries that have one; whether each had another.
fn acl(value: &mut [u8], change: impl Fn(u32) -> Option<u32>) -> bool {
    let entries = value.get_mut(ACL_HEADER..).unwrap_or_default().chunks_exact_mut(ACL_ENTRY);
    entries.fold(true, |all, entry| {
        let named = ACL_NAMED.contains(&u16::from_le_bytes([entry[0], entry[1]]));
        let Some(id) = word(&entry[4..]).filter(|_| named) else { return all };
        let changed = change(id);
        if let Some(id) = changed {
            entry[4..].copy_from_slice(&id.to_le_bytes());
        }
        all && changed.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDS: Ids = Ids::From { first: 524_288, count: 65_536 };

    #[test]
    fn ids_are_others_outside_and_strangers_are_nobody() {
        assert_eq!((IDS.outside(0), IDS.outside(65_535), IDS.outside(65_536)), (Some(524_288), Some(589_823), None));
        assert_eq!((IDS.inside(524_288), IDS.inside(589_824), IDS.inside(0)), (0, NOBODY, NOBODY));
        assert_eq!((Ids::Same.outside(70_000), Ids::Same.inside(70_000)), (Some(70_000), 70_000));
    }

    #[test]
    fn capabilities_belong_to_the_containers_root() {
        let plain = [0x0200_0001_u32, 0x400, 0, 0, 0].map(u32::to_le_bytes).concat();
        let mut attribute = (CAPABILITY.to_vec(), plain.clone());
        assert!(IDS.attribute_outside(&mut attribute));
        assert_eq!(attribute.1, [0x0300_0001_u32, 0x400, 0, 0, 0, 524_288].map(u32::to_le_bytes).concat());
        IDS.attribute_inside(&mut attribute);
        assert_eq!(attribute.1, plain);
        let mut strangers = (CAPABILITY.to_vec(), [0x0300_0001_u32, 0x400, 0, 0, 0, 7].map(u32::to_le_bytes).concat());
        let before = strangers.clone();
        IDS.attribute_inside(&mut strangers);
        assert_eq!(strangers, before);
    }

    #[test]
    fn an_access_control_list_names_the_containers_users() {
        let entry = |tag: u16, id: u32| [&tag.to_le_bytes()[..], &7_u16.to_le_bytes(), &id.to_le_bytes()].concat();
        let list = |user: u32| [2_u32.to_le_bytes().to_vec(), entry(1, u32::MAX), entry(2, user)].concat();
        let mut attribute = (b"system.posix_acl_access".to_vec(), list(1000));
        assert!(IDS.attribute_outside(&mut attribute));
        assert_eq!(attribute.1, list(525_288));
        IDS.attribute_inside(&mut attribute);
        assert_eq!(attribute.1, list(1000));
        assert!(!IDS.attribute_outside(&mut (attribute.0, list(70_000))));
    }

    proptest! {
        #[test]
        fn no_attribute_is_too_strange(name in prop_oneof![Just(CAPABILITY), Just(&b"system.posix_acl_default"[..])],
            value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut attribute = (name.to_vec(), value);
            IDS.attribute_outside(&mut attribute);
            IDS.attribute_inside(&mut attribute);
        }
    }
}
