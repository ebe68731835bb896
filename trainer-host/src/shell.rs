//! Shell completions and the manual page, made from the command line's own description.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::Cli;

/// Prints completions for `shell`.
///
/// # Errors
/// None; the signature is that of every verb.
pub fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "halligan-host", &mut script);
    crate::print_data(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page, the verbs' pages after the main one; with `folder` writes one file for each command there.
///
/// # Errors
/// What the renderer said; a folder that cannot be written.
pub fn man(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .with_context(|| format!("cannot write manual pages to {}; choose another --dir", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        clap_mangen::Man::new(verb.clone()).render(&mut page)?;
    }
    crate::print_data(String::from_utf8_lossy(&page).trim_end());
    Ok(ExitCode::SUCCESS)
}
