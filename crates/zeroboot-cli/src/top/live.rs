//! The terminal: raw and on its second screen while this runs, and as it was before however this ends.
//!
//! A thread of its own looks once a second, so that a process that does not answer holds no key up. Never here: what is
//! shown.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};
use ratatui::DefaultTerminal;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::column::Column;
use super::screen::Screen;
use super::watch::{Picture, Watch};
use crate::failure::Failure;

/// How often the sandboxes are looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// How long their pages may be read each time.
const FOR_PAGES: Duration = Duration::from_millis(4);

/// How soon a signal or a new picture is noticed, in milliseconds.
const TICK: u8 = 100;

/// Shows the tables until somebody wants no more of them. Gives the exit status.
pub(super) fn run() -> Result<u8, Failure> {
    let ended_by = Arc::new(AtomicUsize::new(0));
    // A hang-up ends it as ever: there is no terminal any more that could be put back.
    for signal in [SIGINT, SIGTERM] {
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, Arc::clone(&ended_by), number)
            .map_err(|error| Failure::new(format!("cannot handle signals: {error}"), "use --once"))?;
    }
    let selected = Arc::new(AtomicU32::new(0));
    let pictures = look(&selected)?;
    let _restored = Restored;
    // Its own end would panic where the terminal and with it standard error are gone; all that it does is done above.
    let mut terminal = ManuallyDrop::new(ratatui::try_init().map_err(|error| terminal_failure(&error))?);
    show(&mut terminal, &pictures, &selected, &ended_by)
}

/// Puts the terminal back when it is dropped; `ratatui` does so when there is a panic.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = ratatui::try_restore().and_then(|()| execute!(io::stdout(), Show));
    }
}

/// Looks until nobody wants to know any more.
fn look(selected: &Arc<AtomicU32>) -> Result<Receiver<Result<Picture, Failure>>, Failure> {
    let (tell, told) = channel();
    let selected = Arc::clone(selected);
    let looks = move || {
        let mut watch = Watch::new();
        let mut next = Instant::now();
        loop {
            let first = Some(selected.load(Ordering::Relaxed)).filter(|pid| *pid > 0);
            if tell.send(watch.look(first, FOR_PAGES)).is_err() {
                return;
            }
            next = (next + PERIOD).max(Instant::now());
            std::thread::sleep(next - Instant::now());
        }
    };
    let thread = std::thread::Builder::new().name("zeroboot-top".to_owned());
    let started = thread.spawn(looks);
    started.map_err(|error| Failure::new(format!("cannot start a thread: {error}"), "raise ulimit -u"))?;
    Ok(told)
}

fn show(
    terminal: &mut DefaultTerminal,
    pictures: &Receiver<Result<Picture, Failure>>,
    selected: &AtomicU32,
    ended_by: &AtomicUsize,
) -> Result<u8, Failure> {
    let mut screen = Screen::new();
    let mut changed = true;
    loop {
        match ended_by.load(Ordering::Relaxed) {
            0 => {}
            signal => return Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        }
        match pictures.try_recv() {
            Ok(picture) => {
                screen.show(picture?);
                changed = true;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(Failure::new("the thread that looks has ended", "start it again"));
            }
        }
        if changed {
            terminal.draw(|frame| screen.draw(frame)).map_err(|error| terminal_failure(&error))?;
            changed = false;
        }
        wait_for_input()?;
        while event::poll(Duration::ZERO).map_err(|error| terminal_failure(&error))? {
            changed = true;
            match event::read().map_err(|error| terminal_failure(&error))? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    if wants_to_quit(key) {
                        return Ok(0);
                    }
                    press(&mut screen, key.code);
                    selected.store(screen.selected.unwrap_or_default(), Ordering::Relaxed);
                }
                _ => {}
            }
        }
    }
}

/// Waits a moment. A terminal that is gone is an error: whoever reads keys would look for one without end.
fn wait_for_input() -> Result<(), Failure> {
    let stdin = io::stdin();
    let mut source = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    // A signal ends the waiting too: the terminal may have another size.
    let polled = poll(&mut source, TICK);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    if polled.is_ok() && source[0].revents().is_some_and(|events| events.intersects(gone)) {
        return Err(terminal_failure(&io::ErrorKind::BrokenPipe.into()));
    }
    Ok(())
}

fn wants_to_quit(key: KeyEvent) -> bool {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || (key.code == KeyCode::Char('c') && with_control)
}

fn press(screen: &mut Screen, code: KeyCode) {
    match code {
        KeyCode::Down | KeyCode::Char('j') => screen.step(1),
        KeyCode::Up | KeyCode::Char('k') => screen.step(-1),
        KeyCode::PageDown => screen.step(10),
        KeyCode::PageUp => screen.step(-10),
        KeyCode::Char(letter) => {
            if let Some(column) = Column::ALL.into_iter().find(|column| column.key() == letter) {
                screen.order = screen.order.by(column);
                screen.sort();
            }
        }
        _ => {}
    }
}

fn terminal_failure(error: &io::Error) -> Failure {
    Failure::new(format!("cannot use the terminal: {error}"), "use --once")
}
