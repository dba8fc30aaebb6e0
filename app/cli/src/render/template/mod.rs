//! `--format`: Go's templates, as people use them with docker.
//!
//! Fields, variables, pipelines, `if`, `with`, `range`, Go's functions and docker's. `rows` takes docker's form for
//! lists: `\t` and `\n` in the text, and in front `table ` for columns with titles. What a row says cannot steer the
//! terminal.

mod escape;
mod evaluate;
mod field;
mod function;
mod parse;
mod token;
mod value;

use super::table;
use crate::failure::{Failure, invalid};
use berth_api::{Code, Problem};
use evaluate::{Evaluation, Fields};
use serde_json::Value;

/// The field of a row that `{{.Label "key"}}` looks into; no template can name it.
pub(crate) const LABELS: &str = "\0labels";

/// What a template is about: it decides about what is not there, and about docker's words for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// Any object, as `inspect` shows it.
    Object,
    /// A row of a list, by the name of docker's type.
    Row(&'static str),
    /// The same, where docker tries the template before it asks for the list.
    TriedRow(&'static str),
    /// One value, by the name of docker's type.
    Value(&'static str),
}

/// A template that was understood.
#[derive(Debug, PartialEq)]
pub(crate) struct Template {
    nodes: Vec<parse::Node>,
    of: Of,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is not understood, in one sentence.
    pub(crate) fn parse(text: &str, of: Of) -> Result<Self, Failure> {
        Self::read(text, of, str::to_owned)
    }

    /// One of a list, where `\t` and `\n` stand for what they mean.
    fn of_list(text: &str, of: Of) -> Result<Self, Failure> {
        Self::read(text, of, |plain| plain.replace("\\t", "\t").replace("\\n", "\n"))
    }

    fn read(text: &str, of: Of, plain: impl Fn(&str) -> String) -> Result<Self, Failure> {
        let nodes = parse::parse(text, plain).map_err(|why| invalid(format!("template parsing error: {why}")))?;
        Ok(Self { nodes, of })
    }

    /// The text of a row.
    ///
    /// # Errors
    /// A field the row does not have, and a function's refusal.
    pub(crate) fn render(&self, row: &Value) -> Result<String, Failure> {
        self.evaluated(row, Fields::Row(self.of))
    }

    /// The title line of a table: each field by its title, or by its name in capitals.
    fn titles(&self, title: impl Fn(&str) -> Option<&'static str>) -> Result<String, Failure> {
        let title = |name: &str| title(name).map_or_else(|| name.to_uppercase(), str::to_owned);
        self.evaluated(&Value::Null, Fields::Titles(&title))
    }

    fn evaluated(&self, row: &Value, fields: Fields<'_>) -> Result<String, Failure> {
        Evaluation::text(&self.nodes, row, fields).map_err(|refusal| {
            let doing = match self.of {
                Of::Object | Of::Row(_) => "template parsing error: ",
                Of::TriedRow(_) => "failed to execute template: ",
                Of::Value(_) => "",
            };
            let message = format!("{doing}template: {}", refusal.why);
            Problem { hint: refusal.hint, ..Problem::new(Code::InvalidArgument, message) }.into()
        })
    }
}

/// Rows in a format: `json` for an object per line, `table TEMPLATE` for columns under titles, or a template per line.
///
/// # Errors
/// A template that is not understood, or that names a field the rows do not have.
pub(crate) fn rows(
    format: &str,
    of: Of,
    rows: &[Value],
    title: impl Fn(&str) -> Option<&'static str>,
) -> Result<String, Failure> {
    if format == "json" {
        return Ok(rows.iter().map(|row| value::json(row) + "\n").collect());
    }
    let Some(columns) = format.strip_prefix("table ") else {
        let template = Template::of_list(format, of)?;
        return rows.iter().map(|row| Ok(template.render(row)? + "\n")).collect();
    };
    let template = Template::of_list(columns, of)?;
    let cells = |line: String| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = vec![cells(template.titles(title)?)];
    for row in rows {
        lines.push(cells(template.render(row)?));
    }
    Ok(table::columns(&lines))
}

#[cfg(test)]
mod tests;
