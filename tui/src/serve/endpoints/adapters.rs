//! `/lora-adapters`: the generations of adapters on this device, as an inference server lists them.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::serve::app::App;
use crate::serve::error::ApiError;

/// All adapters, the refused ones with the reason. `scale` is what `active` uses of each; the `id` is a
/// model name for requests.
///
/// # Errors
/// An unreadable record of generations.
pub async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let generations = app.generations().await?;
    let adapters = generations.iter().filter(|generation| generation.id != halligan_runtime::generations::BASE);
    let rows: Vec<Value> = adapters
        .map(|generation| {
            json!({
                "id": generation.id,
                "scale": if generation.active { 1.0 } else { 0.0 },
                "active": generation.active,
                "origin": generation.origin,
                "parent": generation.parent,
                "created": generation.created_at,
                "size_bytes": generation.size_bytes,
                "rejected": generation.rejected,
            })
        })
        .collect();
    Ok(Json(Value::Array(rows)))
}
