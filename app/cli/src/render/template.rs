//! `--format`: the part of Go's templates that people use with docker.
//!
//! `{{.Field}}`, `{{.Field.Inner}}`, `{{json .}}`, `{{json .Field}}`, `{{index .Field "key"}}`, `{{.Label "key"}}`;
//! `\t` and `\n` in the text; in front, `table ` for columns with titles.

use super::{table, text::inert};
use crate::failure::{Failure, invalid};
use serde_json::Value;

/// The field of a row that `{{.Label "key"}}` looks into; no template can name it.
pub(crate) const LABELS: &str = "\0labels";

/// A template that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Field by field from the row; none is the row.
    Value {
        path: Vec<String>,
        json: bool,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is not understood, by name.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            pieces.push(Piece::Text(unescape(before)));
            let (action, behind) = after
                .split_once("}}")
                .ok_or_else(|| invalid(format!("template parsing error: unclosed action in {text:?}")))?;
            pieces.push(action_of(action.trim())?);
            rest = behind;
        }
        pieces.push(Piece::Text(unescape(rest)));
        Ok(Self(pieces))
    }

    /// The text of a row.
    ///
    /// # Errors
    /// A field the row does not have.
    pub(crate) fn render(&self, row: &Value) -> Result<String, Failure> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value { path, json } => {
                    let value = look_up(row, path)?;
                    out.push_str(&if *json { shown_json(value) } else { inert(&shown(value)) });
                }
            }
        }
        Ok(out)
    }

    /// The title line of a table: each field by its title, or by its name in capitals.
    fn titles(&self, title: impl Fn(&str) -> Option<&'static str>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value { path, .. } => {
                let name = path.last().map(String::as_str).unwrap_or_default();
                title(name).map_or_else(|| name.to_uppercase(), str::to_owned)
            }
        };
        self.0.iter().map(piece).collect()
    }
}

/// Rows in a format: `json` for an object per line, `table TEMPLATE` for columns under titles, or a template per line.
///
/// # Errors
/// A template that is not understood, or that names a field the rows do not have.
pub(crate) fn rows(
    format: &str,
    rows: &[Value],
    title: impl Fn(&str) -> Option<&'static str>,
) -> Result<String, Failure> {
    if format == "json" {
        return Ok(rows.iter().map(|row| shown_json(&without_labels(row)) + "\n").collect());
    }
    let Some(columns) = format.strip_prefix("table ") else {
        let template = Template::parse(format)?;
        return rows.iter().map(|row| Ok(template.render(row)? + "\n")).collect();
    };
    let template = Template::parse(columns)?;
    let cells = |line: String| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = vec![cells(template.titles(title))];
    for row in rows {
        lines.push(cells(template.render(row)?));
    }
    Ok(table::columns(&lines))
}

fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

fn action_of(action: &str) -> Result<Piece, Failure> {
    let unknown = || {
        invalid(format!(
            "template parsing error: {{{{{action}}}}} is not understood; use {{{{.Field}}}}, {{{{json .Field}}}}, {{{{index .Field \"key\"}}}} or {{{{.Label \"key\"}}}}"
        ))
    };
    let quoted = |text: &str| Some(text.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned());
    if let Some(field) = action.strip_prefix("json ") {
        return Ok(Piece::Value { path: path(field).ok_or_else(unknown)?, json: true });
    }
    if let Some(key) = action.strip_prefix(".Label ") {
        let path = vec![LABELS.to_owned(), quoted(key).ok_or_else(unknown)?];
        return Ok(Piece::Value { path, json: false });
    }
    if let Some(rest) = action.strip_prefix("index ") {
        let (field, key) = rest.trim().split_once(' ').ok_or_else(unknown)?;
        let mut path = path(field).ok_or_else(unknown)?;
        path.push(quoted(key).ok_or_else(unknown)?);
        return Ok(Piece::Value { path, json: false });
    }
    Ok(Piece::Value { path: path(action).ok_or_else(unknown)?, json: false })
}

fn path(text: &str) -> Option<Vec<String>> {
    let fields = text.trim().strip_prefix('.')?;
    let word = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let names: Vec<String> =
        fields.split('.').filter(|name| !fields.is_empty() || !name.is_empty()).map(str::to_owned).collect();
    names.iter().all(|name| word(name)).then_some(names)
}

fn look_up<'a>(row: &'a Value, path: &[String]) -> Result<&'a Value, Failure> {
    const NOTHING: &Value = &Value::Null;
    let mut value = row;
    for (depth, name) in path.iter().enumerate() {
        value = match value.get(name) {
            Some(inner) => inner,
            // A map's missing key is no error in Go, and neither is a label that is not there.
            None if depth > 0 => NOTHING,
            None => {
                let names = row.as_object().into_iter().flat_map(|fields| fields.keys());
                let names: Vec<_> = names.filter(|name| *name != LABELS).map(|name| format!(".{name}")).collect();
                return Err(invalid(format!("template: there is no field .{name}; there are {}", names.join(" "))));
            }
        };
    }
    Ok(value)
}

/// As Go prints a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => format!("[{}]", all.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| format!("{key}:{}", shown(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// JSON escapes what could steer a terminal.
fn shown_json(value: &Value) -> String {
    without_labels(value).to_string()
}

fn without_labels(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove(LABELS);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row() -> Value {
        json!({
            "Names": "web", "Size": 5, "Actor": { "ID": "ab", "Attributes": { "com.x": "y" } }, "List": ["a", "b"],
            LABELS: { "tier": "front" },
        })
    }

    fn rendered(template: &str) -> String {
        match Template::parse(template).and_then(|template| template.render(&row())) {
            Ok(text) => text,
            Err(Failure::Problem(problem)) => problem.message,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn templates_are_gos() {
        for (template, text) in [
            ("{{.Names}}: {{ .Size }}", "web: 5"),
            ("{{.Actor.ID}}\\t{{.List}}", "ab\t[a b]"),
            ("{{json .Actor}}", r#"{"Attributes":{"com.x":"y"},"ID":"ab"}"#),
            ("{{index .Actor.Attributes \"com.x\"}}", "y"),
            ("{{.Label \"tier\"}}{{.Label \"none\"}}", "front"),
            ("{{.Actor.Attributes}}", "map[com.x:y]"),
            ("plain", "plain"),
        ] {
            assert_eq!(rendered(template), text, "{template}");
        }
        assert!(rendered("{{.Nope}}").starts_with("template: there is no field .Nope; there are .Actor .List"));
        assert!(rendered("{{if .Names}}x{{end}}").contains("{{if .Names}} is not understood"));
        assert!(rendered("{{.Names").contains("unclosed action"));
        assert!(!rendered("{{json .}}").contains("front"));
    }

    #[test]
    fn a_table_has_titles() {
        let title = |name: &str| (name == "Names").then_some("NAMES");
        let text = rows("table {{.Names}}\\t{{.Size}}", &[row()], title).unwrap();
        assert_eq!(text, "NAMES     SIZE\nweb       5\n");
        assert_eq!(rows("{{.Names}}", &[row(), row()], title).unwrap(), "web\nweb\n");
    }
}
