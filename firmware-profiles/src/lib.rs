//! Device profiles, memory budgets and the framed serial link of Halligan.
//!
//! A profile says how one kind of device runs and trains a model: context, batches, threads, GPU
//! layers, cache type, adapter rank, memory budget, and when learning may run. The same bytes serve
//! a laptop that reads a JSON file and a microcontroller that gets them over a serial line, so this
//! crate uses neither std nor an allocator: every buffer has a fixed capacity, every rejected input
//! is a flat error that names the field.
//!
//! Reading the machine (core count, memory, board name) belongs to the caller, who fills a
//! [`HardwareProbe`]; this crate only decides.
//!
//! ```
//! use halligan_firmware_profiles::{
//!     Architecture, Budget, GpuKind, HardwareProbe, ModelShape, read_profile, select,
//! };
//!
//! // From a probe to a built-in profile.
//! let mut probe = HardwareProbe::new(4, 8_192, Architecture::Aarch64);
//! probe.set_board_name("Raspberry Pi 5 Model B Rev 1.0");
//! let selection = select(&probe);
//! assert_eq!(selection.name, "raspberry-pi-5");
//! let profile = selection.profile().capped_to(&probe);
//!
//! // From a profile and a model to a memory plan.
//! let model = ModelShape {
//!     model_bytes: 400_000_000,
//!     layers: 24,
//!     kv_heads: 2,
//!     head_dim: 64,
//! };
//! let budget = Budget::new(&profile, &model, profile.context_tokens, 0);
//! assert!(budget.fits());
//!
//! // From untrusted bytes to a typed error that names the field.
//! let error = read_profile(&b"{\"name\": \"bench\", \"wheels\": 4}"[..]).unwrap_err();
//! assert!(error.as_text().contains("wheels"));
//! assert_eq!(probe.gpu, GpuKind::None);
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod budget;
mod built_in;
mod error;
mod frame;
mod link;
mod probe;
mod profile;
mod read;

pub use budget::{AdapterShape, Budget, CONTEXT_STEP_TOKENS, ModelShape, largest_context_tokens, training_bytes};
pub use built_in::{built_in, built_in_names};
pub use error::{ERROR_TEXT_CAPACITY_BYTES, ErrorText, ProfileError, UNKNOWN_NAME_CAPACITY_BYTES};
pub use frame::{
    Decoder, ENCODED_CAPACITY_BYTES, EncodedFrame, FORMAT_VERSION, Frame, FrameError, FrameKind, PAYLOAD_CAPACITY_BYTES,
};
pub use link::{Link, LinkError, MESSAGE_CAPACITY_BYTES, Message, QUIET_LIMIT_BYTES, StatusLine};
pub use probe::{Architecture, BOARD_NAME_CAPACITY_BYTES, GpuKind, HardwareProbe, Reason, Selection, select};
pub use profile::{ALL_GPU_LAYERS, DESCRIPTION_CAPACITY_BYTES, Field, KvType, NAME_CAPACITY_BYTES, Profile};
pub use read::{PROFILE_LIMIT_BYTES, parse_profile, read_profile};
