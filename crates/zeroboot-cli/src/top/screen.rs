//! Drawing: a line that sums up, the templates, the sandboxes, and the keys. No colour is needed to read it.
//!
//! Never here: where it comes from.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::column::{Column, Order};
use super::summary;
use super::watch::Picture;

/// The last line: what sorts by which column.
const KEYS: &str = "q quit  [p]id [t]emplate [s]tate [a]ge [c]pu [f]aults [m]emory c[o]py [b]ursts";

/// What is shown, and how.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) picture: Option<Picture>,
    pub(super) order: Order,
    /// Which sandbox is looked at, by its process.
    pub(super) selected: Option<u32>,
    table: TableState,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { picture: None, order: Order::default(), selected: None, table: TableState::default() }
    }

    /// Shows this from now on.
    pub(super) fn show(&mut self, picture: Picture) {
        self.picture = Some(picture);
        self.sort();
    }

    /// After the order has changed, or what is there.
    pub(super) fn sort(&mut self) {
        if let Some(picture) = &mut self.picture {
            self.order.sort(&mut picture.rows);
        }
    }

    /// Looks at the sandbox so many lines below, or above, the one that is looked at.
    pub(super) fn step(&mut self, lines: isize) {
        let rows = self.picture.as_ref().map_or(&[][..], |picture| &picture.rows);
        let index = match self.index() {
            Some(index) => index.saturating_add_signed(lines).min(rows.len().saturating_sub(1)),
            None => 0,
        };
        self.selected = rows.get(index).map(|row| row.pid);
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let selected = self.index();
        self.table.select(selected);
        let Some(picture) = &self.picture else {
            frame.render_widget(Paragraph::new("zeroboot top: looking"), frame.area());
            return;
        };
        // With its titles; the sandboxes have the larger part.
        let most = usize::from(frame.area().height / 3);
        let height = if picture.templates.is_empty() { 0 } else { (picture.templates.len() + 1).min(most) };
        let height = u16::try_from(height).unwrap_or(u16::MAX);
        let parts =
            [Constraint::Length(1), Constraint::Length(height), Constraint::Min(1), Constraint::Length(1)];
        let [top, templates, sandboxes, bottom] = Layout::vertical(parts).areas(frame.area());
        let headline = format!("zeroboot top: {}", super::headline(picture));
        frame.render_widget(Paragraph::new(headline).style(Style::new().add_modifier(Modifier::BOLD)), top);
        draw_templates(frame, templates, picture);
        draw_sandboxes(frame, sandboxes, picture, self.order, &mut self.table);
        frame.render_widget(Paragraph::new(KEYS), bottom);
    }

    fn index(&self) -> Option<usize> {
        let rows = &self.picture.as_ref()?.rows;
        rows.iter().position(|row| Some(row.pid) == self.selected)
    }
}

fn draw_templates(frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
    let titles = summary::COLUMNS.map(|(title, _)| title.to_owned());
    let rows = picture.templates.iter().map(|template| line(template.cells()));
    let table = Table::new(rows, summary::COLUMNS.map(|(_, width)| length(width)));
    frame.render_widget(table.header(line(titles).style(title())), area);
}

fn draw_sandboxes(
    frame: &mut Frame<'_>,
    area: Rect,
    picture: &Picture,
    order: Order,
    state: &mut TableState,
) {
    let titles = Column::ALL.map(|column| {
        let text = right(column.title().to_owned());
        let style = if column == order.column { title().add_modifier(Modifier::REVERSED) } else { title() };
        text.style(style)
    });
    let rows = picture.rows.iter().map(|row| line(Column::ALL.map(|column| column.cell(row))));
    let table = Table::new(rows, Column::ALL.map(|column| length(column.width())))
        .header(Row::new(titles))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, state);
}

fn line<const N: usize>(cells: [String; N]) -> Row<'static> {
    Row::new(cells.map(right))
}

fn right(text: String) -> Text<'static> {
    Text::from(text).alignment(Alignment::Right)
}

fn length(width: usize) -> Constraint {
    Constraint::Length(u16::try_from(width).unwrap_or(u16::MAX))
}

fn title() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_told_in_the_last_line() {
        for column in Column::ALL {
            assert!(KEYS.contains(&format!("[{}]", column.key())), "{column:?}");
        }
        assert!(KEYS.len() <= 80, "{}", KEYS.len());
    }
}
