//! How the server is started: where it listens, who may ask, and how much.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

/// Flags of `halligan serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Port to listen on; 0 takes a free one and prints it
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub port: u16,
    /// Address to listen on; only this machine's own (loopback) addresses are taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: String,
    /// Sentence encoder (GGUF) for /v1/embeddings [default: that of the home, if it has one]
    #[arg(long, value_name = "PATH")]
    pub encoder: Option<PathBuf>,
    /// Secret that clients must send as `Authorization: Bearer SECRET` [default: that of the environment variable
    /// HALLIGAN_TOKEN, else none is asked for]
    #[arg(long, value_name = "SECRET")]
    pub token: Option<String>,
    /// Largest request body in bytes
    #[arg(long, value_name = "N", default_value_t = 4 << 20, value_parser = clap::value_parser!(u64).range(1024..=1 << 30))]
    pub max_body_bytes: u64,
    /// Longest prompt in tokens [default: the context]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_prompt_tokens: Option<u32>,
    /// Most requests that wait; further ones are told to come back
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_queue: u32,
    /// Most seconds that a request may take, its time in the queue included
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Seconds that running requests get to finish after Ctrl-C or SIGTERM
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub grace: u64,
}

/// Bounds on what one client may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest request body.
    pub body_bytes: usize,
    /// Longest prompt in tokens.
    pub prompt_tokens: usize,
    /// Most requests that wait.
    pub queue: usize,
    /// Longest time from arrival to the last byte.
    pub request: Duration,
    /// Time for running requests after the signal to stop.
    pub grace: Duration,
}

/// Prompts or inputs of one request, choices included.
pub const STEPS_MAX: usize = 1024;

impl ServeArgs {
    /// The limits that the flags set.
    pub fn limits(&self) -> Limits {
        Limits {
            body_bytes: usize::try_from(self.max_body_bytes).unwrap_or(usize::MAX),
            prompt_tokens: self.max_prompt_tokens.map_or(usize::MAX, |tokens| tokens as usize),
            queue: self.max_queue as usize,
            request: Duration::from_secs(self.timeout),
            grace: Duration::from_secs(self.grace),
        }
    }

    /// The address to bind.
    ///
    /// # Errors
    /// A name that does not resolve, and every address that other machines could reach: the model
    /// answers whoever connects, and the device carries what was said in confidence.
    pub fn address(&self) -> Result<SocketAddr> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            // Only this one name: others may resolve to anything tomorrow.
            Err(_) if host.eq_ignore_ascii_case("localhost") => (host, self.port)
                .to_socket_addrs()
                .with_context(|| format!("cannot resolve --host {host}; use 127.0.0.1"))?
                .collect(),
            Err(_) => bail!("--host {host} is no loopback address; use 127.0.0.1, ::1 or localhost"),
        };
        match addresses.iter().find(|address| !address.ip().is_loopback()) {
            Some(_) => bail!(
                "--host {host} would let other machines in; halligan serves 127.0.0.1, ::1 or localhost only. \
                 To reach it from elsewhere, forward the port: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE",
                port = self.port
            ),
            None => addresses.first().copied().context("--host localhost has no address; use 127.0.0.1"),
        }
    }

    /// The secret, if one is asked for; that of the environment where the flag names none.
    ///
    /// # Errors
    /// As [`ServeArgs::secret_or`].
    pub fn secret(&self) -> Result<Option<String>> {
        // Bytes that are no text make a secret that is refused, not one that is left out.
        let variable = std::env::var_os("HALLIGAN_TOKEN").map(|token| token.to_string_lossy().into_owned());
        self.secret_or(variable.as_deref())
    }

    /// The secret of the flag, else of the environment. A variable that is empty is none.
    ///
    /// # Errors
    /// An empty flag, which would look like protection and be none; characters that no header can carry.
    pub fn secret_or(&self, variable: Option<&str>) -> Result<Option<String>> {
        let variable = variable.map(str::trim).filter(|token| !token.is_empty());
        match self.token.as_deref().map(str::trim).or(variable) {
            None => Ok(None),
            Some("") => bail!("the token is empty; give a secret with --token, or leave it out"),
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                bail!("the token holds a character that no HTTP header can carry; use printable ASCII without spaces")
            }
            Some(token) => Ok(Some(token.to_owned())),
        }
    }
}
