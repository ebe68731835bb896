//! Entry point of `halligan`; see the library for everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    name_a_runtime_folder();
    forget_an_empty_home();
    halligan_tui::cli::run()
}

/// Without the variable (containers, services) Mesa's Vulkan driver complains on standard error about a missing Wayland,
/// whatever it is asked.
fn name_a_runtime_folder() {
    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    if cfg!(target_os = "linux") && std::env::var_os(VARIABLE).is_none_or(|folder| folder.is_empty()) {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::set_var(VARIABLE, std::env::temp_dir()) };
    }
}

/// An empty variable names no folder, and is as good as none.
fn forget_an_empty_home() {
    const VARIABLE: &str = "HALLIGAN_HOME";
    if std::env::var_os(VARIABLE).is_some_and(|folder| folder.is_empty()) {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::remove_var(VARIABLE) };
    }
}
