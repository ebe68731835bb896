//! How commands end: exit codes and environment, as the help and the manual say them.
//!
//! One line for each paragraph, which the help wraps to the terminal; the manual makes a section of those that begin
//! with `Exit codes:` or `Environment:`.

/// The end of the program's help.
pub const PROGRAM: &str = "\
Without a verb, the console starts: on the whole screen, as plain text (--screen-reader), or as JSON lines for programs \
(--json). `halligan settings` shows where its keys and colours are set.

Exit codes: 0 success, 1 a failure that standard error explains (`doctor`: something is wrong), 2 a command line that \
cannot be understood, 3 not done as asked (`ask`: the answer is withheld, or its tool was not allowed or failed; `tools \
call`: not allowed; `feedback`: it would drop a correction; `learn`: the update was refused, the adapter stays), 130 \
interrupted.

Environment: HALLIGAN_HOME names the folder of --home. HALLIGAN_LOG=debug shows what happens inside. NO_COLOR is respected.";

/// The end of the help of `ask`.
pub const ASK: &str = "\
Exit codes: 0 answered, 1 a failure that standard error explains, 2 a command line that cannot be understood, 3 the answer \
is withheld, or its tool was not allowed or failed, 130 interrupted.";

/// The end of the help of `learn`.
pub const LEARN: &str = "\
Exit codes: 0 the update answers from now on, 1 a failure that standard error explains, 2 a command line that cannot be \
understood, 3 the update was refused and the adapter stays, 130 interrupted.";

/// The end of the help of `doctor`.
pub const DOCTOR: &str = "\
Exit codes: 0 all is well, 1 something stands in the way of answers, 2 a command line that cannot be understood.";
