//! A template's text for one value.

use super::{
    LABELS, function,
    parse::{Node, Operand, Pipeline},
    value::{harmless, is_true, shown},
};
use serde_json::Value;

/// A text that grows beyond this is none that anybody wants, bytes.
const LONGEST: usize = 64 << 20;
/// Loops within loops may go round so often altogether.
const MOST_ROUNDS: usize = 10_000_000;

/// What fields mean.
#[derive(Clone, Copy)]
pub(super) enum Fields<'a> {
    /// What the row says.
    Row,
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

/// A value, and whether it is the row's as it came: what is made of it first becomes harmless.
struct Found {
    value: Value,
    raw: bool,
}

impl<'a> Evaluation<'a> {
    pub(super) fn text(nodes: &[Node], row: &'a Value, fields: Fields<'a>) -> Result<String, String> {
        let mut evaluation = Self { row, fields, variables: vec![], rounds: 0, out: String::new() };
        match evaluation.nodes(nodes, row)? {
            Flow::On => Ok(evaluation.out),
            Flow::Break => Err("{{break}} outside {{range}}".to_owned()),
            Flow::Continue => Err("{{continue}} outside {{range}}".to_owned()),
        }
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
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

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, String> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Print(pipeline) => {
                let value = self.pipeline(pipeline, dot)?.harmless();
                if pipeline.variables.is_empty() {
                    self.out.push_str(&shown(&value));
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
        if self.out.len() > LONGEST { Err("the text becomes too long".to_owned()) } else { Ok(Flow::On) }
    }

    fn range(&mut self, pipeline: &Pipeline, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<Flow, String> {
        let found = self.commands(pipeline, dot)?.value;
        let entries: Vec<(Value, Value)> = match found {
            Value::Array(all) => all.into_iter().enumerate().map(|(at, value)| (at.into(), value)).collect(),
            Value::Object(all) => {
                all.into_iter().filter(|(key, _)| key != LABELS).map(|(key, value)| (key.into(), value)).collect()
            }
            Value::Null => vec![],
            other => return Err(format!("range can't iterate over {}", shown(&other))),
        };
        if entries.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, value) in entries {
            self.rounds += 1;
            if self.rounds > MOST_ROUNDS {
                return Err("the loops go round too often".to_owned());
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
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Found, String> {
        let found = self.commands(pipeline, dot)?;
        match pipeline.variables.as_slice() {
            [] => {}
            [name] if pipeline.assigns => match self.variables.iter_mut().rev().find(|(have, _)| have == name) {
                Some((_, value)) => value.clone_from(&found.value),
                None => return Err(format!("undefined variable \"${name}\"")),
            },
            [name] => self.variables.push((name.clone(), found.value.clone())),
            _ => return Err("only range gives two variables a value".to_owned()),
        }
        Ok(found)
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Found, String> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        last.ok_or_else(|| "missing value for command".to_owned())
    }

    fn command(&mut self, command: &[Operand], piped: Option<Found>, dot: &Value) -> Result<Found, String> {
        match command {
            [Operand::Function(name), operands @ ..] => self.function(name, operands, piped, dot),
            [Operand::Field(path), key] if path.as_slice() == ["Label"] && piped.is_none() => {
                let key = shown(&self.operand(key, dot)?.value);
                match self.fields {
                    Fields::Titles(title) => Ok(Found { value: title(&key).into(), raw: true }),
                    Fields::Row => Ok(Found { value: self.row[LABELS][&key].clone(), raw: true }),
                }
            }
            [operand] if piped.is_none() => self.operand(operand, dot),
            _ => Err("can't give argument to non-function".to_owned()),
        }
    }

    fn function(
        &mut self,
        name: &str,
        operands: &[Operand],
        piped: Option<Found>,
        dot: &Value,
    ) -> Result<Found, String> {
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
                return Ok(Found { value: arguments.pop().unwrap_or_default(), raw: false });
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
        Ok(Found { value, raw: false })
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Found, String> {
        let (of, path) = match operand {
            Operand::Literal(value) => return Ok(Found { value: value.clone(), raw: false }),
            Operand::Function(name) => return self.function(name, &[], None, dot),
            Operand::Field(path) => (dot.clone(), path),
            Operand::Variable(name, path) if name.is_empty() => (self.row.clone(), path),
            Operand::Variable(name, path) => {
                let found = self.variables.iter().rev().find(|(have, _)| have == name);
                (found.ok_or_else(|| format!("undefined variable \"${name}\""))?.1.clone(), path)
            }
            Operand::Inner(pipeline, path) if path.is_empty() => return self.pipeline(pipeline, dot),
            Operand::Inner(pipeline, path) => (self.pipeline(pipeline, dot)?.value, path),
        };
        let top = std::ptr::eq(dot, self.row) || matches!(operand, Operand::Variable(name, _) if name.is_empty());
        Ok(Found { value: self.look_up(of, path, top)?, raw: true })
    }

    fn look_up(&self, of: Value, path: &[String], top: bool) -> Result<Value, String> {
        if let (Fields::Titles(title), Some(name)) = (self.fields, path.last()) {
            return Ok(title(name).into());
        }
        let mut value = of;
        for (depth, name) in path.iter().enumerate() {
            value = match &mut value {
                Value::Object(fields) => match fields.remove(name) {
                    Some(inner) => inner,
                    // A map's missing key is no error in Go, and neither is a label that is not there.
                    None if depth > 0 || !top => Value::Null,
                    None => {
                        let names = fields.keys().filter(|name| *name != LABELS).map(|name| format!(".{name}"));
                        return Err(format!(
                            "there is no field .{name}; there are {}",
                            names.collect::<Vec<_>>().join(" ")
                        ));
                    }
                },
                Value::Null => Value::Null,
                other => return Err(format!("can't evaluate field {name} in {}", shown(other))),
            };
        }
        Ok(value)
    }
}

impl Found {
    fn harmless(self) -> Value {
        if self.raw { harmless(self.value) } else { self.value }
    }
}
