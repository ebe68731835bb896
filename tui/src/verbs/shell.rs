//! What the shell and the account need: completions, the manual page, the settings file.

use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::console::settings;
use crate::output;

/// Prints completions for `shell`.
///
/// # Errors
/// Standard output is closed or full.
pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "halligan", &mut script);
    Ok(output::line(String::from_utf8_lossy(&script).trim_end())?)
}

/// Prints the manual page, the verbs' pages after the main one; with `folder` writes one file for each command there.
///
/// # Errors
/// Standard output is closed or full; a folder that cannot be written.
pub fn man(folder: Option<&Path>) -> Result<()> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .with_context(|| format!("cannot write manual pages to {}; choose another --dir", folder.display()))?;
        output::talk(&format!("manual pages are in {}", folder.display()));
        return Ok(());
    }
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        clap_mangen::Man::new(verb.clone()).render(&mut page)?;
    }
    Ok(output::line(String::from_utf8_lossy(&page).trim_end())?)
}

/// Prints a settings file that holds the defaults, and says where it is looked for.
///
/// # Errors
/// Standard output is closed or full.
pub fn settings() -> Result<()> {
    match settings::path() {
        Some(path) if path.exists() => output::talk(&format!("this account's settings: {}", path.display())),
        Some(path) => output::talk(&format!("no settings yet; write what follows to {}", path.display())),
        None => output::talk("this account has no folder for settings"),
    }
    Ok(output::line(settings::example().trim_end())?)
}
