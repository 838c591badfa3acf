//! `zeroboot top`: the templates, pools and sandboxes of all processes of the user that publish theirs.
//!
//! | module | does |
//! |---|---|
//! | `watch` | asks the processes, looks at their sandboxes from outside |
//! | `column` | what is shown of a sandbox, and in which order |
//! | `summary` | what is shown of a template |
//! | `live` | the terminal: keys, signals, and its restoring |
//! | `screen` | draws |
//!
//! Never here: a word to a sandbox, or to the process that has it.

mod column;
mod live;
mod screen;
mod summary;
mod watch;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use self::column::{Column, Order};
use self::watch::{Picture, Watch};
use crate::arguments::TopOptions;
use crate::failure::Failure;

/// How long rates are taken over where there is one table only.
const SPAN: Duration = Duration::from_millis(500);

pub(crate) fn run(options: &TopOptions) -> Result<u8, Failure> {
    if !options.once && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return live::run();
    }
    let mut watch = Watch::new();
    watch.look(None, Duration::ZERO)?;
    std::thread::sleep(SPAN);
    let mut picture = watch.look(None, Duration::MAX)?;
    Order::default().sort(&mut picture.rows);
    std::io::stdout()
        .write_all(table(&picture).as_bytes())
        .map_err(|error| Failure::stream("cannot write to standard output", &error))?;
    Ok(0)
}

/// What there is in all, in a line.
fn headline(picture: &Picture) -> String {
    let parked = picture.rows.iter().filter(|row| row.is_parked()).count();
    let count = |number: usize, one: &str, many: &str| {
        if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
    };
    if picture.processes == 0 {
        return "nobody has sandboxes to show: a `zeroboot run`, or a program that publishes".to_owned();
    }
    format!(
        "{}, {}, {}, {parked} of them parked",
        count(picture.processes, "process", "processes"),
        count(picture.templates.len(), "template", "templates"),
        count(picture.rows.len(), "sandbox", "sandboxes"),
    )
}

/// All of it as plain text.
fn table(picture: &Picture) -> String {
    let mut text = format!("zeroboot top: {}\n", headline(picture));
    let mut add = |cells: Vec<(String, usize)>| {
        let mut line = String::new();
        for (index, (cell, width)) in cells.into_iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(line, "{gap}{cell:>width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    if !picture.templates.is_empty() {
        add(summary::COLUMNS.map(|(title, width)| (title.to_owned(), width)).to_vec());
    }
    for template in &picture.templates {
        let widths = summary::COLUMNS.map(|(_, width)| width);
        add(template.cells().into_iter().zip(widths).collect());
    }
    if !picture.rows.is_empty() {
        add(Column::ALL.map(|column| (column.title().to_owned(), column.width())).to_vec());
    }
    for row in &picture.rows {
        add(Column::ALL.map(|column| (column.cell(row), column.width())).to_vec());
    }
    text
}
