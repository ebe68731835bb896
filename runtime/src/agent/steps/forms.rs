//! The forms in which a model may speak: words, or words and then a call.

use serde_json::{Value, json};

use super::{Speaker, Surroundings};
use crate::agent::catalogue::{Catalogue, DESCRIBE};
use crate::agent::families::{Family, escaped};

/// How the model writes calls, and the grammars of a step with and without them.
pub(super) struct Forms {
    pub(super) family: &'static Family,
    /// A call begins with a control token, which generated text does not show.
    pub(super) hidden: bool,
    pub(super) with_calls: String,
    pub(super) words_only: String,
}

impl Forms {
    pub(super) fn of(speaker: &dyn Speaker, around: &Surroundings<'_>) -> Forms {
        let family = Family::of(speaker.template());
        let control = if family.control { speaker.control_token(family.open) } else { None };
        let describe = describe_schema(around.catalogue);
        let tools = around.toolbox.tools().map(|(tool, schema)| (tool.name(), schema));
        let tools: Vec<(&str, &Value)> = tools.chain(describe.as_ref().map(|schema| (DESCRIBE, schema))).collect();
        let hidden = control.is_some();
        let open = escaped(family.visible_open(hidden));
        Forms {
            family,
            hidden,
            with_calls: family.grammar(&tools, control),
            words_only: format!("start: WORDS\nWORDS: /(?s:.*)/ & ~/(?s:.*){open}(?s:.*)/\n"),
        }
    }
}

/// The schema of [`DESCRIBE`], where some tools are only named.
fn describe_schema(catalogue: &Catalogue) -> Option<Value> {
    (!catalogue.deferred.is_empty()).then(|| {
        json!({
            "type": "object", "properties": {"name": {"enum": catalogue.deferred}},
            "required": ["name"], "additionalProperties": false,
        })
    })
}
