//! By which name the guest found an address: a proxy is told the name, since it may know others, or let none but names
//! pass. An address that was the answer to several is nobody's: a guess could lead elsewhere.

use hickory_proto::rr::RData;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long programs may use an answer, though they were told to forget it sooner.
const KEPT: Duration = Duration::from_secs(600);
/// Addresses at the most; one more has no name.
const MOST: usize = 4096;
/// Of a name, bytes (RFC 1035, 3.1).
const LONGEST: usize = 253;

#[derive(Debug, Default)]
pub(crate) struct Names {
    found: Mutex<HashMap<IpAddr, Found>>,
}

#[derive(Debug)]
struct Found {
    /// `None` for several.
    name: Option<String>,
    at: Instant,
}

impl Names {
    /// Remembers an answer.
    pub(super) fn keep(&self, name: &str, answer: &[RData], now: Instant) {
        let name = name.to_ascii_lowercase();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        // It is written into requests to the proxy.
        let is_plain = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(letters);
        let addresses = answer.iter().filter_map(|data| match data {
            RData::A(ip) => Some(IpAddr::from(ip.0)),
            RData::AAAA(ip) => Some(IpAddr::from(ip.0)),
            _ => None,
        });
        let mut found = self.found();
        for address in addresses {
            if !found.contains_key(&address) && found.len() >= MOST {
                found.retain(|_, found| now < found.at + KEPT);
                if found.len() >= MOST {
                    return;
                }
            }
            let before = found.get(&address).filter(|found| now < found.at + KEPT);
            let is_only = is_plain && before.is_none_or(|before| before.name.as_ref() == Some(&name));
            found.insert(address, Found { name: is_only.then(|| name.clone()), at: now });
        }
    }

    /// The one name that an address was found by.
    pub(crate) fn of(&self, address: IpAddr, now: Instant) -> Option<String> {
        self.found().get(&address).filter(|found| now < found.at + KEPT)?.name.clone()
    }

    fn found(&self) -> MutexGuard<'_, HashMap<IpAddr, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_one_name_it_was_found_by_for_a_while() {
        let (names, now) = (Names::default(), Instant::now());
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let answer = |addresses: &[IpAddr]| addresses.iter().copied().map(super::super::address).collect::<Vec<_>>();
        names.keep("Web.example", &answer(&[one, two]), now);
        names.keep("web.example", &answer(&[one]), now);
        assert_eq!(names.of(one, now).as_deref(), Some("web.example"));
        names.keep("other.example", &answer(&[two]), now);
        assert_eq!(names.of(two, now), None, "two names have it");
        names.keep("web.example", &answer(&[two]), now);
        assert_eq!(names.of(two, now), None, "two names have it still");
        let later = now + KEPT;
        assert_eq!(names.of(one, later), None);
        names.keep("web.example", &answer(&[two]), later);
        assert_eq!(names.of(two, later).as_deref(), Some("web.example"));
        for odd in ["", "a b", "x\r\nHost: y", "a:80", &"x".repeat(254)] {
            names.keep(odd, &answer(&[one]), later);
            assert_eq!(names.of(one, later), None, "{odd:?}");
        }
    }

    #[test]
    fn it_takes_bounded_room() {
        let (names, now) = (Names::default(), Instant::now());
        let address = |number: u32| super::super::address(IpAddr::from(number.to_be_bytes()));
        for number in 0..6000 {
            names.keep("many.example", &[address(number)], now);
        }
        assert_eq!(names.found().len(), MOST);
        names.keep("many.example", &[address(6000)], now + KEPT);
        assert_eq!(names.found().len(), 1);
    }
}
