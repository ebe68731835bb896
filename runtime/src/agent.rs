//! The agent: tools that look up and compute, and the loop in which a model may call them.
//!
//! A model decides nothing that a table or a formula can decide. [`Toolbox`] holds the tools and is the only way to run
//! one: it checks the arguments against the tool's schema, asks the responder before anything is changed, ends what
//! takes too long and reports every call. Models that are too small to call tools get the [`router`], which
//! recognises questions that a tool answers without any generation.

mod catalogue;
pub mod external;
pub mod families;
mod figures;
pub mod router;
pub mod steps;
pub mod tool;
pub mod toolbox;
pub mod tools;
mod untrusted;

pub use catalogue::Catalogue;
pub use families::Family;
pub use steps::{Answered, Event, Limits, Speaker, Stop, Surroundings, converse, describe};
pub use tool::{Tool, ToolContext};
pub use toolbox::{CallOptions, Toolbox};
