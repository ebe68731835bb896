//! What the shell and the account need: completions, the manual page, the settings file.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;
use crate::console::settings;
use crate::output;

/// How a paragraph at the end of the help begins, and the section that the manual makes of it.
const SECTIONS: [(&str, &str); 2] = [("Exit codes:", "EXIT STATUS"), ("Environment:", "ENVIRONMENT")];

/// Prints completions for `shell`.
///
/// # Errors
/// Standard output is closed or full.
pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut without_hidden(&Cli::command()), "halligan", &mut script);
    Ok(output::line(String::from_utf8_lossy(&script).trim_end())?)
}

/// Prints the manual page, the verbs' pages after the main one; with `folder` writes one file for each command there.
///
/// # Errors
/// Standard output is closed or full; a folder that cannot be written.
pub fn man(folder: Option<&Path>) -> Result<()> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)
            .and_then(|()| write_pages(&built(), folder))
            .with_context(|| format!("cannot write manual pages to {}; choose another --dir", folder.display()))?;
        output::talk(&format!("manual pages are in {}", folder.display()));
        return Ok(());
    }
    let mut pages = Vec::new();
    let command = built();
    render(&command, &mut pages)?;
    for verb in command.get_subcommands() {
        render(verb, &mut pages)?;
    }
    Ok(output::line(String::from_utf8_lossy(&pages).trim_end())?)
}

/// The command line without what only the program itself calls.
fn without_hidden(command: &Command) -> Command {
    Command::new("halligan")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}

fn built() -> Command {
    let whole = Cli::command();
    let mut command = without_hidden(&whole).disable_help_subcommand(true);
    if let Some(about) = whole.get_about() {
        command = command.about(about.clone());
    }
    if let Some(end) = whole.get_after_help() {
        command = command.after_help(end.clone());
    }
    command.build();
    command
}

/// A file for the command and for each one below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let mut page = Vec::new();
    render(command, &mut page)?;
    std::fs::write(folder.join(Man::new(command.clone()).get_filename()), page)?;
    command.get_subcommands().try_for_each(|verb| write_pages(verb, folder))
}

/// A page, whose sections after the options are those that manuals have.
fn render(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    // Options and arguments with their values, as the help shows them.
    let man = Man::new(command.clone().override_usage(usage.trim_start_matches("Usage: ").to_owned()));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    let end = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for paragraph in end.lines().filter(|line| !line.is_empty()) {
        let (heading, text) = SECTIONS
            .iter()
            .find_map(|(begin, heading)| Some((*heading, paragraph.strip_prefix(begin)?)))
            .unwrap_or(("NOTES", paragraph));
        let mut section = Roff::new();
        section.control("SH", [heading]).text([roman(text.trim_start())]);
        section.to_writer(page)?;
    }
    man.render_version_section(page)
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
