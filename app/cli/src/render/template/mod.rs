//! `--format`: Go's templates, as people use them with docker.
//!
//! Fields, variables, pipelines, `if`, `with`, `range`, Go's functions and docker's. `rows` takes docker's form for
//! lists: `\t` and `\n` in the text, and in front `table ` for columns with titles. What a row says cannot steer the
//! terminal.

mod evaluate;
mod function;
mod parse;
mod token;
mod value;

use super::table;
use crate::failure::{Failure, invalid};
use evaluate::{Evaluation, Fields};
use serde_json::Value;

/// The field of a row that `{{.Label "key"}}` looks into; no template can name it.
pub(crate) const LABELS: &str = "\0labels";

/// A template that was understood.
#[derive(Debug, PartialEq)]
pub(crate) struct Template(Vec<parse::Node>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is not understood, in one sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        Self::of(text, str::to_owned)
    }

    /// One of a list, where `\t` and `\n` stand for what they mean.
    fn of_list(text: &str) -> Result<Self, Failure> {
        Self::of(text, |plain| plain.replace("\\t", "\t").replace("\\n", "\n"))
    }

    fn of(text: &str, plain: impl Fn(&str) -> String) -> Result<Self, Failure> {
        parse::parse(text, plain).map(Self).map_err(|why| invalid(format!("template parsing error: {why}")))
    }

    /// The text of a row.
    ///
    /// # Errors
    /// A field the row does not have, and a function's refusal.
    pub(crate) fn render(&self, row: &Value) -> Result<String, Failure> {
        self.evaluated(row, Fields::Row)
    }

    /// The title line of a table: each field by its title, or by its name in capitals.
    fn titles(&self, title: impl Fn(&str) -> Option<&'static str>) -> Result<String, Failure> {
        let title = |name: &str| title(name).map_or_else(|| name.to_uppercase(), str::to_owned);
        self.evaluated(&Value::Null, Fields::Titles(&title))
    }

    fn evaluated(&self, row: &Value, fields: Fields<'_>) -> Result<String, Failure> {
        Evaluation::text(&self.0, row, fields).map_err(|why| invalid(format!("template: {why}")))
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
        return Ok(rows.iter().map(|row| value::json(row) + "\n").collect());
    }
    let Some(columns) = format.strip_prefix("table ") else {
        let template = Template::of_list(format)?;
        return rows.iter().map(|row| Ok(template.render(row)? + "\n")).collect();
    };
    let template = Template::of_list(columns)?;
    let cells = |line: String| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = vec![cells(template.titles(title)?)];
    for row in rows {
        lines.push(cells(template.render(row)?));
    }
    Ok(table::columns(&lines))
}

#[cfg(test)]
mod tests;
