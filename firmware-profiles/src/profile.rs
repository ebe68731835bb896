//! The profile: what one kind of device may use, and the range of every field.
//!
//! Units stand last in the names. The ranges are wide enough for any device of this decade and
//! narrow enough that a slipped digit is caught before a model is loaded.

use core::fmt;

use heapless::String;
use serde::Serialize;

use crate::error::ProfileError;
use crate::probe::HardwareProbe;

/// Longest profile name in bytes.
pub const NAME_CAPACITY_BYTES: usize = 32;
/// Longest description in bytes.
pub const DESCRIPTION_CAPACITY_BYTES: usize = 160;
/// The `gpu_layers` value that puts every layer on the GPU, however many the model has.
pub const ALL_GPU_LAYERS: u32 = 999;

/// Element type of the attention key and value cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum KvType {
    /// 4 bytes an element: the type for parity checks.
    #[serde(rename = "f32")]
    F32,
    /// 2 bytes an element: the usual type.
    #[serde(rename = "f16")]
    F16,
    /// 34 bytes for 32 elements: for devices with little memory.
    #[serde(rename = "q8_0")]
    Q8_0,
}

impl KvType {
    /// Every type, in the order of falling size.
    pub const ALL: [KvType; 3] = [KvType::F32, KvType::F16, KvType::Q8_0];

    /// The name used in profile files and by llama.cpp.
    pub fn name(self) -> &'static str {
        match self {
            KvType::F32 => "f32",
            KvType::F16 => "f16",
            KvType::Q8_0 => "q8_0",
        }
    }

    /// The type of that name, if there is one.
    pub fn from_name(name: &str) -> Option<KvType> {
        KvType::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Bytes of one cache row of `elements` values; a started block of `q8_0` counts whole.
    pub fn row_bytes(self, elements: u64) -> u64 {
        match self {
            KvType::F32 => elements.saturating_mul(4),
            KvType::F16 => elements.saturating_mul(2),
            KvType::Q8_0 => elements.div_ceil(32).saturating_mul(34),
        }
    }
}

impl fmt::Display for KvType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The fields of a profile, in file order; errors name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Name used by `--profile`.
    Name,
    /// One line for people.
    Description,
    /// Longest context.
    ContextTokens,
    /// Tokens handed to one decode call.
    BatchTokens,
    /// Tokens computed at once.
    MicroBatchTokens,
    /// CPU threads.
    Threads,
    /// Layers on the GPU.
    GpuLayers,
    /// Cache element type.
    KvType,
    /// Rank of field updates.
    TrainingRank,
    /// Longest training sequence.
    TrainingSequenceTokens,
    /// Memory for model, cache and training together.
    MemoryBudgetMib,
    /// Learn only while charging.
    LearnOnlyOnMainsPower,
    /// Learning pauses above this temperature.
    TemperatureCeilingCelsius,
    /// Less probable answers carry a warning.
    WarnBelowPercent,
    /// Less probable answers are withheld.
    RefuseBelowPercent,
    /// Own questions that may be refused as foreign.
    FalseRefusalsPercent,
    /// Questions with fewer telling words are asked back.
    ClarifyBelowWords,
}

impl Field {
    /// Every field, in file order. Those with a [usual value](Field::usual) may be absent.
    pub const ALL: [Field; 17] = [
        Field::Name,
        Field::Description,
        Field::ContextTokens,
        Field::BatchTokens,
        Field::MicroBatchTokens,
        Field::Threads,
        Field::GpuLayers,
        Field::KvType,
        Field::TrainingRank,
        Field::TrainingSequenceTokens,
        Field::MemoryBudgetMib,
        Field::LearnOnlyOnMainsPower,
        Field::TemperatureCeilingCelsius,
        Field::WarnBelowPercent,
        Field::RefuseBelowPercent,
        Field::FalseRefusalsPercent,
        Field::ClarifyBelowWords,
    ];

    /// The key in the JSON object.
    pub fn name(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Description => "description",
            Field::ContextTokens => "context_tokens",
            Field::BatchTokens => "batch_tokens",
            Field::MicroBatchTokens => "micro_batch_tokens",
            Field::Threads => "threads",
            Field::GpuLayers => "gpu_layers",
            Field::KvType => "kv_type",
            Field::TrainingRank => "training_rank",
            Field::TrainingSequenceTokens => "training_sequence_tokens",
            Field::MemoryBudgetMib => "memory_budget_mib",
            Field::LearnOnlyOnMainsPower => "learn_only_on_mains_power",
            Field::TemperatureCeilingCelsius => "temperature_ceiling_celsius",
            Field::WarnBelowPercent => "warn_below_percent",
            Field::RefuseBelowPercent => "refuse_below_percent",
            Field::FalseRefusalsPercent => "false_refusals_percent",
            Field::ClarifyBelowWords => "clarify_below_words",
        }
    }

    /// The field of that key, if there is one.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Smallest and largest allowed value, for the fields that are numbers.
    pub fn range(self) -> Option<(u32, u32)> {
        match self {
            Field::ContextTokens => Some((256, 1 << 20)),
            Field::BatchTokens => Some((1, 16_384)),
            Field::MicroBatchTokens => Some((1, 16_384)),
            Field::Threads => Some((0, 256)),
            Field::GpuLayers => Some((0, ALL_GPU_LAYERS)),
            Field::TrainingRank => Some((1, 256)),
            Field::TrainingSequenceTokens => Some((16, 65_536)),
            Field::MemoryBudgetMib => Some((64, 1 << 20)),
            Field::TemperatureCeilingCelsius => Some((40, 110)),
            Field::WarnBelowPercent | Field::RefuseBelowPercent => Some((0, 100)),
            Field::FalseRefusalsPercent => Some((0, 50)),
            Field::ClarifyBelowWords => Some((0, 10)),
            Field::Name | Field::Description | Field::KvType | Field::LearnOnlyOnMainsPower => None,
        }
    }

    /// The value of a file that does not have the field; `None` for the fields that every file must have.
    pub fn usual(self) -> Option<u32> {
        match self {
            Field::WarnBelowPercent => Some(70),
            Field::RefuseBelowPercent => Some(20),
            Field::FalseRefusalsPercent => Some(5),
            Field::ClarifyBelowWords => Some(1),
            _ => None,
        }
    }

    /// Longest value in bytes, for the fields that are text of the writer's choice.
    pub fn capacity_bytes(self) -> Option<usize> {
        match self {
            Field::Name => Some(NAME_CAPACITY_BYTES),
            Field::Description => Some(DESCRIPTION_CAPACITY_BYTES),
            _ => None,
        }
    }

    /// What a value of this field is, for error texts.
    pub fn expected(self) -> &'static str {
        match self {
            Field::Name | Field::Description => "a string",
            Field::KvType => "one of \"f32\", \"f16\", \"q8_0\"",
            Field::LearnOnlyOnMainsPower => "true or false",
            _ => "a whole number",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How one kind of device runs and trains a model.
///
/// Comes from [`read_profile`](crate::read_profile), [`parse_profile`](crate::parse_profile) or
/// [`built_in`](crate::built_in), which all validate; code that changes a field afterwards calls
/// [`Profile::validate`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Name used by `--profile`: lower-case letters, digits and hyphens.
    pub name: String<NAME_CAPACITY_BYTES>,
    /// One line for people, without control characters.
    pub description: String<DESCRIPTION_CAPACITY_BYTES>,
    /// Longest context; a model trained on less lowers it.
    pub context_tokens: u32,
    /// Tokens handed to one decode call, at most the context.
    pub batch_tokens: u32,
    /// Tokens computed at once, at most the batch; this sizes the compute buffers.
    pub micro_batch_tokens: u32,
    /// CPU threads; 0 means one for each core of the device.
    pub threads: u32,
    /// Layers on the GPU; 0 means none, [`ALL_GPU_LAYERS`] means all.
    pub gpu_layers: u32,
    /// Element type of the key and value cache.
    pub kv_type: KvType,
    /// Rank of the adapters that the device trains.
    pub training_rank: u32,
    /// Longest training sequence, at most the context.
    pub training_sequence_tokens: u32,
    /// Memory for model, cache and training together.
    pub memory_budget_mib: u32,
    /// Learn only on mains power; a device without a battery counts as on mains power.
    pub learn_only_on_mains_power: bool,
    /// Learning pauses while the hottest sensor is above this.
    pub temperature_ceiling_celsius: u32,
    /// Answers whose probability of being right is below carry a warning.
    #[serde(skip_serializing_if = "is_usual_warning")]
    pub warn_below_percent: u32,
    /// Answers whose probability of being right is below are withheld; at most the warning's.
    #[serde(skip_serializing_if = "is_usual_refusal")]
    pub refuse_below_percent: u32,
    /// Share of the domain's own questions that may be refused as foreign; 0 refuses none for that reason.
    #[serde(skip_serializing_if = "is_usual_false_refusals")]
    pub false_refusals_percent: u32,
    /// Questions with fewer words that name a subject are asked back; 0 asks none back.
    #[serde(skip_serializing_if = "is_usual_clarification")]
    pub clarify_below_words: u32,
}

// A usual value is not written: a receiver that does not know the field reads the profile all the same.

fn is_usual_warning(value: &u32) -> bool {
    Some(*value) == Field::WarnBelowPercent.usual()
}

fn is_usual_refusal(value: &u32) -> bool {
    Some(*value) == Field::RefuseBelowPercent.usual()
}

fn is_usual_false_refusals(value: &u32) -> bool {
    Some(*value) == Field::FalseRefusalsPercent.usual()
}

fn is_usual_clarification(value: &u32) -> bool {
    Some(*value) == Field::ClarifyBelowWords.usual()
}

impl Profile {
    /// The value of a numeric field, or `None` for the others.
    pub fn number(&self, field: Field) -> Option<u32> {
        match field {
            Field::ContextTokens => Some(self.context_tokens),
            Field::BatchTokens => Some(self.batch_tokens),
            Field::MicroBatchTokens => Some(self.micro_batch_tokens),
            Field::Threads => Some(self.threads),
            Field::GpuLayers => Some(self.gpu_layers),
            Field::TrainingRank => Some(self.training_rank),
            Field::TrainingSequenceTokens => Some(self.training_sequence_tokens),
            Field::MemoryBudgetMib => Some(self.memory_budget_mib),
            Field::TemperatureCeilingCelsius => Some(self.temperature_ceiling_celsius),
            Field::WarnBelowPercent => Some(self.warn_below_percent),
            Field::RefuseBelowPercent => Some(self.refuse_below_percent),
            Field::FalseRefusalsPercent => Some(self.false_refusals_percent),
            Field::ClarifyBelowWords => Some(self.clarify_below_words),
            Field::Name | Field::Description | Field::KvType | Field::LearnOnlyOnMainsPower => None,
        }
    }

    /// Checks characters, ranges and the limits between fields.
    ///
    /// # Errors
    /// [`ProfileError::BadCharacter`], [`ProfileError::OutOfRange`] or [`ProfileError::Conflict`],
    /// for the first field in file order that breaks a rule.
    pub fn validate(&self) -> Result<(), ProfileError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(ProfileError::BadCharacter { field: Field::Name });
        }
        if self.description.chars().any(char::is_control) {
            return Err(ProfileError::BadCharacter { field: Field::Description });
        }
        for field in Field::ALL {
            let (Some(value), Some((minimum, maximum))) = (self.number(field), field.range()) else {
                continue;
            };
            if !(minimum..=maximum).contains(&value) {
                return Err(ProfileError::OutOfRange { field, value: Some(value.into()) });
            }
        }
        for (field, limit_field) in [
            (Field::BatchTokens, Field::ContextTokens),
            (Field::MicroBatchTokens, Field::BatchTokens),
            (Field::TrainingSequenceTokens, Field::ContextTokens),
            (Field::RefuseBelowPercent, Field::WarnBelowPercent),
        ] {
            if self.number(field) > self.number(limit_field) {
                return Err(ProfileError::Conflict { field, limit_field });
            }
        }
        Ok(())
    }

    /// This profile with the memory budget lowered to what the probed device can spare: three
    /// quarters of its memory. A probe without a memory size changes nothing.
    pub fn capped_to(mut self, probe: &HardwareProbe) -> Profile {
        if probe.memory_mib > 0 {
            let (minimum, _) = Field::MemoryBudgetMib.range().unwrap_or((0, 0));
            let spare_mib = probe.memory_mib / 4 * 3;
            self.memory_budget_mib = self.memory_budget_mib.min(spare_mib).max(minimum);
        }
        self
    }

    /// CPU threads to start on the probed device: the profile's number, at most the core count,
    /// at least one.
    pub fn threads_on(&self, probe: &HardwareProbe) -> u32 {
        match (self.threads, probe.cpu_cores) {
            (0, cores) => cores.max(1),
            (threads, 0) => threads,
            (threads, cores) => threads.min(cores),
        }
    }

    /// The memory budget in bytes.
    pub fn memory_budget_bytes(&self) -> u64 {
        u64::from(self.memory_budget_mib) << 20
    }
}
