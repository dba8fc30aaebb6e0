//! `cargo xtask up`: from a clean clone to the welcome page, fetched through `localhost`.

use crate::checkout::Checkout;
use crate::steps::{Note, Problem, Steps, seconds};
use crate::{build, packages, process};
use anyhow::{Context, Result};
use std::process::{Command, Stdio};

/// Does everything; `window` opens it where there is a display.
pub(crate) fn up(checkout: &Checkout, yes: bool, window: bool) -> Result<()> {
    let steps = Steps::new();
    steps.run("system packages", |note| packages::install_missing(checkout, yes, note))?;
    build::all(checkout, &steps)?;
    steps.run("machine", |note| machine(checkout, note))?;
    let url = steps.run("welcome container", |note| welcome(checkout, note))?;
    let page = steps.run("welcome page", |note| fetch(&url, note))?;
    println!();
    println!("{}", text_of(&page));
    println!();
    println!("The welcome container answers at {url}  ({} in all)", seconds(steps.elapsed()));
    println!("Try: cargo xtask berth ps     Stop everything: cargo xtask berth down");
    if window {
        open_window(checkout)?;
    }
    Ok(())
}

/// Runs the built `berth` in place of xtask.
pub(crate) fn berth(checkout: &Checkout, arguments: &[String]) -> Result<()> {
    let program = checkout.program("berth");
    if !program.exists() {
        return Err(Problem::because("berth has not been built yet", "build and start it with: cargo xtask up"));
    }
    let error = std::os::unix::process::CommandExt::exec(Command::new(&program).args(arguments));
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

fn machine(checkout: &Checkout, note: &Note) -> Result<()> {
    let (status, lines) =
        process::capture(checkout, "up", Command::new(checkout.program("berth")).arg("up"), |line| note.set(line))?;
    if !status.success() {
        let why =
            lines.iter().rev().find(|line| line.starts_with("berth:")).cloned().unwrap_or_else(|| lines.join("\n"));
        return Err(Problem::because(why, "look at the machine's console: cargo xtask berth logs"));
    }
    note.set(lines.last().cloned().unwrap_or_default());
    Ok(())
}

fn welcome(checkout: &Checkout, note: &Note) -> Result<String> {
    let output = Command::new(checkout.program("berth")).arg("welcome").stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        return Err(Problem::because(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            "see what runs with: cargo xtask berth ps -a",
        ));
    }
    let text = String::from_utf8(output.stdout)?;
    let url = text
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .context("`berth welcome` printed no address")?;
    note.set(url);
    Ok(url.to_owned())
}

fn fetch(url: &str, note: &Note) -> Result<String> {
    let page = ureq::get(url).call().and_then(|mut answer| answer.body_mut().read_to_string()).map_err(|error| {
        Problem::because(
            format!("{url} did not answer: {error}"),
            "read the container's log: cargo xtask berth logs welcome",
        )
    })?;
    note.set(format!("{} bytes", page.len()));
    Ok(page)
}

/// What a browser would show of the page: the text of its body, a line a block.
fn text_of(page: &str) -> String {
    let body = page.split_once("<body").map_or(page, |(_, body)| body);
    let mut text = String::new();
    for piece in body.split('<').skip(1) {
        if let Some((tag, words)) = piece.split_once('>') {
            let block = ["/h", "/p", "/li", "/div", "br"].iter().any(|start| tag.starts_with(start));
            if !["script", "style"].iter().any(|skip| tag.starts_with(skip)) {
                text.push_str(&words.replace(['\n', '\r'], " "));
            }
            if block {
                text.push('\n');
            }
        }
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

fn open_window(checkout: &Checkout) -> Result<()> {
    if std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none() {
        println!("There is no display here, so the window was not opened.");
        return Ok(());
    }
    let mut command = Command::new(checkout.program("berth-desktop"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().context("cannot open the window")?;
    println!("The window is open.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_shown_as_its_text() {
        let page = "<html><head><title>t</title></head><body class=a><h1>Hello</h1><style>p{}</style>\n<p>one <b>two</b></p></body>";
        assert_eq!(text_of(page), "   Hello\n   one two");
    }
}
