//! What is shown while something takes longer than a second. Drawn on standard error, and only on a terminal.

use std::{future::Future, pin::pin, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// How long a wait stays silent.
const SILENT: Duration = Duration::from_secs(1);
/// How often the sign of waiting moves.
const TICK: Duration = Duration::from_millis(120);

/// Awaits `work`; says what is waited for when it takes longer than a second.
pub(crate) async fn waiting<F: Future>(what: &str, work: F) -> F::Output {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(SILENT, &mut work).await {
        return done;
    }
    let spinner = ProgressBar::new_spinner();
    spinner.set_message(what.to_owned());
    spinner.enable_steady_tick(TICK);
    let done = work.await;
    spinner.finish_and_clear();
    done
}

/// A bar over the objects of a file.
pub(crate) fn objects(name: &str, length: usize, json: bool) -> ProgressBar {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(length) };
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} objects, {per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar
}
