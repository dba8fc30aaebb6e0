//! JSON documents with something else in some places.

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, json};

/// Numbers at which something begins or ends.
const EDGES: [i64; 16] = [
    i64::MIN,
    i32::MIN as i64,
    -1,
    0,
    1,
    255,
    256,
    65_535,
    65_536,
    i32::MAX as i64,
    1 << 31,
    u32::MAX as i64,
    1 << 32,
    1 << 53,
    1_000_000_000,
    i64::MAX,
];
/// Words that mean something to somebody.
const WORDS: [&str; 24] = [
    "",
    "/",
    ".",
    "..",
    "../..",
    "/..",
    "/proc/self/exe",
    "/proc/self/fd/3",
    "/dev/null",
    "a:b",
    "a=b",
    "a,b",
    "0-",
    "1-0",
    "host",
    "container:",
    "none",
    "ALL",
    "\0",
    "\n",
    "%s",
    "-1",
    "18446744073709551616",
    "c *:* rwm",
];

/// What is done to one place.
#[derive(Clone, Debug)]
enum Change {
    Becomes(Value),
    /// It gets what another place has.
    Copies(Index),
    /// It is there twice: in a list, or under another key.
    Doubles(String),
    Goes,
}

/// `document` with one to four changes.
pub fn changed(document: Value) -> impl Strategy<Value = Value> {
    let change = prop_oneof![
        4 => anything().prop_map(Change::Becomes),
        2 => any::<Index>().prop_map(Change::Copies),
        1 => word().prop_map(Change::Doubles),
        1 => Just(Change::Goes),
    ];
    vec((any::<Index>(), change), 1..=4).prop_map(move |changes| {
        let mut document = document.clone();
        for (place, change) in changes {
            apply(&mut document, place, change);
        }
        document
    })
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        3 => proptest::sample::select(&EDGES[..]).prop_map(Value::from),
        4 => word().prop_map(Value::from),
        1 => (1_usize..70_000).prop_map(|length| Value::from("x".repeat(length))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((word(), inner), 0..4).prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), ".{0,12}", "[a-zA-Z0-9:/.,=-]{0,16}"]
}

fn apply(document: &mut Value, place: Index, change: Change) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let at = place.get(&all).clone();
    match change {
        Change::Becomes(value) => put(document, &at, value),
        Change::Copies(from) => {
            let value = document.pointer(&all[from.index(all.len())]).cloned().unwrap_or_default();
            put(document, &at, value);
        }
        Change::Doubles(key) => {
            if let Some((parent, own)) = parent_of(document, &at) {
                match parent {
                    Value::Array(list) => {
                        if let Some(value) = own.parse().ok().and_then(|index: usize| list.get(index)).cloned() {
                            list.push(value);
                        }
                    }
                    Value::Object(map) => {
                        if let Some(value) = map.get(&own).cloned() {
                            map.insert(key, value);
                        }
                    }
                    _ => {}
                }
            }
        }
        Change::Goes => match parent_of(document, &at) {
            Some((Value::Array(list), own)) => {
                if let Some(index) = own.parse().ok().filter(|index| *index < list.len()) {
                    list.remove(index);
                }
            }
            Some((Value::Object(map), own)) => {
                map.remove(&own);
            }
            _ => *document = json!({}),
        },
    }
}

fn put(document: &mut Value, at: &str, value: Value) {
    if let Some(place) = document.pointer_mut(at) {
        *place = value;
    }
}

/// The value that holds the one at `at`, and the key or index in it.
fn parent_of<'a>(document: &'a mut Value, at: &str) -> Option<(&'a mut Value, String)> {
    let (parent, own) = at.rsplit_once('/')?;
    let own = own.replace("~1", "/").replace("~0", "~");
    Some((document.pointer_mut(parent)?, own))
}

/// All places of a document, as JSON pointers.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            places(value, &format!("{at}/{key}"), all);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), all));
        }
        _ => {}
    }
}
