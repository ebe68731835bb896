//! `halligan serve`: the device as an OpenAI-compatible server for this machine.
//!
//! HTTP lives here and nowhere else. Handlers check a request, turn it into [`task::Step`]s and put them
//! into one [`queue::Queue`]; a thread of its own takes them out and asks the model, so nothing of the model
//! is ever touched by two requests at once. What the model says travels back through a channel, and a client
//! that leaves drops its end, which stops the work.

pub mod app;
pub mod backend;
pub mod body;
pub mod device;
pub mod endpoints;
pub mod error;
pub mod guard;
pub mod metrics;
pub mod options;
pub mod queue;
pub mod task;

use std::any::Any;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::serve::ListenerExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::cli::Common;
use crate::output;
use app::App;
use backend::Backend;
use device::Device;
use error::ApiError;
use options::ServeArgs;

/// Time to tell clients that the model is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// An address of other machines, a port in use, a model that cannot be used.
pub fn run(common: &Common, args: &ServeArgs) -> Result<()> {
    let address = args.address()?;
    let token = args.secret()?;
    let limits = args.limits();
    let (catalog, make_device) = Device::parts(&common.options(), args.encoder.clone(), limits.prompt_tokens)?;
    let app = App::new(Box::new(catalog), limits, token);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the server; check the limits of this account on threads and files")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}; choose another --port, or 0 for a free one"))?;
        announce(listener.local_addr()?, common.json)?;
        let stop = stop_signal()?;
        serve(listener, app, make_device, stop).await
    })
}

/// Where to reach the server: data for scripts, on standard output.
fn announce(address: SocketAddr, as_json: bool) -> Result<()> {
    if as_json {
        output::json(&json!({ "url": format!("http://{address}"), "port": address.port() }))
    } else {
        output::line(&format!("listening on http://{address}"))?;
        output::talk("OpenAI clients use this address with /v1; Ctrl-C stops");
        Ok(())
    }
}

/// Becomes true with the first signal; the second one ends the program at once.
fn stop_signal() -> Result<watch::Receiver<bool>> {
    let (sender, stop) = watch::channel(false);
    ctrlc::set_handler(move || {
        if sender.send_replace(true) {
            std::process::exit(130);
        }
        output::talk("stopping when the running requests are answered; press Ctrl-C again to end at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

/// All routes behind the guard.
pub fn router(app: App) -> Router {
    endpoints::routes()
        .layer(from_fn_with_state(app.clone(), guard::admit))
        .layer(guard::cross_origin())
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| ApiError::thread_gone().into_response()))
        .with_state(app)
}

/// Serves `listener` with a backend that `make` makes on its own thread, until `stop` becomes true. Then
/// nothing more is accepted, and what runs has the grace time to finish.
///
/// # Errors
/// A model that cannot be used, a thread that cannot be started or has ended.
pub async fn serve<B, F>(listener: TcpListener, app: App, make: F, stop: watch::Receiver<bool>) -> Result<()>
where
    B: Backend,
    F: FnOnce() -> Result<B, ApiError> + Send + 'static,
{
    let (ended, model_ended) = tokio::sync::oneshot::channel();
    let worker = {
        let app = app.clone();
        std::thread::Builder::new().name("serve".to_owned()).spawn(move || {
            match make() {
                Ok(mut backend) => app.queue().run(&mut backend, |facts| app.loaded(facts)),
                Err(error) => app.loaded(Err(error)),
            }
            // The server has ended before the model did.
            let _ = ended.send(());
        })
    }
    .context("cannot start the thread of the model")?;

    let (close, closed) = watch::channel(false);
    let listener = listener.tap_io(|connection| {
        // Tokens are small and are to be seen at once. A connection that cannot do this still works.
        let _ = connection.set_nodelay(true);
    });
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(set(closed)).into_future();
    let model_is_gone = Cell::new(false);
    let until_the_end = async {
        let grace = tokio::select! {
            () = set(stop) => app.limits().grace,
            _ = model_ended => {
                model_is_gone.set(true);
                // What waits will never be answered, and is told so.
                app.queue().close();
                LAST_WORDS
            }
        };
        close.send_replace(true);
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = server => result.context("the server failed")?,
        () = until_the_end => {
            output::talk("requests that were still running have been ended");
        }
    }
    app.queue().close();
    let panicked = worker.join().is_err();
    match (panicked || model_is_gone.get(), app.facts()) {
        (false, _) => Ok(()),
        (true, Err(error)) => Err(anyhow!(error.message)),
        (true, Ok(_)) => Err(anyhow!(ApiError::thread_gone().message)),
    }
}

/// Waits until the flag is true.
async fn set(mut flag: watch::Receiver<bool>) {
    // An error means that no one can set it any more.
    if flag.wait_for(|flag| *flag).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Seconds since 1970 UTC; 0 on a device whose clock stands before that.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
