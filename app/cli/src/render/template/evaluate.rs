//! A template's text for one value.

use super::{
    LABELS, Of, field, function,
    parse::{Node, Operand, Pipeline},
    token::Path,
    value::{harmless, is_true, kind, shown},
};
use serde_json::Value;

/// A text that grows beyond this is none that anybody wants, bytes.
const LONGEST: usize = 64 << 20;
/// Loops within loops may go round so often altogether.
const MOST_ROUNDS: usize = 10_000_000;

/// What fields mean.
#[derive(Clone, Copy)]
pub(super) enum Fields<'a> {
    /// What the row says, which is such a value.
    Row(Of),
    /// The titles of columns, by name.
    Titles(&'a dyn Fn(&str) -> String),
}

pub(super) struct Evaluation<'a> {
    row: &'a Value,
    fields: Fields<'a>,
    variables: Vec<(String, Value)>,
    rounds: usize,
    out: String,
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Found {
    value: Value,
    origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    /// From the row as it came: what is made of it first becomes harmless.
    Row,
    /// From a map of the row that has no such name.
    Nowhere,
    /// From the template.
    Made,
}

/// Why there is no text.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) why: String,
    /// What to write instead.
    pub(super) hint: Option<String>,
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(why: T) -> Self {
        Self { why: why.into(), hint: None }
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn text(nodes: &[Node], row: &'a Value, fields: Fields<'a>) -> Result<String, Refusal> {
        let mut evaluation = Self { row, fields, variables: vec![], rounds: 0, out: String::new() };
        match evaluation.nodes(nodes, row)? {
            Flow::On => Ok(evaluation.out),
            Flow::Break => Err("{{break}} outside {{range}}".into()),
            Flow::Continue => Err("{{continue}} outside {{range}}".into()),
        }
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Refusal> {
        let scope = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::On {
                break;
            }
        }
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Refusal> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Print(pipeline) => {
                let found = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    match (found.value.is_null(), found.origin) {
                        (true, Origin::Nowhere) => self.out.push_str("<no value>"),
                        (true, Origin::Row) => self.out.push_str("<nil>"),
                        _ => self.out.push_str(&shown(&found.harmless())),
                    }
                }
            }
            Node::If(branches) => {
                let scope = self.variables.len();
                for (condition, body) in branches {
                    let holds = match condition {
                        Some(condition) => is_true(&self.pipeline(condition, dot)?.value),
                        None => true,
                    };
                    if holds {
                        let flow = self.nodes(body, dot);
                        self.variables.truncate(scope);
                        return flow;
                    }
                }
                self.variables.truncate(scope);
            }
            Node::With(pipeline, body, otherwise) => {
                let scope = self.variables.len();
                let value = self.pipeline(pipeline, dot)?.value;
                let flow = if is_true(&value) { self.nodes(body, &value) } else { self.nodes(otherwise, dot) };
                self.variables.truncate(scope);
                return flow;
            }
            Node::Range(pipeline, body, otherwise) => return self.range(pipeline, body, otherwise, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        if self.out.len() > LONGEST { Err("the text becomes too long".into()) } else { Ok(Flow::On) }
    }

    fn range(&mut self, pipeline: &Pipeline, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<Flow, Refusal> {
        let found = self.commands(pipeline, dot)?.value;
        let entries: Vec<(Value, Value)> = match found {
            Value::Array(all) => all.into_iter().enumerate().map(|(at, value)| (at.into(), value)).collect(),
            Value::Object(all) => {
                all.into_iter().filter(|(key, _)| key != LABELS).map(|(key, value)| (key.into(), value)).collect()
            }
            Value::Null => vec![],
            other => return Err(format!("range can't iterate over {}", shown(&other)).into()),
        };
        if entries.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, value) in entries {
            self.rounds += 1;
            if self.rounds > MOST_ROUNDS {
                return Err("the loops go round too often".into());
            }
            let scope = self.variables.len();
            match pipeline.variables.as_slice() {
                [] => {}
                [one] => self.variables.push((one.clone(), value.clone())),
                [one, other, ..] => {
                    self.variables.extend([(one.clone(), key), (other.clone(), value.clone())]);
                }
            }
            let flow = self.nodes(body, &value)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    /// The value of a pipeline, which its variable gets too.
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Found, Refusal> {
        let found = self.commands(pipeline, dot)?;
        match pipeline.variables.as_slice() {
            [] => {}
            [name] if pipeline.assigns => match self.variables.iter_mut().rev().find(|(have, _)| have == name) {
                Some((_, value)) => value.clone_from(&found.value),
                None => return Err(format!("undefined variable \"${name}\"").into()),
            },
            [name] => self.variables.push((name.clone(), found.value.clone())),
            _ => return Err("only range gives two variables a value".into()),
        }
        Ok(found)
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Found, Refusal> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        last.ok_or_else(|| "missing value for command".into())
    }

    fn command(&mut self, command: &[Operand], piped: Option<Found>, dot: &Value) -> Result<Found, Refusal> {
        match command {
            [Operand::Function(name), operands @ ..] => self.function(name, operands, piped, dot),
            [Operand::Field(path), key] if path.names == ["Label"] && piped.is_none() => {
                let key = shown(&self.operand(key, dot)?.value);
                let text = match self.fields {
                    Fields::Titles(title) => title(&key),
                    Fields::Row(_) => self.row[LABELS][&key].as_str().unwrap_or_default().to_owned(),
                };
                Ok(Found { value: text.into(), origin: Origin::Row })
            }
            [operand] if piped.is_none() => self.operand(operand, dot),
            _ => Err("can't give argument to non-function".into()),
        }
    }

    fn function(
        &mut self,
        name: &str,
        operands: &[Operand],
        piped: Option<Found>,
        dot: &Value,
    ) -> Result<Found, Refusal> {
        let as_it_came = name == "json";
        let mut arguments = Vec::new();
        for operand in operands {
            let found = self.operand(operand, dot)?;
            let value = if as_it_came { found.value } else { found.harmless() };
            let decides = match name {
                "and" => !is_true(&value),
                "or" => is_true(&value),
                _ => false,
            };
            arguments.push(value);
            if decides {
                return Ok(Found { value: arguments.pop().unwrap_or_default(), origin: Origin::Made });
            }
        }
        arguments.extend(piped.map(|found| if as_it_came { found.value } else { found.harmless() }));
        let value = match (self.fields, arguments.as_slice()) {
            // Docker's titles are shown as they are, whatever is done to what stands below them.
            (Fields::Titles(_), [title, ..])
                if matches!(name, "json" | "split" | "join" | "title" | "lower" | "upper" | "pad" | "truncate") =>
            {
                title.clone()
            }
            _ => function::call(name, &arguments)?,
        };
        Ok(Found { value, origin: Origin::Made })
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Found, Refusal> {
        let (of, path) = match operand {
            Operand::Literal(value) => return Ok(Found { value: value.clone(), origin: Origin::Made }),
            Operand::Function(name) => return self.function(name, &[], None, dot),
            Operand::Field(path) => (dot.clone(), path),
            Operand::Variable(name, path) if name.is_empty() => (self.row.clone(), path),
            Operand::Variable(name, path) => {
                let found = self.variables.iter().rev().find(|(have, _)| have == name);
                (found.ok_or_else(|| format!("undefined variable \"${name}\""))?.1.clone(), path)
            }
            Operand::Inner(pipeline, None) => return self.pipeline(pipeline, dot),
            Operand::Inner(pipeline, Some(path)) => (self.pipeline(pipeline, dot)?.value, path),
        };
        let top = match operand {
            Operand::Field(_) => std::ptr::eq(dot, self.row),
            Operand::Variable(name, _) => name.is_empty(),
            _ => false,
        };
        self.look_up(of, path, top).map_err(|mut refusal| {
            let before = match operand {
                Operand::Variable(name, _) => format!("${name}"),
                Operand::Inner(..) => "(...)".to_owned(),
                _ => String::new(),
            };
            refusal.why = path.place.says(&format!("{before}.{}", path.names.join(".")), &refusal.why);
            refusal
        })
    }

    fn look_up(&self, of: Value, path: &Path, top: bool) -> Result<Found, Refusal> {
        let row = match (self.fields, path.names.last()) {
            (Fields::Titles(title), Some(name)) => return Ok(Found { value: title(name).into(), origin: Origin::Row }),
            (Fields::Titles(_), None) => Of::Object,
            (Fields::Row(row), _) => row,
        };
        let (mut value, mut origin) = (of, Origin::Row);
        for (depth, name) in path.names.iter().enumerate() {
            value = match value {
                // A map's missing name is no mistake in Go, whatever is asked of it then.
                Value::Null if origin == Origin::Nowhere => Value::Null,
                Value::Null => return Err(format!("nil data; no entry for key {name:?}").into()),
                Value::Object(mut fields) => match fields.remove(name) {
                    Some(Value::Null) => field::empty(name).unwrap_or_default(),
                    Some(inner) => inner,
                    None if field::is_map(&path.names[..depth], &fields) => {
                        origin = Origin::Nowhere;
                        Value::Null
                    }
                    None => {
                        let of_docker = field::empty(name).filter(|_| row == Of::Object);
                        // Docker looks again in the JSON then, where there is no such name.
                        let is_last = depth + 1 == path.names.len();
                        match of_docker.filter(|empty| is_last || !empty.is_null()) {
                            Some(empty) => empty,
                            None => return Err(unknown(name, &fields, row, top && depth == 0)),
                        }
                    }
                },
                other => {
                    let type_name = if row == Of::Object { "interface {}" } else { kind(&other) };
                    return Err(format!("can't evaluate field {name} in type {type_name}").into());
                }
            };
        }
        Ok(Found { value, origin })
    }
}

/// The refusal of a field that there is not, at the `top` of a row or further down.
fn unknown(name: &str, fields: &serde_json::Map<String, Value>, row: Of, top: bool) -> Refusal {
    let why = match row {
        Of::Row(type_name) | Of::TriedRow(type_name) | Of::Value(type_name) if top => {
            format!("can't evaluate field {name} in type {type_name}")
        }
        _ => format!("map has no entry for key {name:?}"),
    };
    let known: Vec<_> = fields.keys().filter(|name| *name != LABELS).map(|name| format!(".{name}")).collect();
    Refusal { why, hint: Some(format!("there are {}", known.join(" "))) }
}

impl Found {
    fn harmless(self) -> Value {
        if self.origin == Origin::Made { self.value } else { harmless(self.value) }
    }
}
