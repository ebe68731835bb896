//! The list of programs: the `mcpServers` object that other clients read too, with `allow` added.
//!
//! ```json
//! {"mcpServers": {"weather": {"command": "weather-server", "args": ["--offline"], "env": {"STATION": "KDEN"},
//!                             "allow": ["forecast"], "readOnly": ["forecast"]}}}
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ToolError;

/// Largest file.
const BYTES_MAX: u64 = 256 * 1024;
/// Most programs.
const SERVERS_MAX: usize = 8;

/// What the file says.
#[derive(Debug, Deserialize)]
pub(super) struct Configuration {
    /// Programs by name.
    #[serde(rename = "mcpServers")]
    pub(super) servers: BTreeMap<String, Server>,
}

/// A program.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Server {
    /// The program, by path or found in PATH.
    pub(super) command: String,
    /// Its arguments.
    #[serde(default)]
    pub(super) args: Vec<String>,
    /// Variables of its environment; of this program's it gets PATH, HOME and LANG only.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Tools that may be called; without them it is not even started.
    #[serde(default)]
    pub(super) allow: Vec<String>,
    /// Those of them that change nothing and need not be asked for.
    #[serde(default, rename = "readOnly")]
    pub(super) read_only: Vec<String>,
}

impl Configuration {
    /// Reads the file; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Configuration>, ToolError> {
        let wrong = |reason: String| ToolError::Configuration { path: path.to_path_buf(), reason };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(format!("{error}; check its permissions"))),
            Ok(found) if found.len() > BYTES_MAX => {
                return Err(wrong(format!("it has {} bytes, the limit is {BYTES_MAX}; shorten it", found.len())));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("{error}; check its permissions")))?;
        let unfit = |reason: String| {
            wrong(format!("{reason}; write {{\"mcpServers\": {{NAME: {{\"command\": .., \"allow\": [..]}}}}}}"))
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| unfit(error.to_string()))?;
        // A list would pass for a structure, too.
        if !value.is_object() {
            return Err(unfit("it is no JSON object".to_owned()));
        }
        let configuration: Configuration = serde_json::from_value(value).map_err(|error| unfit(error.to_string()))?;
        if configuration.servers.len() > SERVERS_MAX {
            return Err(wrong(format!("it names more than {SERVERS_MAX} programs; take some out")));
        }
        Ok(Some(configuration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_names_no_programs_where_they_belong_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        assert!(Configuration::read(&path).unwrap().is_none());
        for wrong in ["[]", "[{}]", "{}", "{\"servers\": {}}", "{\"mcpServers\": []}", "null", "{"] {
            std::fs::write(&path, wrong).unwrap();
            let said = Configuration::read(&path).unwrap_err().to_string();
            assert!(said.contains("mcp.json") && said.contains("; write {\"mcpServers\""), "{wrong}: {said}");
        }
        std::fs::write(&path, "{\"mcpServers\": {}, \"theme\": \"dark\"}").unwrap();
        assert!(Configuration::read(&path).unwrap().unwrap().servers.is_empty());
    }
}
