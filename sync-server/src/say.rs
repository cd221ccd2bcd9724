//! Standard output for commands. A reader that went away (`| head`) ends nothing: what it did not want is not written.

use std::fmt::Arguments;
use std::io::Write;

/// Writes to standard output.
pub(crate) fn write(text: Arguments<'_>) {
    // The only failure is that nobody reads any more, and there is nobody to tell.
    let _ = std::io::stdout().lock().write_fmt(text);
}

/// Says a line on standard output.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::say::write(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Says text on standard output as it is.
macro_rules! say_text {
    ($($text:tt)*) => {
        $crate::say::write(format_args!($($text)*))
    };
}
