//! Go's templates as a tree.

use super::token::{Path, Piece, Token, pieces};
use serde_json::Value;
use std::iter::Peekable;

/// Blocks and parentheses may be nested so deep.
const MAX_DEPTH: usize = 50;

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Print(Pipeline),
    /// The first branch whose pipeline is true; the last may be the one for none.
    If(Vec<(Option<Pipeline>, Vec<Node>)>),
    With(Pipeline, Vec<Node>, Vec<Node>),
    Range(Pipeline, Vec<Node>, Vec<Node>),
    Break,
    Continue,
}

/// Commands, each of which gets the value of the one before it as its last argument.
#[derive(Debug, PartialEq)]
pub(super) struct Pipeline {
    /// The variables that get its value.
    pub(super) variables: Vec<String>,
    /// The variable is there already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A value, or the function at the beginning of a command.
#[derive(Debug, PartialEq)]
pub(super) enum Operand {
    Literal(Value),
    Field(Path),
    Variable(String, Path),
    Function(String),
    Inner(Pipeline, Option<Path>),
}

/// What ends a block.
#[derive(Debug)]
enum Stop {
    Text,
    End,
    Else(Vec<Token>),
}

type Pieces = Peekable<std::vec::IntoIter<Piece>>;
type Tokens = Peekable<std::vec::IntoIter<Token>>;

/// Reads a template; `plain` is done to the text between actions.
///
/// # Errors
/// One clause about what is not understood.
pub(super) fn parse(text: &str, plain: impl Fn(&str) -> String) -> Result<Vec<Node>, String> {
    let mut all = pieces(text, plain)?.into_iter().peekable();
    match block(&mut all, 0)? {
        (nodes, Stop::Text) => Ok(nodes),
        (_, Stop::End) => Err("unexpected {{end}}".to_owned()),
        (_, Stop::Else(_)) => Err("unexpected {{else}}".to_owned()),
    }
}

fn block(pieces: &mut Pieces, depth: usize) -> Result<(Vec<Node>, Stop), String> {
    if depth > MAX_DEPTH {
        return Err(format!("blocks are nested deeper than {MAX_DEPTH}"));
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let tokens = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(tokens) => tokens,
        };
        let keyword = match tokens.first() {
            Some(Token::Name(name)) => name.clone(),
            _ => String::new(),
        };
        let behind = || tokens[1..].to_vec();
        match keyword.as_str() {
            "end" => return Ok((nodes, Stop::End)),
            "else" => return Ok((nodes, Stop::Else(behind()))),
            "if" => nodes.push(branches(pieces, behind(), depth)?),
            "with" | "range" => {
                let pipeline = whole(behind())?;
                let (body, stop) = block(pieces, depth + 1)?;
                let otherwise = match stop {
                    Stop::End => vec![],
                    Stop::Else(more) if more.is_empty() => match block(pieces, depth + 1)? {
                        (otherwise, Stop::End) => otherwise,
                        _ => return Err(format!("{{{{{keyword}}}}} has no {{{{end}}}}")),
                    },
                    Stop::Else(_) => return Err(format!("{{{{{keyword}}}}} has an {{{{else}}}} with words behind it")),
                    Stop::Text => return Err(format!("{{{{{keyword}}}}} has no {{{{end}}}}")),
                };
                let node = if keyword == "with" { Node::With } else { Node::Range };
                nodes.push(node(pipeline, body, otherwise));
            }
            "break" => nodes.push(Node::Break),
            "continue" => nodes.push(Node::Continue),
            "define" | "template" | "block" | "call" => {
                return Err(format!("{{{{{keyword}}}}} is not supported by Berth: write the template in one piece"));
            }
            _ => nodes.push(Node::Print(whole(tokens)?)),
        }
    }
    Ok((nodes, Stop::Text))
}

fn branches(pieces: &mut Pieces, condition: Vec<Token>, depth: usize) -> Result<Node, String> {
    let mut all = Vec::new();
    let mut condition = Some(whole(condition)?);
    loop {
        let last = condition.is_none();
        let (body, stop) = block(pieces, depth + 1)?;
        all.push((condition, body));
        match stop {
            Stop::End => return Ok(Node::If(all)),
            Stop::Else(_) if last => return Err("{{if}} has two {{else}}".to_owned()),
            Stop::Else(more) if more.is_empty() => condition = None,
            Stop::Else(more) if more[0] == Token::Name("if".to_owned()) => condition = Some(whole(more[1..].to_vec())?),
            Stop::Else(_) => return Err("{{else}} has words behind it that are no if".to_owned()),
            Stop::Text => return Err("{{if}} has no {{end}}".to_owned()),
        }
    }
}

fn whole(tokens: Vec<Token>) -> Result<Pipeline, String> {
    let variables = declared(&tokens);
    let skipped = 2 * variables.len();
    let assigns = skipped > 0 && tokens[skipped - 1] == Token::Sign("=");
    let mut rest = tokens.into_iter().skip(skipped).collect::<Vec<_>>().into_iter().peekable();
    let pipeline = Pipeline { variables, assigns, commands: commands(&mut rest, 0)? };
    if rest.next().is_some() {
        return Err("unexpected \")\"".to_owned());
    }
    Ok(pipeline)
}

/// The variables in front of `:=` or `=`.
fn declared(tokens: &[Token]) -> Vec<String> {
    match tokens {
        [Token::Variable(name, path), Token::Sign(":=" | "="), ..] if path.names.is_empty() => vec![name.clone()],
        [Token::Variable(one, _), Token::Sign(","), Token::Variable(other, _), Token::Sign(":=" | "="), ..] => {
            vec![one.clone(), other.clone()]
        }
        _ => vec![],
    }
}

/// Up to the end, or to a closing parenthesis that is left for the caller.
fn commands(tokens: &mut Tokens, depth: usize) -> Result<Vec<Vec<Operand>>, String> {
    if depth > MAX_DEPTH {
        return Err(format!("parentheses are nested deeper than {MAX_DEPTH}"));
    }
    let (mut all, mut command) = (Vec::new(), Vec::new());
    while let Some(token) = tokens.next_if(|token| *token != Token::Sign(")")) {
        command.push(match token {
            Token::Sign("|") => {
                all.push(std::mem::take(&mut command));
                continue;
            }
            Token::Sign("(") => {
                let inner = Pipeline { variables: vec![], assigns: false, commands: commands(tokens, depth + 1)? };
                tokens.next().ok_or("unclosed left parenthesis")?;
                let path = match tokens.next_if(|token| matches!(token, Token::Field { spaced: false, .. })) {
                    Some(Token::Field { path, .. }) => Some(path),
                    _ => None,
                };
                Operand::Inner(inner, path)
            }
            Token::Sign(sign) => return Err(format!("unexpected {sign:?}")),
            Token::Text(text) => Operand::Literal(Value::String(text)),
            Token::Number(number) => Operand::Literal(
                serde_json::from_str(number.trim_start_matches('+'))
                    .map_err(|_| format!("bad number syntax: {number:?}"))?,
            ),
            Token::Field { path, .. } => Operand::Field(path),
            Token::Variable(name, path) => Operand::Variable(name, path),
            Token::Name(name) => match name.as_str() {
                "true" => Operand::Literal(Value::Bool(true)),
                "false" => Operand::Literal(Value::Bool(false)),
                "nil" => Operand::Literal(Value::Null),
                _ if super::function::exists(&name) => Operand::Function(name),
                _ => return Err(format!("function {name:?} not defined")),
            },
        });
    }
    all.push(command);
    if all.iter().any(Vec::is_empty) {
        return Err("missing value for command".to_owned());
    }
    Ok(all)
}
