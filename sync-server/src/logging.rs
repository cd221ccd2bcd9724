//! Logs: structured, to the standard error stream, without names, texts, tokens, addresses or bodies.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Logging};

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
#[error("read the log filter `{0}`. Use error, warn, info or debug, or a list such as info,fieldsync_server=debug")]
pub struct FilterError(String);

/// Starts logging for the process. A second start changes nothing.
///
/// # Errors
/// [`FilterError`] for a filter that cannot be read.
pub fn start(logging: &Logging, otherwise: &str) -> Result<(), FilterError> {
    let filter = logging.log.as_deref().unwrap_or(otherwise);
    let filter = EnvFilter::builder().parse(filter).map_err(|_| FilterError(filter.to_owned()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let _ = match logging.log_format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().with_current_span(true).with_span_list(false).try_init(),
    };
    Ok(())
}
