//! The functions of a template: Go's own, and docker's (docker CLI `templates`).

use super::{
    escape,
    value::{is_true, json, kind, shown},
};
use serde_json::Value;
use std::cmp::Ordering;

const NAMES: [&str; 27] = [
    "and", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne", "not", "or",
    "pad", "print", "printf", "println", "slice", "split", "title", "truncate", "upper", "urlquery", "trim",
];

pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The value of a function.
///
/// # Errors
/// One clause for arguments that it does not take.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| shown(value), str::to_owned);
    let number = |value: &Value| {
        let number = value.as_i64().or_else(|| value.as_f64().map(to_integer));
        number
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| format!("{name}: {} is no count", shown(value)))
    };
    let compare = |wanted: &[Ordering]| match arguments {
        [one, other] => Ok(Value::Bool(wanted.contains(&order(one, other)?))),
        _ => Err(wrong(name, arguments, "2")),
    };
    Ok(match (name, arguments) {
        // Only the last argument is left when none of the others decided; see the evaluator.
        ("and" | "or", [.., last]) => last.clone(),
        ("not", [one]) => Value::Bool(!is_true(one)),
        ("eq", [one, others @ ..]) if !others.is_empty() => {
            Value::Bool(others.iter().map(|other| same(one, other)).collect::<Result<Vec<_>, _>>()?.contains(&true))
        }
        ("ne", [one, other]) => Value::Bool(!same(one, other)?),
        ("lt", _) => compare(&[Ordering::Less])?,
        ("le", _) => compare(&[Ordering::Less, Ordering::Equal])?,
        ("gt", _) => compare(&[Ordering::Greater])?,
        ("ge", _) => compare(&[Ordering::Greater, Ordering::Equal])?,
        ("len", [one]) => Value::from(match one {
            Value::Null => 0,
            Value::String(text) => text.len(),
            Value::Array(all) => all.len(),
            Value::Object(all) => all.len(),
            other => return Err(format!("len of type {}", kind(other))),
        }),
        ("index", [of, keys @ ..]) => {
            let mut found = of.clone();
            for key in keys {
                found = at(&found, key)?;
            }
            found
        }
        ("slice", [of, bounds @ ..]) if bounds.len() < 3 => {
            let length =
                call("len", std::slice::from_ref(of))?.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            let from = bounds.first().map_or(Ok(0), number)?;
            let to = bounds.get(1).map_or(Ok(length), number)?;
            let bad = || format!("slice: index out of range: {from}:{to} of {length}");
            match of {
                Value::String(text) => Value::from(text.get(from..to).ok_or_else(bad)?),
                Value::Array(all) => Value::from(all.get(from..to).ok_or_else(bad)?.to_vec()),
                other => return Err(format!("can't slice item of type {}", kind(other))),
            }
        }
        ("json", [one]) => Value::from(json(one)),
        ("join", [Value::Null, _]) => Value::from(""),
        ("join", [Value::Array(all), between]) => {
            Value::from(all.iter().map(text).collect::<Vec<_>>().join(&text(between)))
        }
        ("join", [other, _]) => return Err(format!("join of type {}", kind(other))),
        ("split", [one, between]) => {
            Value::from(text(one).split(&text(between)).map(str::to_owned).collect::<Vec<_>>())
        }
        ("title", [one]) => Value::from(titled(&text(one))),
        ("lower", [one]) => Value::from(text(one).to_lowercase()),
        ("upper", [one]) => Value::from(text(one).to_uppercase()),
        ("trim", [one]) => Value::from(text(one).trim()),
        ("pad", [one, before, after]) => match text(one) {
            empty if empty.is_empty() => Value::from(""),
            full => Value::from(format!("{}{full}{}", spaces(number(before)?)?, spaces(number(after)?)?)),
        },
        ("truncate", [one, length]) => Value::from(text(one).chars().take(number(length)?).collect::<String>()),
        ("print", all) => Value::from(printed(all)),
        ("println", all) => Value::from(all.iter().map(shown).collect::<Vec<_>>().join(" ") + "\n"),
        ("printf", [format, arguments @ ..]) => Value::from(printf(&text(format), arguments)?),
        ("html", all) => Value::from(escape::html(&printed(all))),
        ("js", all) => Value::from(escape::javascript(&printed(all))),
        ("urlquery", all) => Value::from(escape::query(&printed(all))),
        _ => return Err(wrong(name, arguments, "another number")),
    })
}

fn wrong(name: &str, arguments: &[Value], wanted: &str) -> String {
    format!("wrong number of args for {name}: want {wanted} got {}", arguments.len())
}

/// As Go's `Sprint`: a space between two values that are no texts.
fn printed(all: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in all.iter().enumerate() {
        if at > 0 && !value.is_string() && !all[at - 1].is_string() {
            out.push(' ');
        }
        out.push_str(&shown(value));
    }
    out
}

fn at(of: &Value, key: &Value) -> Result<Value, String> {
    match (of, key) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::Object(all), Value::String(key)) => Ok(all.get(key).cloned().unwrap_or(Value::Null)),
        (Value::Array(all), Value::Number(_)) => {
            let index = key.as_u64().and_then(|index| usize::try_from(index).ok());
            index.and_then(|index| all.get(index)).cloned().ok_or_else(|| format!("index out of range: {key}"))
        }
        (Value::String(text), Value::Number(_)) => {
            let index = key.as_u64().and_then(|index| usize::try_from(index).ok());
            let byte = index.and_then(|index| text.as_bytes().get(index));
            byte.map(|byte| Value::from(*byte)).ok_or_else(|| format!("index out of range: {key}"))
        }
        _ => Err(format!("cannot index {} with {}", kind(of), kind(key))),
    }
}

fn same(one: &Value, other: &Value) -> Result<bool, String> {
    match (one, other) {
        (Value::Null, other) | (other, Value::Null) => Ok(other.is_null()),
        (Value::Number(_), Value::Number(_)) => Ok(order(one, other)? == Ordering::Equal),
        (Value::Bool(one), Value::Bool(other)) => Ok(one == other),
        (Value::String(one), Value::String(other)) => Ok(one == other),
        _ => Err(format!("incompatible types for comparison: {} and {}", kind(one), kind(other))),
    }
}

fn order(one: &Value, other: &Value) -> Result<Ordering, String> {
    let found = match (one, other) {
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        (Value::Number(_), Value::Number(_)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => one.as_f64().zip(other.as_f64()).and_then(|(one, other)| one.partial_cmp(&other)),
        },
        _ => None,
    };
    found.ok_or_else(|| format!("incompatible types for comparison: {} and {}", kind(one), kind(other)))
}

#[expect(clippy::cast_possible_truncation, reason = "as Go converts a float to an integer")]
fn to_integer(number: f64) -> i64 {
    number as i64
}

/// Each word with a capital.
fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut begins = true;
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        begins = c.is_whitespace();
    }
    out
}

/// Nobody's line is wider than this; a template is not to fill the memory.
const WIDEST: usize = 10_000;

fn spaces(count: usize) -> Result<String, String> {
    if count > WIDEST { Err(format!("{count} is too wide")) } else { Ok(" ".repeat(count)) }
}

/// `%s`, `%v`, `%q`, `%d`, `%x`, `%t`, `%f` with a width and a precision, `-` and `0`.
fn printf(format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = String::new();
        while let Some(c) = chars.next_if(|c| matches!(c, '-' | '0'..='9' | '.')) {
            spec.push(c);
        }
        let verb = chars.next().ok_or("printf: the format ends with %")?;
        if verb == '%' {
            out.push('%');
            continue;
        }
        let (width, precision) = spec.split_once('.').unwrap_or((&spec, ""));
        let (left, zeros) = (width.starts_with('-'), width.starts_with('0'));
        let size = |text: &str| match text.trim_start_matches(['-', '0']) {
            "" => Ok(0),
            digits => digits
                .parse()
                .ok()
                .filter(|size| *size <= WIDEST)
                .ok_or_else(|| format!("printf: %{spec}{verb} is too wide")),
        };
        let value = arguments.next().ok_or_else(|| format!("printf: %{spec}{verb} has no value"))?;
        let bad = || format!("printf: %{verb} does not print a {}", kind(value));
        let text = match verb {
            's' | 'v' => shown(value),
            'q' => Value::from(shown(value)).to_string(),
            'd' => value.as_i64().ok_or_else(bad)?.to_string(),
            'x' => format!("{:x}", value.as_i64().ok_or_else(bad)?),
            't' => value.as_bool().ok_or_else(bad)?.to_string(),
            'f' => {
                let places = if precision.is_empty() { 6 } else { size(precision)? };
                format!("{:.places$}", value.as_f64().ok_or_else(bad)?)
            }
            other => {
                return Err(format!("printf: %{other} is not supported by Berth: use %s, %v, %q, %d, %x, %t or %f"));
            }
        };
        let text = if matches!(verb, 's' | 'v' | 'q') && !precision.is_empty() {
            text.chars().take(size(precision)?).collect()
        } else {
            text
        };
        let fill = size(width)?.saturating_sub(text.chars().count());
        let fill = if zeros && !left { "0".repeat(fill) } else { " ".repeat(fill) };
        out.push_str(&if left { text + &fill } else { fill + &text });
    }
    match arguments.next() {
        Some(_) => Err("printf: there are more values than the format has places".to_owned()),
        None => Ok(out),
    }
}
